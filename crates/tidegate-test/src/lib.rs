#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(not(tidegate_loom))]
mod crowd;
mod cut;
mod explorer;
mod leaked;
mod poll;
mod race;
pub mod server;

#[cfg(not(tidegate_loom))]
pub use crowd::{Member, crowd, fidget, give_up, member, pause};
pub use cut::{Cut, cut_everywhere};
pub use explorer::{Explorer, Held, Tested};
pub use leaked::leaked;
pub use poll::{CountingWaker, block_on, poll_once, poll_with};
pub use race::{race, spawn};
