// How it works
//
//     word: [ BROKEN | WAITERS ]        the line: those of this round who have arrived
//
// Who arrives joins the line, and its index is the length that it found. There is no other count: who leaves the
// line has taken its arrival back. Whoever finds all the others there does not join; it releases the line in one
// splice, which ends the round, since the next one to come finds the line empty. That release is in the state of
// each waiter, so nothing that happens to the barrier later can take it back.
//
// Who leaves from the middle of the line leaves a gap in the numbers. The flag `gaps` remembers it, and the last
// to arrive numbers the line anew before it releases it; in a round that nobody left it touches no other node.
//
// A waiter tells how its wait ended by the way in which it left the line: a round that met releases everybody at
// once (`Turn::Released`); who is sent away by an abort or a reset is taken out one by one (`Turn::Granted`).
//
// `BROKEN` changes under the lock only, so between looking at it and joining it stays what it was.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Decision, Left, Locked, Policy, Turn, Waiter};

use crate::barrier::Barrier;
use crate::turn::{BarrierTurn, Broken};

/// Bit 0 is the queue's.
pub(crate) const BROKEN: usize = 2;

/// The policy of a barrier.
pub(crate) struct Meeting {
    /// Whether the numbers of those in line may have gaps.
    gaps: bool,
}

/// What each waiter brings.
pub(crate) struct Ticket {
    /// How many make a round.
    parties: usize,
    /// Its index, once it has arrived.
    index: usize,
}

impl Ticket {
    #[inline]
    pub(crate) fn new(parties: usize) -> Self {
        Self { parties, index: 0 }
    }
}

impl Policy for Meeting {
    type Note = Ticket;

    fn left(line: &mut Locked<'_, Self>, ticket: &mut Ticket, left: Left) {
        // Whoever was released or sent away has nothing that others would miss.
        if left == Left::Waiting {
            let others = line.len();
            line.policy().one_left(ticket.index, others);
        }
    }
}

impl Meeting {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { gaps: false }
    }

    /// Whoever had this index has left so many others behind.
    fn one_left(&mut self, index: usize, others: usize) {
        // The last in line leaves no gap.
        self.gaps |= index != others;
    }

    /// One more is here: it waits for the others, or ends the round.
    #[inline]
    fn arrive(line: &mut Locked<'_, Self>, word: usize) -> Decision<Result<BarrierTurn, Broken>> {
        if word & BROKEN != 0 {
            return Decision::Ready(Err(Broken));
        }
        let index = line.len();
        let ticket = line.note().expect("a waiter is being polled");
        ticket.index = index;
        if index + 1 < ticket.parties {
            return Decision::Wait;
        }
        if line.policy().gaps {
            Self::close_gaps(line);
        }
        line.release_all();
        Decision::Ready(Ok(BarrierTurn::new(index, true)))
    }

    #[cold]
    fn close_gaps(line: &mut Locked<'_, Self>) {
        let mut next = 0;
        line.for_each(|ticket| {
            ticket.index = next;
            next += 1;
        });
        line.policy().gaps = false;
    }

    /// Sends all who wait away.
    pub(crate) fn call_off(line: &mut Locked<'_, Self>) {
        while line.grant_front() {}
    }
}

pin_project! {
    /// The future of [`Barrier::wait`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WaitFut<'a> {
        #[pin]
        waiter: Waiter<Meeting, Borrowed<'a, Meeting>>,
    }
}

impl<'a> WaitFut<'a> {
    #[inline]
    pub(crate) fn new(waiter: Waiter<Meeting, Borrowed<'a, Meeting>>) -> Self {
        Self { waiter }
    }

