// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Semaphore`]: crate::Semaphore
//! [`Permit`]: crate::Permit
//! [`OwnedPermit`]: crate::OwnedPermit
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod acquire;
mod permit;
mod semaphore;

pub use acquire::{AcquireFut, AcquireOwnedFut, Closed};
pub use permit::{OwnedPermit, Permit};
pub use semaphore::{Semaphore, SemaphoreStatistics};
