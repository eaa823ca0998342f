#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod cut;
mod explorer;
mod poll;
mod race;

pub use cut::{Cut, cut_everywhere};
pub use explorer::{Explorer, Held, Tested};
pub use poll::{CountingWaker, block_on, poll_once, poll_with};
pub use race::{race, spawn};
