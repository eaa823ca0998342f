// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Barrier`]: crate::Barrier
//! [`BarrierTurn`]: crate::BarrierTurn
//! [`Broken`]: crate::Broken
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod barrier;
mod meeting;
mod turn;

pub use barrier::{Barrier, BarrierStatistics};
pub use meeting::{WaitFut, WaitOwnedFut};
pub use turn::{BarrierTurn, Broken};
