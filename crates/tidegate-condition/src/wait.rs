use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_lock::{Fifo, Lock, LockGuard, OwnedLockGuard, Policy};
use tidegate_waiters::{Borrowed, Mutual, Notified, RawCondition};

pin_project! {
    /// The future of [`Condition::wait`](crate::Condition::wait).
    #[must_use = "dropping it gives the lock back, and waits for nothing"]
    pub struct WaitFut<'c, 'a, T: ?Sized, P: Policy = Fifo> {
        lock: &'a Lock<T, P>,
        #[pin]
        notified: Notified<'c, Borrowed<'a, Mutual>>,
    }
}

impl<'c, 'a, T: ?Sized, P: Policy> WaitFut<'c, 'a, T, P> {
    #[inline]
    pub(crate) fn new(condition: &'c RawCondition, guard: LockGuard<'a, T, P>) -> Self {
        let (lock, grant) = LockGuard::into_grant(guard);
        Self { lock, notified: condition.wait(grant) }
    }
}

impl<'a, T: ?Sized, P: Policy> Future for WaitFut<'_, 'a, T, P> {
    type Output = LockGuard<'a, T, P>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGuard<'a, T, P>> {
        let this = self.project();
        match this.notified.poll(cx) {
            Poll::Ready(grant) => Poll::Ready(this.lock.guard(grant)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: ?Sized, P: Policy> fmt::Debug for WaitFut<'_, '_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitFut").field(&self.notified).finish()
    }
}

pin_project! {
    /// The future of [`Condition::wait_owned`](crate::Condition::wait_owned).
    #[must_use = "dropping it gives the lock back, and waits for nothing"]
    pub struct WaitOwnedFut<'c, T: ?Sized, P: Policy = Fifo> {
        #[pin]
        notified: Notified<'c, Arc<Lock<T, P>>>,
    }
}

impl<'c, T: ?Sized, P: Policy> WaitOwnedFut<'c, T, P> {
    #[inline]
    pub(crate) fn new(condition: &'c RawCondition, guard: OwnedLockGuard<T, P>) -> Self {
        Self { notified: condition.wait(OwnedLockGuard::into_grant(guard)) }
    }
}

impl<T: ?Sized, P: Policy> Future for WaitOwnedFut<'_, T, P> {
    type Output = OwnedLockGuard<T, P>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedLockGuard<T, P>> {
        self.project().notified.poll(cx).map(Lock::guard_owned)
    }
}

impl<T: ?Sized, P: Policy> fmt::Debug for WaitOwnedFut<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitOwnedFut").field(&self.notified).finish()
    }
}
