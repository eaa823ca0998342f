//! The waiting core as the primitives see it. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod blocking;
mod cancel;
mod condition;
mod hygiene;
mod leave;
mod locks;
mod misuse;
mod model;
mod order;
mod scale;
mod traits;
mod turns;
