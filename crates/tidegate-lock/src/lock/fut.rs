use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Fifo, LockPolicy as Policy, Locking, Mutual};

use crate::lock::{Lock, LockGuard, OwnedLockGuard};

pin_project! {
    /// The future of [`Lock::lock`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct LockFut<'a, T: ?Sized, P: Policy = Fifo> {
        lock: &'a Lock<T, P>,
        #[pin]
        locking: Locking<P, Borrowed<'a, Mutual>>,
    }
}

impl<'a, T: ?Sized, P: Policy> LockFut<'a, T, P> {
    #[inline]
    pub(super) fn new(lock: &'a Lock<T, P>, locking: Locking<P, Borrowed<'a, Mutual>>) -> Self {
        Self { lock, locking }
    }
}

impl<'a, T: ?Sized, P: Policy> Future for LockFut<'a, T, P> {
    type Output = LockGuard<'a, T, P>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGuard<'a, T, P>> {
        let this = self.project();
        match this.lock.cell.poll_open(this.locking, cx) {
            Poll::Ready(held) => Poll::Ready(LockGuard::new(this.lock, held)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: ?Sized, P: Policy> fmt::Debug for LockFut<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockFut").field(&self.locking).finish()
    }
}

pin_project! {
    /// The future of [`Lock::lock_owned`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct LockOwnedFut<T: ?Sized, P: Policy = Fifo> {
        #[pin]
        locking: Locking<P, Arc<Lock<T, P>>>,
    }
}

impl<T: ?Sized, P: Policy> LockOwnedFut<T, P> {
    #[inline]
    pub(super) fn new(locking: Locking<P, Arc<Lock<T, P>>>) -> Self {
        Self { locking }
    }
}

impl<T: ?Sized, P: Policy> Future for LockOwnedFut<T, P> {
    type Output = OwnedLockGuard<T, P>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedLockGuard<T, P>> {
        self.project().locking.poll(cx).map(Lock::guard_owned)
    }
}

impl<T: ?Sized, P: Policy> fmt::Debug for LockOwnedFut<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockOwnedFut").field(&self.locking).finish()
    }
}
