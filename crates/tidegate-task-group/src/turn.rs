use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tidegate_semaphore::{AcquireOwnedFut, OwnedPermit, Semaphore};
use tidegate_timeout::Deadline;
use tidegate_timeout::scope::{Ended, Resident, Scope};

/// How far a child has come towards running in a group that has a limit.
pub(crate) enum Turn {
    /// It may run: there is no limit, or this is its permit.
    Come(Option<OwnedPermit>),
    /// In line, in a scope of its own: a cancellation ends that, too.
    Waits(Pin<Box<Resident<AcquireOwnedFut>>>),
}

impl Turn {
    /// Takes a permit or a place in line, inside `scope`.
    #[inline]
    pub(crate) fn join(limit: Option<&Arc<Semaphore>>, scope: &Scope) -> Self {
        limit.map_or(Self::Come(None), |limit| Self::line_up(limit, scope))
    }

    fn line_up(limit: &Arc<Semaphore>, scope: &Scope) -> Self {
        if let Some(permit) = Arc::clone(limit).try_acquire_owned() {
            return Self::Come(Some(permit));
        }
        let mut wait = Box::pin(scope.host(Arc::clone(limit).acquire_owned()));
        // The child's task comes with its own waker as soon as it is polled; the place in line is from now.
        match wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Self::Waits(wait),
            Poll::Ready(Ended::Value(permit)) => Self::Come(permit.ok()),
            // The group was cancelled, so the child will not begin.
            Poll::Ready(_) => Self::Come(None),
        }
    }

    /// Gives back the permit, if there is one.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        if !matches!(self, Self::Come(None)) {
            *self = Self::Come(None);
        }
    }

    /// Ends the time in line at `deadline`.
    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        if let Self::Waits(wait) = self {
            wait.as_mut().handle().reschedule(deadline);
        }
    }
}
