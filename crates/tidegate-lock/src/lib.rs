// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Lock`]: crate::Lock
//! [`LockGuard`]: crate::LockGuard
//! [`Fifo`]: crate::Fifo
//! [`Barging`]: crate::Barging
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod lock;
mod lock_fut;
mod lock_guard;
mod lock_owned_guard;

pub use lock::{Lock, LockStatistics};
pub use lock_fut::{LockFut, LockOwnedFut};
pub use lock_guard::{LockGuard, MappedLockGuard};
pub use lock_owned_guard::{OwnedLockGuard, OwnedMappedLockGuard};
#[doc(inline)]
pub use tidegate_waiters::{Barging, Fifo, LockPolicy as Policy};
