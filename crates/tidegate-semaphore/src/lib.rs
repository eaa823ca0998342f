// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Semaphore`]: crate::Semaphore
//! [`Permit`]: crate::Permit
//! [`OwnedPermit`]: crate::OwnedPermit
//! [`CapacityLimiter`]: crate::CapacityLimiter
//! [`Slot`]: crate::Slot
//! [`OwnedSlot`]: crate::OwnedSlot
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod acquire;
mod limiter;
mod permit;
mod semaphore;
mod slot;
mod wait_idle;

pub use acquire::{AcquireFut, AcquireOwnedFut, Closed};
pub use limiter::{CapacityLimiter, LimiterStatistics};
pub use permit::{OwnedPermit, Permit};
pub use semaphore::{Semaphore, SemaphoreStatistics};
pub use slot::{OwnedSlot, Slot, SlotFut, SlotOwnedFut};
pub use wait_idle::{WaitIdleFut, WaitIdleOwnedFut};
