//! The semaphore as its users see it. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod cancel;
mod close;
mod many;
mod model;
mod panics;
mod scale;
mod traits;
