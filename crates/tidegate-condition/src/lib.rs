// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Condition`]: crate::Condition
//! [`notify_all`]: crate::Condition::notify_all
//! [`wait_for`]: crate::Condition::wait_for
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod condition;
mod guard;
mod wait;
mod wait_for;

pub use condition::{Condition, ConditionStatistics};
pub use guard::Guard;
pub use wait::{WaitFut, WaitOwnedFut};
pub use wait_for::WaitForFut;
