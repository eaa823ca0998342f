//! The event as its users see it. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod cancel;
mod hygiene;
mod model;
mod release;
mod scale;
mod traits;
