use std::any::Any;
use std::error::Error;
use std::fmt;

use tidegate_timeout::CancelReason;

use crate::error_group::BoxError;

/// Why [`TaskGroup::start`](crate::TaskGroup::start) did not start a child.
///
/// # Examples
///
/// See [`TaskGroup::start`](crate::TaskGroup::start).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError<E> {
    /// The child failed before it was ready. The group has no part in it.
    Failed(E),
    /// The child ended without saying that it is ready, or can never say so any more.
    NeverReady,
    /// The child was cancelled before it was ready, or the group was closed.
    Cancelled(CancelReason),
    /// The child panicked before it was ready, with this message.
    Panicked(String),
}

impl<E: fmt::Display> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "the task failed to start: {error}"),
            Self::NeverReady => f.write_str("the task was never ready"),
            Self::Cancelled(reason) => {
                write!(f, "the task was cancelled before it was ready: {reason}")
            }
            Self::Panicked(message) => {
                write!(f, "the task panicked before it was ready: {message}")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display + 'static> Error for StartError<E> {
    /// What the child failed with, if that is a [`BoxError`]; others show it in their text alone.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let Self::Failed(error) = self else { return None };
        let boxed = (error as &dyn Any).downcast_ref::<BoxError>();
        boxed.map(|error| &**error as _)
    }
}
