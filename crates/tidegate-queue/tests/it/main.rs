//! The queues as their users see them. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

#[macro_use]
mod support;

mod blocking;
mod cancel;
mod hand_over;
mod hygiene;
mod join;
mod model;
mod order;
mod panics;
mod runtimes;
mod scale;
mod shutdown;
mod stream;
mod traits;
