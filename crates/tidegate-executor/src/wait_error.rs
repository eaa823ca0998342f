use std::panic::Location;

use tidegate_timeout::CancelReason;

use crate::error::JobError;

/// Why a [`BlockingFuture`](crate::BlockingFuture) gave no result.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_executor::{Portal, WaitError};
///
/// let portal = Portal::start();
/// let slow = portal.spawn(std::future::pending::<()>());
/// assert_eq!(slow.result_timeout(Duration::ZERO), Err(WaitError::Timeout));
/// assert!(slow.cancel());
/// assert!(matches!(slow.result(), Err(WaitError::Cancelled(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The time was over before there was a result; the task goes on.
    #[error("the task has not ended in time")]
    Timeout,
    /// This thread runs the code of the very runtime that the task needs, and so may not wait here, at this
    /// place; the task goes on.
    ///
    /// Also when this thread's runtime is itself waited for by the task's, so that both would wait for ever.
    #[error("to wait for the task at {0} would block the runtime that it needs; `.await` it there")]
    WouldDeadlock(&'static Location<'static>),
    /// The task was cancelled, or dropped with its runtime: that is [`CancelReason::Shutdown`].
    #[error("the task was cancelled: {0}")]
    Cancelled(CancelReason),
    /// The task panicked, with this message.
    #[error("the task panicked: {0}")]
    Panicked(String),
    /// The task ended, or gave its [`Ready`](crate::Ready) up, without having said that it was ready.
    #[error("the task did not say that it was ready")]
    NotReady,
}

impl WaitError {
    /// What a future that unwound with `payload` ended in.
    pub(crate) fn from_payload(payload: Box<dyn std::any::Any + Send>) -> Self {
        match JobError::from_payload(payload) {
            JobError::Cancelled(why) => Self::Cancelled(why),
            JobError::Panicked(message) => Self::Panicked(message),
            JobError::NoThread(kind) => Self::Panicked(kind.to_string()),
        }
    }
}
