// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Lock`]: crate::Lock
//! [`LockGuard`]: crate::LockGuard
//! [`Fifo`]: crate::Fifo
//! [`Barging`]: crate::Barging
//! [`RwLock`]: crate::RwLock
//! [`RwLockUpgradableReadGuard`]: crate::RwLockUpgradableReadGuard
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(doctest)]
mod does_not_compile;
mod lends;
mod lock;
mod rw_lock;

pub use lock::{
    Lock, LockFut, LockGuard, LockOwnedFut, LockStatistics, MappedLockGuard, OwnedLockGuard,
    OwnedMappedLockGuard,
};
pub use rw_lock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, OwnedMappedRwLockReadGuard,
    OwnedMappedRwLockWriteGuard, OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard,
    OwnedRwLockWriteGuard, ReadFut, ReadOwnedFut, RwLock, RwLockReadGuard, RwLockStatistics,
    RwLockUpgradableReadGuard, RwLockUpgradedGuard, RwLockWriteGuard, UpgradableReadFut,
    UpgradableReadOwnedFut, UpgradeFut, WriteFut, WriteOwnedFut,
};
/// Who gets a [`Lock`] that is given back: [`Fifo`] or [`Barging`]. Its documentation says when to choose which.
#[doc(inline)]
pub use tidegate_waiters::LockPolicy as Policy;
#[doc(inline)]
pub use tidegate_waiters::{Barging, Fifo};
