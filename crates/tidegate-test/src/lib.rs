//! Test support shared by the tidegate crates.
//!
//! - [`poll_once`], [`poll_with`], [`CountingWaker`], [`block_on`]: drive a future by hand, count its wakes.
//! - [`race`], [`spawn`]: one scenario body for a few hundred plain runs and for loom.
//! - [`Explorer`]: drop a future at every point of a scenario and check what must hold afterwards.
//! - [`Cut`]: the same for futures that need a runtime: dropped after 0, 1, 2, … polls.
//!
//! Never published. A crate lists it under `[dev-dependencies]` by path alone, which Cargo leaves out of the
//! published manifest.
#![forbid(unsafe_code)]

mod cut;
mod explorer;
mod poll;
mod race;

pub use cut::{Cut, cut_everywhere};
pub use explorer::{Explorer, Held, Tested};
pub use poll::{CountingWaker, block_on, poll_once, poll_with};
pub use race::{race, spawn};
