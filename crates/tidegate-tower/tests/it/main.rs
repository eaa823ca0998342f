//! What its users see. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod classify;
mod hints;
