//! What its users see. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod cancel;
mod classify;
mod concurrency;
mod deadline;
mod hints;
mod keys;
mod model;
mod panics;
mod pauses;
mod readiness;
mod retry;
mod shed;
mod sockets;
mod support;
mod traits;
