//! The semaphore and the limiter as their users see them. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod cancel;
mod close;
mod hygiene;
mod idle;
mod limiter;
mod limiter_model;
mod line;
mod many;
mod model;
mod panics;
mod scale;
mod traits;
