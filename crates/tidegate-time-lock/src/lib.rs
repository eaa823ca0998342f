// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`TimeLock`]: crate::TimeLock
//! [`Pass`]: crate::Pass
//! [`Reopen`]: crate::Reopen
//! [`PausingSemaphore`]: crate::PausingSemaphore
//! [`KeyedTimeLock`]: crate::KeyedTimeLock
//! [`RetryAfter`]: crate::RetryAfter
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod acquire;
mod builder;
mod classify;
mod core;
mod entry;
mod error;
mod events;
mod hint;
mod isolation;
mod jitter;
mod keyed;
mod keyed_pass;
mod learned;
mod line;
mod looking;
mod opened;
mod pacer;
mod pass;
mod passing;
mod pausing;
mod permit;
mod rate;
mod reopen;
mod retry;
mod retry_after;
mod seats;
mod shut;
mod static_lock;
mod stats;
mod suspend;
mod ticket;
mod time_lock;
mod timer;
#[cfg(feature = "tracing")]
mod trace;
mod waits;

pub use acquire::{Acquire, AcquireOwned, AcquireTimeout};
pub use builder::TimeLockBuilder;
pub use classify::{Classify, NoRefusals, Scope, Verdict};
pub use error::{AcquireTimeoutError, Closed, TryAcquireError};
pub use events::{Event, Events};
pub use hint::Hint;
pub use keyed::{KeyedTimeLock, KeyedTimeLockBuilder, Overflow};
pub use keyed_pass::{KeyedError, KeyedPass, KeyedRefused, KeyedRequeue};
pub use opened::Opened;
pub use pass::{Pass, Refused, Requeue};
pub use pausing::{PausingSemaphore, PausingSemaphoreBuilder};
pub use permit::{Permit, PermitFut};
pub use rate::Rate;
pub use reopen::{LearnedPace, Reopen};
pub use retry::{Attempts, RetryBudget, RunError};
pub use retry_after::RetryAfter;
pub use seats::{Aimd, Permits};
pub use shut::{Applied, Epoch, Policy, Reason, Shut, Until};
pub use static_lock::StaticTimeLock;
pub use stats::{Snapshot, State, Stats};
pub use ticket::Ticket;
pub use time_lock::TimeLock;
pub use waits::Waits;
