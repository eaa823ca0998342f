use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::node::Node;
use crate::reason::CancelReason;

/// Keeps scopes from dropping their bodies; made by [`Scope::guard`](super::Scope::guard).
///
/// # Examples
///
/// ```
/// use std::task::{Context, Poll, Waker};
/// use tidegate_timeout::{CancelReason, scope::Scope};
///
/// let scope = Scope::new();
/// let mut guard = scope.guard();
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(guard.poll_cancelled(&mut cx).is_pending());
/// scope.handle().cancel(CancelReason::Shutdown);
/// assert_eq!(guard.poll_cancelled(&mut cx), Poll::Ready(CancelReason::Shutdown));
/// ```
#[must_use = "a guard that is dropped at once guards nothing"]
pub struct Guard {
    node: Arc<Node>,
    place: usize,
}

impl Guard {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        node.hold();
        let place = node.join(false);
        Self { node, place }
    }

    /// Ready once one of the scopes that this guards is cancelled; wakes the newest waker then.
    ///
    /// # Examples
    ///
    /// See [`Guard`].
    pub fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<CancelReason> {
        let cause = match self.node.cause() {
            Some(cause) => cause,
            None => match self.node.watch(self.place, cx.waker()).cause {
                Some((cause, _)) => cause,
                None => return Poll::Pending,
            },
        };
        Poll::Ready(cause.reason.clone())
    }

    /// Ready while nothing that the scope has [adopted](super::Orphan) is left; wakes the newest waker then.
    ///
    /// For a future that has ended all it owns, and is about to return.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Waker};
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let scope = Scope::new();
    /// let (mut guard, orphan) = (scope.guard(), scope.adopt());
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(guard.poll_alone(&mut cx).is_pending());
    /// drop(orphan);
    /// assert!(guard.poll_alone(&mut cx).is_ready());
    /// ```
    pub fn poll_alone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.node.has_orphans() {
            self.node.drive(self.place);
            self.node.watch(self.place, cx.waker());
            if self.node.has_orphans() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Released even if the waker that is dropped with the place panics.
        struct Release<'a>(&'a Node);
        impl Drop for Release<'_> {
            fn drop(&mut self) {
                self.0.release();
            }
        }
        let _release = Release(&self.node);
        self.node.leave(self.place);
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("cancelled", &self.node.is_cancelled())
            .finish_non_exhaustive()
    }
}
