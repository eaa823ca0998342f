// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Explorer`]: crate::Explorer
//! [`hold`]: crate::hold
//! [`cut_everywhere`]: crate::cut_everywhere
//! [`Cut`]: crate::Cut
//! [`poll_once`]: crate::poll_once
//! [`poll_with`]: crate::poll_with
//! [`CountingWaker`]: crate::CountingWaker
//! [`block_on`]: crate::block_on
//! [`race`]: crate::race
//! [`spawn`]: crate::spawn
//! [`crowd`]: crate::crowd
//! [`member`]: crate::member
//! [`give_up`]: crate::give_up
//! [`fidget`]: crate::fidget
//! [`pause`]: crate::pause
//! [`server`]: crate::server
//! [`leaked`]: crate::leaked
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
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
pub use explorer::{Explorer, Tested, hold};
pub use leaked::leaked;
pub use poll::{CountingWaker, block_on, poll_once, poll_with};
pub use race::{race, spawn};
