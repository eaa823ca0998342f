// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Event`]: crate::Event
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod event;

pub use event::{Event, EventStatistics, WaitFut, WaitOwnedFut};
