use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Waiter};

use crate::limiter::{CapacityLimiter, Seats};

/// A slot of a [`CapacityLimiter`]; dropping it gives it back.
///
/// # Examples
///
/// ```
/// # use tidegate_semaphore::CapacityLimiter;
/// let limiter = CapacityLimiter::new(1);
/// let slot = limiter.try_acquire().unwrap();
/// assert_eq!(slot.limiter().borrowed(), 1);
/// drop(slot);
/// assert_eq!(limiter.borrowed(), 0);
/// ```
#[doc(alias = "release")]
#[derive(Debug)]
#[must_use = "dropping a `Slot` gives it straight back"]
pub struct Slot<'a> {
    limiter: &'a CapacityLimiter,
}

impl<'a> Slot<'a> {
    #[inline]
    pub(crate) fn new(limiter: &'a CapacityLimiter) -> Self {
        limiter.count_granted();
        Self { limiter }
    }

    /// The limiter that the slot is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = CapacityLimiter::new(3);
    /// let slot = limiter.try_acquire().unwrap();
    /// assert_eq!(slot.limiter().total(), 3);
    /// ```
    pub fn limiter(&self) -> &'a CapacityLimiter {
        self.limiter
    }
}

impl Drop for Slot<'_> {
    #[inline]
    fn drop(&mut self) {
        self.limiter.give_back();
    }
}

/// As [`Slot`], owning a share of its limiter.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_semaphore::CapacityLimiter;
/// let limiter = Arc::new(CapacityLimiter::new(1));
/// let slot = Arc::clone(&limiter).try_acquire_owned().unwrap();
/// drop(slot);
/// assert_eq!(limiter.borrowed(), 0);
/// ```
#[derive(Debug)]
#[must_use = "dropping an `OwnedSlot` gives it straight back"]
pub struct OwnedSlot {
    limiter: Arc<CapacityLimiter>,
}

impl OwnedSlot {
    #[inline]
    pub(crate) fn new(limiter: Arc<CapacityLimiter>) -> Self {
        limiter.count_granted();
        Self { limiter }
    }

    /// The limiter that the slot is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = Arc::new(CapacityLimiter::new(1));
    /// let slot = Arc::clone(&limiter).try_acquire_owned().unwrap();
    /// assert!(Arc::ptr_eq(slot.limiter(), &limiter));
    /// ```
    pub fn limiter(&self) -> &Arc<CapacityLimiter> {
        &self.limiter
    }
}

impl Drop for OwnedSlot {
    #[inline]
    fn drop(&mut self) {
        self.limiter.give_back();
    }
}

pin_project! {
    /// The future of [`CapacityLimiter::acquire`].
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_semaphore::{CapacityLimiter, SlotFut};
    ///
    /// # tidegate_test::block_on(async {
    /// let limiter = CapacityLimiter::new(1);
    /// let acquire: SlotFut<'_> = limiter.acquire();
    /// let slot = acquire.await;
    /// # drop(slot);
    /// # });
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct SlotFut<'a> {
        #[pin]
        waiter: Waiter<Seats, Borrowed<'a, Seats>>,
        // Dropped after the waiter.
        leaving: Leaving<&'a CapacityLimiter>,
    }
}

impl<'a> SlotFut<'a> {
    #[inline]
    pub(crate) fn new(limiter: &'a CapacityLimiter) -> Self {
        Self { waiter: Waiter::new(limiter.queue(), ()), leaving: Leaving(Some(limiter)) }
    }
}

impl<'a> Future for SlotFut<'a> {
    type Output = Slot<'a>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Slot<'a>> {
        let this = self.project();
        let limiter = *this.leaving.limiter();
        ready!(poll(this.waiter, limiter, cx));
        this.leaving.0 = None;
        Poll::Ready(Slot::new(limiter))
    }
}

impl fmt::Debug for SlotFut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SlotFut").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of [`CapacityLimiter::acquire_owned`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tidegate_semaphore::{CapacityLimiter, SlotOwnedFut};
    ///
    /// # tidegate_test::block_on(async {
    /// let acquire: SlotOwnedFut = Arc::new(CapacityLimiter::new(1)).acquire_owned();
    /// let slot = acquire.await;
    /// # drop(slot);
    /// # });
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct SlotOwnedFut {
        #[pin]
        waiter: Waiter<Seats, Arc<CapacityLimiter>>,
        // Dropped after the waiter; what becomes the slot's share.
        leaving: Leaving<Arc<CapacityLimiter>>,
    }
}

impl SlotOwnedFut {
    #[inline]
    pub(crate) fn new(limiter: Arc<CapacityLimiter>) -> Self {
        let waiter = Waiter::new_owned(Arc::clone(&limiter), |it| it.queue(), ());
        Self { waiter, leaving: Leaving(Some(limiter)) }
    }
}

impl Future for SlotOwnedFut {
    type Output = OwnedSlot;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedSlot> {
        let this = self.project();
        ready!(poll(this.waiter, this.leaving.limiter(), cx));
        let limiter = this.leaving.0.take().expect("it was there before the poll");
        Poll::Ready(OwnedSlot::new(limiter))
    }
}

impl fmt::Debug for SlotOwnedFut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SlotOwnedFut").field(&self.waiter).finish()
    }
}

/// One poll of either future.
#[inline]
fn poll<O>(
    waiter: Pin<&mut Waiter<Seats, O>>,
    limiter: &CapacityLimiter,
    cx: &mut Context<'_>,
) -> Poll<()> {
    if waiter.is_fresh() && limiter.try_take() {
        waiter.finish();
        return Poll::Ready(());
    }
    poll_in_line(waiter, limiter, cx)
}

// Apart, so that a caller takes in no more than what is ready at once.
#[inline(never)]
fn poll_in_line<O>(
    waiter: Pin<&mut Waiter<Seats, O>>,
    limiter: &CapacityLimiter,
    cx: &mut Context<'_>,
) -> Poll<()> {
    waiter.poll(cx, |line, word| limiter.decide(line, word)).map(|_decided_or_granted| ())
}

/// The limiter, for as long as its slot is waited for.
///
/// A future that is dropped with a slot that it never looked at gives it back as its waiter goes, under the lock,
/// where nobody can be told that it was the last one out. This is dropped after the waiter, and sees to it.
struct Leaving<L: Deref<Target = CapacityLimiter>>(Option<L>);

impl<L: Deref<Target = CapacityLimiter>> Leaving<L> {
    #[inline]
    fn limiter(&self) -> &L {
        self.0.as_ref().expect("polled after it was ready")
    }
}

impl<L: Deref<Target = CapacityLimiter>> Drop for Leaving<L> {
    #[inline]
    fn drop(&mut self) {
        if let Some(limiter) = &self.0 {
            limiter.after_leaving();
        }
    }
}
