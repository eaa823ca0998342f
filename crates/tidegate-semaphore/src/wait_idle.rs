use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Waiter};

use crate::limiter::{CapacityLimiter, Idlers};

pin_project! {
    /// The future of [`CapacityLimiter::wait_idle`].
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_semaphore::{CapacityLimiter, WaitIdleFut};
    ///
    /// # tidegate_test::block_on(async {
    /// let limiter = CapacityLimiter::new(1);
    /// let idle: WaitIdleFut<'_> = limiter.wait_idle();
    /// idle.await;
    /// # });
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WaitIdleFut<'a> {
        #[pin]
        waiter: Waiter<Idlers, Borrowed<'a, Idlers>>,
        // Dropped after the waiter.
        idling: Idling<&'a CapacityLimiter>,
    }
}

impl<'a> WaitIdleFut<'a> {
    #[inline]
    pub(crate) fn new(limiter: &'a CapacityLimiter) -> Self {
        Self { waiter: Waiter::new(limiter.idle(), 0), idling: Idling(limiter) }
    }
}

impl Future for WaitIdleFut<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        poll(this.waiter, this.idling.limiter(), cx)
    }
}

impl fmt::Debug for WaitIdleFut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitIdleFut").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of [`CapacityLimiter::wait_idle_owned`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tidegate_semaphore::{CapacityLimiter, WaitIdleOwnedFut};
    ///
    /// # tidegate_test::block_on(async {
    /// let idle: WaitIdleOwnedFut = Arc::new(CapacityLimiter::new(1)).wait_idle_owned();
    /// idle.await;
    /// # });
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WaitIdleOwnedFut {
        #[pin]
        waiter: Waiter<Idlers, Arc<CapacityLimiter>>,
        // Dropped after the waiter.
        idling: Idling<Arc<CapacityLimiter>>,
    }
}

impl WaitIdleOwnedFut {
    #[inline]
    pub(crate) fn new(limiter: Arc<CapacityLimiter>) -> Self {
        let waiter = Waiter::new_owned(Arc::clone(&limiter), |it| it.idle(), 0);
        Self { waiter, idling: Idling(limiter) }
    }
}

impl Future for WaitIdleOwnedFut {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        poll(this.waiter, this.idling.limiter(), cx)
    }
}

impl fmt::Debug for WaitIdleOwnedFut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitIdleOwnedFut").field(&self.waiter).finish()
    }
}

/// One poll of either future.
fn poll<O>(
    waiter: Pin<&mut Waiter<Idlers, O>>,
    limiter: &CapacityLimiter,
    cx: &mut Context<'_>,
) -> Poll<()> {
    waiter.poll(cx, |line, word| limiter.decide_idle(line, word)).map(|_decided_or_granted| ())
}

/// The limiter, which somebody waits on until no slot of it is out.
///
/// This is dropped after the waiter, and lets those who give back go their fast way again if it was the last one.
struct Idling<L: Deref<Target = CapacityLimiter>>(L);

impl<L: Deref<Target = CapacityLimiter>> Idling<L> {
    fn limiter(&self) -> &CapacityLimiter {
        &self.0
    }
}

impl<L: Deref<Target = CapacityLimiter>> Drop for Idling<L> {
    #[inline]
    fn drop(&mut self) {
        self.0.after_idling();
    }
}
