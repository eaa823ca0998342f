use std::fmt;
use std::time::Duration;

/// The gate is closed for good, or the runtime whose timer a waiter needs is gone.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{Closed, TimeLock};
///
/// # tidegate_test::block_on(async {
/// let gate = TimeLock::new();
/// gate.close();
/// assert_eq!(gate.acquire().await.unwrap_err(), Closed);
/// # })
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the gate is closed")
    }
}

impl std::error::Error for Closed {}

/// Why [`TimeLock::try_acquire`](crate::TimeLock::try_acquire) gave no pass this instant.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{TimeLock, TryAcquireError};
///
/// let gate = TimeLock::new();
/// gate.lock();
/// assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Shut { remaining: Duration::MAX });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// The gate is shut.
    #[error("the gate is shut for another {remaining:?}")]
    Shut {
        /// How long still; [`Duration::MAX`] when only `unlock` opens it.
        remaining: Duration,
    },
    /// As many probes are out as may be, and none has come back yet.
    #[error("the gate waits for the verdict of a probe")]
    Probing,
    /// The gate is open, but the next pass is not due yet.
    #[error("the next pass is due in {remaining:?}")]
    Paced {
        /// Until the next pass is due.
        remaining: Duration,
    },
    /// All permits are taken, where it takes one.
    #[error("all permits are taken")]
    Full,
    /// All keys that there is room for are shut or in use, where there are keys.
    #[error("there is no room for another key")]
    NoRoom,
    /// Others came first.
    #[error("{ahead} others wait already")]
    Queued {
        /// How many.
        ahead: usize,
    },
    /// The gate is closed for good.
    #[error("the gate is closed")]
    Closed,
}

/// Why a pass with a limit on the wait was not given.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{AcquireTimeoutError, TimeLock};
///
/// # tidegate_test::block_on(async {
/// let gate = TimeLock::new();
/// gate.lock_for(Duration::from_secs(60));
/// let refused = gate.acquire_timeout(Duration::from_secs(1)).await.unwrap_err();
/// assert!(matches!(refused, AcquireTimeoutError::TooLong { .. })); // at once
/// # })
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireTimeoutError {
    /// The gate stays shut for longer than the caller would wait.
    #[error("the gate is shut for another {remaining:?}, longer than the wait may last")]
    TooLong {
        /// How long it is shut still.
        remaining: Duration,
    },
    /// The time is up.
    #[error("the wait for the gate took too long")]
    Elapsed,
    /// The gate is closed for good, or the runtime whose timer the waiter needs is gone.
    #[error("the gate is closed")]
    Closed,
}
