// How it works
//
//     added: what was put so far          word: [ what is done so far | WAITERS ]
//
// Both only grow, by steps of two, since bit 0 of the word is the line's. `added` changes under the lock of the
// queue that counts here, so it needs no read-modify-write. `done` shares its word with the bit that says that
// somebody joins: who finishes the last task either sees the bit, and takes the lock to release them all, or
// finishes before the bit is set, and then the joiner's compare-exchange fails and it looks again. `added` may be
// read separately, because it only makes the work more: a put that is seen late is a put that came later.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_shim::const_fn;
use tidegate_waiters::{Borrowed, Decision, Left, Locked, Policy, WaitQueue, Waiter};

use crate::error::TaskDoneError;
use crate::kind::AnyQueue;

const WAITERS: usize = WaitQueue::<Joiners>::WAITERS;
const ONE: usize = 2;

/// How much was put, how much of it is done, and who waits for the rest.
pub(crate) struct Tasks {
    added: AtomicUsize,
    line: WaitQueue<Joiners>,
}

/// The policy: all there is to say is in the counts.
pub(crate) struct Joiners;

impl Policy for Joiners {
    type Note = ();

    // Nothing is handed to one joiner that another would miss.
    fn left(_line: &mut Locked<'_, Self>, (): &mut (), _left: Left) {}
}

impl Tasks {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { added: AtomicUsize::new(0), line: WaitQueue::new(0, Joiners) }
        }
    }

    /// Counts one more. Only under the lock of the queue.
    #[inline]
    pub(crate) fn add(&self) {
        let next = self.added.load(Ordering::Relaxed).wrapping_add(ONE);
        // Release: pairs with the Acquire in `left`.
        self.added.store(next, Ordering::Release);
    }

    /// What is not done, in steps of `ONE`, when the word is `word`.
    #[inline]
    fn left(&self, word: usize) -> usize {
        // Later than the word, so that it is not less. Acquire: as in `add`.
        self.added.load(Ordering::Acquire).wrapping_sub(word & !WAITERS)
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.left(self.line.word().load(Ordering::Acquire)) / ONE
    }

    pub(crate) fn waiting(&self) -> usize {
        self.line.waiters()
    }

    pub(crate) fn task_done(&self) -> Result<(), TaskDoneError> {
        match self.finish(1) {
            0 => Err(TaskDoneError),
            _ => Ok(()),
        }
    }

    /// Counts up to `n` as done, and says how many.
    pub(crate) fn finish(&self, n: usize) -> usize {
        let word = self.line.word();
        let mut seen = word.load(Ordering::Acquire);
        loop {
            let left = self.left(seen);
            let step = left.min(n * ONE);
            if step == left && seen & WAITERS != 0 {
                return self.finish_and_release(n);
            }
            // Release: who sees all done, sees what was done.
            match word.compare_exchange_weak(
                seen,
                seen.wrapping_add(step),
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return step / ONE,
                Err(changed) => seen = changed,
            }
        }
    }

    #[cold]
    fn finish_and_release(&self, n: usize) -> usize {
        let mut line = self.line.lock();
        // Others may still finish what is not the last without the lock.
        let mut seen = line.word().load(Ordering::Acquire);
        loop {
            let left = self.left(seen);
            let step = left.min(n * ONE);
            // Release: as in `finish`. What the others did was acquired with `seen`, and goes on to who is released.
            match line.word().compare_exchange_weak(
                seen,
                seen.wrapping_add(step),
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) if step == left => {
                    line.release_all();
                    return step / ONE;
                }
                Ok(_) => return step / ONE,
                Err(changed) => seen = changed,
            }
        }
    }

    pub(crate) fn join(&self) -> JoinFut<'_> {
        JoinFut { tasks: self, waiter: Waiter::new(&self.line, ()) }
    }

    pub(crate) fn join_owned<Q: AnyQueue>(queue: Arc<Q>) -> JoinOwnedFut<Q> {
        let owner = Arc::clone(&queue);
        let waiter = Waiter::new_owned(owner, |queue| &queue.channel().tasks.line, ());
        JoinOwnedFut { queue, waiter }
    }

    #[inline]
    fn poll<O>(&self, mut waiter: Pin<&mut Waiter<Joiners, O>>, cx: &mut Context<'_>) -> Poll<()> {
        // Acquire: pairs with the Release of those who finished.
        if waiter.is_fresh() && self.left(self.line.word().load(Ordering::Acquire)) == 0 {
            waiter.finish();
            return Poll::Ready(());
        }
        let turn = waiter.as_mut().poll(cx, |_line, word| match self.left(word) {
            0 => Decision::Ready(()),
            _ => Decision::Wait,
        });
        turn.map(|_decided_or_released| ())
    }
}

pin_project! {
    /// The future of [`Queue::join`](crate::Queue::join) and its like.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct JoinFut<'a> {
        tasks: &'a Tasks,
        #[pin]
        waiter: Waiter<Joiners, Borrowed<'a, Joiners>>,
    }
}

impl Future for JoinFut<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.tasks.poll(this.waiter, cx)
    }
}

impl fmt::Debug for JoinFut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinFut").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of [`Queue::join_owned`](crate::Queue::join_owned) and its like.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct JoinOwnedFut<Q: AnyQueue> {
        #[pin]
        waiter: Waiter<Joiners, Arc<Q>>,
        queue: Arc<Q>,
    }
}

impl<Q: AnyQueue> Future for JoinOwnedFut<Q> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.queue.channel().tasks.poll(this.waiter, cx)
    }
}

impl<Q: AnyQueue> fmt::Debug for JoinOwnedFut<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinOwnedFut").field(&self.waiter).finish()
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("unfinished", &self.unfinished()).finish_non_exhaustive()
    }
}
