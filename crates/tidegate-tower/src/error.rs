use std::error::Error;
use std::time::Duration;

/// The error of layers that may fail by themselves: the inner service's own as it is, or the layer's.
///
/// As in `tower`. `downcast_ref` tells which: [`TimeLockError`], [`DeadlineExceeded`](crate::DeadlineExceeded), or
/// what the inner service failed with.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_tower::{BoxError, TimeLockError};
///
/// fn come_back_in(error: &BoxError) -> Option<Duration> {
///     error.downcast_ref::<TimeLockError>()?.remaining()
/// }
///
/// let error: BoxError = TimeLockError::TooLong { remaining: Duration::from_secs(60) }.into();
/// assert_eq!(come_back_in(&error), Some(Duration::from_secs(60)));
/// ```
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a request was not sent.
///
/// What the server answered is never one of these: a refusal that is not tried again is handed on as it came.
///
/// # Examples
///
/// ```
/// # use std::convert::Infallible;
/// # use std::time::Duration;
/// # use tidegate_time_lock::{NoRefusals, TimeLock};
/// # use tidegate_tower::{TimeLockError, TimeLockLayer};
/// # use tower::{ServiceBuilder, ServiceExt, service_fn};
/// # tidegate_test::block_on(async {
/// let gate = TimeLock::new();
/// let client = ServiceBuilder::new()
///     .layer(TimeLockLayer::new(gate.clone()).classify(NoRefusals).without_info().max_waiters(0))
///     .service(service_fn(async |n: u32| Ok::<_, Infallible>(n + 1)));
/// gate.lock();
/// let error = client.oneshot(1).await.unwrap_err();
/// assert_eq!(
///     error.downcast_ref(),
///     Some(&TimeLockError::Shed { remaining: Some(Duration::MAX) }),
/// );
/// # })
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TimeLockError {
    /// The gate is closed for good, or the runtime whose timer the wait needs is gone.
    #[error("the gate is closed")]
    Closed,
    /// The gate stays shut for longer than [`max_wait`](crate::TimeLockLayer::max_wait).
    #[error("the gate is shut for another {remaining:?}, longer than the wait may last")]
    TooLong {
        /// How long it is shut still.
        remaining: Duration,
    },
    /// The request has waited for [`max_wait`](crate::TimeLockLayer::max_wait).
    #[error("the wait for the gate took too long")]
    Elapsed,
    /// As many wait already as [may](crate::TimeLockLayer::max_waiters).
    #[error("too many wait for the gate")]
    Shed {
        /// How long the gate is shut still, if that is known; [`Duration::MAX`] when only `unlock` opens it.
        remaining: Option<Duration>,
    },
    /// All keys that there is room for are shut or in use.
    #[error("there is no room for another key")]
    NoRoom,
}

impl TimeLockError {
    /// How long the gate is shut still, if that is known; for a `Retry-After` of one's own.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_tower::TimeLockError;
    ///
    /// assert_eq!(TimeLockError::Closed.remaining(), None);
    /// ```
    pub fn remaining(&self) -> Option<Duration> {
        match *self {
            Self::TooLong { remaining } => Some(remaining),
            Self::Shed { remaining } => remaining,
            Self::Closed | Self::Elapsed | Self::NoRoom => None,
        }
    }
}
