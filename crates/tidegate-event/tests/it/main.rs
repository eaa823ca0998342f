//! The three types as their users see them. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod auto_reset_event;
mod cancel;
mod event;
mod hygiene;
mod latch;
mod model;
mod panics;
mod runtimes;
mod scale;
mod support;
mod traits;
mod wait;
