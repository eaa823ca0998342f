//! The crates together: what one promises must hold inside another.
#![cfg(feature = "full")]

mod guide;
mod together;