    /// Takes the arrival back (`None`), unless the round has met or was called off meanwhile.
    ///
    /// Dropping the future takes the arrival back as well, but does not say whether it came too late for that. This
    /// ends the future.
    ///
    /// # Panics
    ///
    /// When the future had ended before.
    ///
    /// # Examples
    ///
    /// Wait for a while, and know for certain whether the others have gone on:
    ///
    /// ```
    /// # use std::pin::pin;
    /// # use tidegate_barrier::{Barrier, BarrierTurn, Broken};
    /// # async fn timeout<F: Future>(f: F) -> Option<F::Output> { None }
    /// async fn meet_or_not(barrier: &Barrier) -> Option<Result<BarrierTurn, Broken>> {
    ///     let mut wait = pin!(barrier.wait());
    ///     match timeout(wait.as_mut()).await {
    ///         None => wait.leave(),
    ///         outcome => outcome,
    ///     }
    /// }
    /// # tidegate_test::block_on(async {
    /// # let barrier = Barrier::new(2);
    /// # assert_eq!(meet_or_not(&barrier).await, None);
    /// # assert_eq!(barrier.waiting(), 0);
    /// # });
    /// ```
    #[track_caller]
    pub fn leave(self: Pin<&mut Self>) -> Option<Result<BarrierTurn, Broken>> {
        leave(self.project().waiter)
    }
}

impl Future for WaitFut<'_> {
    type Output = Result<BarrierTurn, Broken>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll(self.project().waiter, cx)
    }
}

impl fmt::Debug for WaitFut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitFut").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of [`Barrier::wait_owned`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WaitOwnedFut {
        #[pin]
        waiter: Waiter<Meeting, Arc<Barrier>>,
    }
}

impl WaitOwnedFut {
    #[inline]
    pub(crate) fn new(waiter: Waiter<Meeting, Arc<Barrier>>) -> Self {
        Self { waiter }
    }

    /// As [`WaitFut::leave`].
    ///
    /// # Panics
    ///
    /// As [`WaitFut::leave`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::future::Future;
    /// # use std::pin::pin;
    /// # use std::sync::Arc;
    /// # use std::task::{Context, Waker};
    /// # use tidegate_barrier::Barrier;
    /// let mut wait = pin!(Arc::new(Barrier::new(2)).wait_owned());
    /// assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// assert_eq!(wait.leave(), None);
    /// ```
    #[track_caller]
    pub fn leave(self: Pin<&mut Self>) -> Option<Result<BarrierTurn, Broken>> {
        leave(self.project().waiter)
    }
}

impl Future for WaitOwnedFut {
    type Output = Result<BarrierTurn, Broken>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll(self.project().waiter, cx)
    }
}

impl fmt::Debug for WaitOwnedFut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitOwnedFut").field(&self.waiter).finish()
    }
}

/// One poll of either future.
#[inline]
fn poll<O>(
    mut waiter: Pin<&mut Waiter<Meeting, O>>,
    cx: &mut Context<'_>,
) -> Poll<Result<BarrierTurn, Broken>> {
    Poll::Ready(match ready!(waiter.as_mut().poll(cx, Meeting::arrive)) {
        Turn::Decided(outcome) => outcome,
        Turn::Released => Ok(met(waiter)),
        Turn::Granted => Err(Broken),
    })
}

/// Either future gives up.
#[track_caller]
fn leave<O>(mut waiter: Pin<&mut Waiter<Meeting, O>>) -> Option<Result<BarrierTurn, Broken>> {
    if waiter.is_fresh() {
        waiter.finish();
        return None;
    }
    assert!(waiter.is_waiting(), "left after it was ready");
    // Asked only if it is still in line, which it leaves by being ready.
    let mut cx = Context::from_waker(Waker::noop());
    let left = waiter.as_mut().poll_again(&mut cx, |line, _word| {
        let others = line.len() - 1;
        let index = line.note().expect("a waiter is being polled").index;
        line.policy().one_left(index, others);
        Decision::Ready(())
    });
    match left {
        Poll::Ready(Turn::Decided(())) => None,
        Poll::Ready(Turn::Released) => Some(Ok(met(waiter))),
        Poll::Ready(Turn::Granted) => Some(Err(Broken)),
        Poll::Pending => unreachable!("it does not decide to wait"),
    }
}

/// The turn of one that waited, and whose round has met.
#[inline]
fn met<O>(waiter: Pin<&mut Waiter<Meeting, O>>) -> BarrierTurn {
    let ticket = waiter.note_mut().expect("a ready one is in no line");
    BarrierTurn::new(ticket.index, false)
}
