//! The locks as their users see them. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod barging;
mod cancel;
mod dormant;
mod fair;
mod guards;
mod hygiene;
mod line;
mod model;
mod panics;
mod rw;
mod rw_model;
mod scale;
mod threads;
mod traits;
mod upgrade;
