// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Event`]: crate::Event
//! [`AutoResetEvent`]: crate::AutoResetEvent
//! [`Latch`]: crate::Latch
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod auto_reset_event;
mod event;
mod flag;
mod latch;
mod wait;

pub use auto_reset_event::{AutoResetEvent, AutoResetEventStatistics};
pub use event::{Event, EventStatistics};
pub use latch::{Latch, LatchStatistics};
pub use wait::{Signal, WaitFut, WaitOwnedFut};
