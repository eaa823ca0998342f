// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`WaitQueue`]: crate::WaitQueue
//! [`Policy`]: crate::Policy
//! [`Waiter`]: crate::Waiter
//! [`Gate`]: crate::Gate
//! [`block_on`]: crate::block_on
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod block;
mod gate;
mod node;
mod queue;
mod waiter;

pub use block::{block_on, block_on_until};
pub use gate::{Acquire, Gate, Permits};
pub use queue::{Left, Locked, Policy, WaitQueue};
pub use waiter::{Borrowed, Decision, Turn, Waiter};
