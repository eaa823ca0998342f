// How it works
//
// The three types differ in what their words hold, in what raises them, and in what becomes of a turn that its waiter
// never looked at. To wait is the same for all of them: look at the word, and stand in line while it says no. The
// differences are a type's `Rules`; its future knows them by the type that it waits for.
//
// `Rules::decide` is asked in two places. Without the lock, by a waiter that has not waited yet and by `try_wait`:
// that is the fast path, one load and whatever taking costs. Under the lock, by the queue, which repeats the question
// should the word have changed meanwhile.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_waiters::{Borrowed, Decision, Policy, WaitQueue, Waiter};

use crate::event::Event;

/// What can be waited for here: [`Event`], [`AutoResetEvent`](crate::AutoResetEvent) and [`Latch`](crate::Latch).
///
/// Sealed. It is there to say of a [`WaitFut`] what it waits for.
pub trait Signal: Lined {}

/// What a [`Signal`] is inside: a line, and its rules.
pub trait Lined: Sized {
    type Rules: Rules;

    fn queue(&self) -> &WaitQueue<Self::Rules>;
}

/// The policy of a [`Signal`], whose waiters bring nothing of their own and all want the same.
pub trait Rules: Policy<Note: Default> {
    /// Whether `seen`, which was read from `word`, lets pass; taking what there is to take.
    ///
    /// `seen` was read with Acquire.
    fn decide(word: &AtomicUsize, seen: usize) -> Decision<()>;
}

/// Passes without waiting, if that can be.
#[inline]
pub(crate) fn pass<R: Rules>(queue: &WaitQueue<R>) -> bool {
    loop {
        // Acquire: pairs with the Release of whoever raised it.
        match R::decide(queue.word(), queue.word().load(Ordering::Acquire)) {
            Decision::Ready(()) => return true,
            Decision::Retry => {}
            _ => return false,
        }
    }
}

pin_project! {
    /// The future of `wait`: [`Event::wait`], and that of the type that it names.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_event::{Event, Latch, WaitFut};
    ///
    /// struct Start<'a> {
    ///     warm: WaitFut<'a>, // An `Event`, unless it says otherwise.
    ///     loaded: WaitFut<'a, Latch>,
    /// }
    ///
    /// let (warm, loaded) = (Event::new(), Latch::new(3));
    /// let start = Start { warm: warm.wait(), loaded: loaded.wait() };
    /// # drop((start.warm, start.loaded));
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WaitFut<'a, S: Signal = Event> {
        #[pin]
        waiter: Waiter<S::Rules, Borrowed<'a, S::Rules>>,
    }
}

impl<'a, S: Signal> WaitFut<'a, S> {
    #[inline]
    pub(crate) fn new(signal: &'a S) -> Self {
        Self { waiter: Waiter::new(signal.queue(), Default::default()) }
    }
}

impl<S: Signal> Future for WaitFut<'_, S> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll(self.project().waiter, cx)
    }
}

impl<S: Signal> fmt::Debug for WaitFut<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitFut").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of `wait_owned`: as [`WaitFut`], owning a share of what it waits for.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tidegate_event::{Latch, WaitOwnedFut};
    ///
    /// let latch = Arc::new(Latch::new(3));
    /// let wait: WaitOwnedFut<Latch> = Arc::clone(&latch).wait_owned();
    /// # drop(wait);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WaitOwnedFut<S: Signal = Event> {
        #[pin]
        waiter: Waiter<S::Rules, Arc<S>>,
    }
}

impl<S: Signal> WaitOwnedFut<S> {
    #[inline]
    pub(crate) fn new(signal: Arc<S>) -> Self {
        Self { waiter: Waiter::new_owned(signal, S::queue, Default::default()) }
    }
}

impl<S: Signal> Future for WaitOwnedFut<S> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll(self.project().waiter, cx)
    }
}

impl<S: Signal> fmt::Debug for WaitOwnedFut<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitOwnedFut").field(&self.waiter).finish()
    }
}

/// One poll of either future.
#[inline]
fn poll<R: Rules, O>(mut waiter: Pin<&mut Waiter<R, O>>, cx: &mut Context<'_>) -> Poll<()> {
    match waiter.as_mut().finish_with(|queue| pass(queue).then_some(())) {
        Some(()) => Poll::Ready(()),
        None => poll_in_line(waiter, cx),
    }
}

// Apart, so that what does not wait is small enough to become part of its caller.
#[inline(never)]
fn poll_in_line<R: Rules, O>(waiter: Pin<&mut Waiter<R, O>>, cx: &mut Context<'_>) -> Poll<()> {
    // Decided, granted or released: it passes.
    waiter.poll(cx, |line, word| R::decide(line.word(), word)).map(|_| ())
}
