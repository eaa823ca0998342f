// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`WaitQueue`]: crate::WaitQueue
//! [`Policy`]: crate::Policy
//! [`Waiter`]: crate::Waiter
//! [`Gate`]: crate::Gate
//! [`RawLock`]: crate::RawLock
//! [`LockCell`]: crate::LockCell
//! [`RawRwLock`]: crate::RawRwLock
//! [`RwCell`]: crate::RwCell
//! [`RawCondition`]: crate::RawCondition
//! [`block_on`]: crate::block_on
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod block;
mod cell;
mod condition;
mod gate;
mod lock;
mod node;
#[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
mod parker;
mod queue;
mod rw;
mod waiter;

pub use block::{block_on, block_on_until};
pub use cell::{Exclusive, Keeps, LockCell, RwCell, Shared, Upgrading};
pub use condition::{Notices, Notified, Place, RawCondition};
pub use gate::{Acquire, Gate, Permits};
pub use lock::{Barging, Fifo, LockGrant, LockPolicy, Locking, Mutual, RawLock};
pub use queue::{Ahead, Glance, Left, Locked, Policy, WaitQueue};
pub use rw::{
    Access, Entry, Mode, RawRwLock, Read, RwGrant, RwLocking, Sharing, Upgradable, Upgrade, Write,
};
pub use waiter::{Borrowed, Decision, Turn, Waiter};
