use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::atomic::Ordering;
use tidegate_shim::const_fn;
use tidegate_waiters::{WaitQueue, Waiter, block_on, block_on_until};

use crate::meeting::{BROKEN, Meeting, Ticket, WaitFut, WaitOwnedFut};
use crate::turn::{BarrierTurn, Broken};

/// A place where a number of tasks and threads meet, again and again.
///
/// Think of friends who walk at their own pace and wait for each other at every crossing: nobody goes on before all
/// are there, and who gives up on the way is not waited with. The first to arrive after they went on is the first at
/// the next crossing.
///
/// # Examples
///
/// ```
/// use tidegate_barrier::Barrier;
///
/// let barrier = Barrier::new(3);
/// let walk = || barrier.wait_blocking().expect("nobody aborts it").is_leader();
///
/// std::thread::scope(|threads| {
///     let friends = [threads.spawn(walk), threads.spawn(walk), threads.spawn(walk)];
///     let leaders = friends.map(|it| it.join().unwrap()).into_iter().filter(|it| *it);
///     assert_eq!(leaders.count(), 1);
/// });
/// ```
///
/// Who leaves takes its arrival back, so nobody passes alone:
///
/// ```
/// use std::future::Future;
/// use std::pin::pin;
/// use std::task::{Context, Waker};
/// use tidegate_barrier::Barrier;
///
/// let barrier = Barrier::new(2);
/// let mut cx = Context::from_waker(Waker::noop());
/// let mut gives_up = Box::pin(barrier.wait());
/// assert!(gives_up.as_mut().poll(&mut cx).is_pending());
/// drop(gives_up);
///
/// let mut waits = pin!(barrier.wait());
/// assert!(waits.as_mut().poll(&mut cx).is_pending());
/// assert!(pin!(barrier.wait()).poll(&mut cx).is_ready());
/// assert!(waits.poll(&mut cx).is_ready());
/// ```
///
/// # Barrier or latch?
///
/// - A latch opens once, and who counts it down need not be who waits for it.
/// - A barrier shuts behind each round, and everybody who arrives waits for the others.
///
/// # Fairness
///
/// All of a round are released at once and woken in the order in which they came. Who arrives after that belongs to
/// the next round, whether or not those of the last one have run.
///
/// # Reentrancy
///
/// A waker may do anything with the barrier.
///
/// # Cost
///
/// Waiting allocates nothing; arriving and leaving are O(1). The last to arrive releases the others in O(1) under the
/// lock, and wakes them in O(1) each after it; in a round that somebody left it numbers them anew, O(n) under the lock.
/// [`abort`](Self::abort) and [`reset`](Self::reset) are O(n) under the lock.
///
/// # Limitations
///
/// A party is a call of [`wait`](Self::wait): the barrier does not know who calls, so a task that polls two of them
/// counts twice.
pub struct Barrier {
    parties: usize,
    queue: WaitQueue<Meeting>,
}

impl Barrier {
    const_fn! {
        /// Makes a barrier where `parties` meet.
        ///
        /// With one party nobody ever waits, and everybody leads.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_barrier::Barrier;
        ///
        /// static STEP: Barrier = Barrier::new(8);
        /// assert_eq!(STEP.parties(), 8);
        /// ```
        ///
        /// # Panics
        ///
        /// When `parties` is 0.
        #[track_caller]
        pub const fn new(parties: usize) -> Self {
            assert!(parties > 0, "a barrier without parties");
            Self { parties, queue: WaitQueue::new(0, Meeting::new()) }
        }
    }

    /// Arrives, and waits until as many have arrived as there are [parties](Self::parties).
    ///
    /// The arrival is the future's first poll. The last to arrive does not wait. What each did before it arrived has
    /// happened for all who pass.
    ///
    /// # Errors
    ///
    /// [`Broken`] when the barrier is aborted or reset before the round has met, and at once when it was aborted
    /// and not reset since. A round that met passes, whatever happens to the barrier before all of it have run.
    ///
    /// # Cancel safety
    ///
    /// Strict until the round has met: dropping the future takes the arrival back, and asking again arrives anew. Weak
    /// after that: a round that met is not undone. The others pass, nobody else gets the turn of a future that is
    /// dropped before it looked, and asking again arrives for the next round. Where that would put a task a round
    /// behind the others, poll the same future again rather than a new one, or end it with [`leave`](WaitFut::leave),
    /// which says what became of it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// # tidegate_test::block_on(async {
    /// let barrier = Barrier::new(1);
    /// assert!(barrier.wait().await?.is_leader());
    /// # Ok::<_, tidegate_barrier::Broken>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn wait(&self) -> WaitFut<'_> {
        WaitFut::new(Waiter::new(&self.queue, Ticket::new(self.parties)))
    }

    /// As [`wait`](Self::wait), for a barrier in an [`Arc`]; the future owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_barrier::Barrier;
    /// # tidegate_test::block_on(async {
    /// let barrier = Arc::new(Barrier::new(1));
    /// assert!(barrier.wait_owned().await?.is_leader());
    /// # Ok::<_, tidegate_barrier::Broken>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn wait_owned(self: Arc<Self>) -> WaitOwnedFut {
        let ticket = Ticket::new(self.parties);
        WaitOwnedFut::new(Waiter::new_owned(self, |it| &it.queue, ticket))
    }

    /// As [`wait`](Self::wait), parking this thread, which meets tasks and threads alike.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running, and
    /// those may be the ones that it waits for.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// let barrier = Barrier::new(2);
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| barrier.wait_blocking());
    ///     assert!(barrier.wait_blocking().is_ok());
    /// });
    /// ```
    pub fn wait_blocking(&self) -> Result<BarrierTurn, Broken> {
        block_on(self.wait())
    }

    /// As [`wait_blocking`](Self::wait_blocking), giving up at `deadline` with `None`.
    ///
    /// Who makes the round complete passes though the deadline has passed.
    ///
    /// With `None` the arrival has been taken back and nothing is broken; [`abort`](Self::abort) tells the others.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_barrier::Barrier;
    /// let barrier = Barrier::new(2);
    /// assert_eq!(barrier.wait_blocking_until(Instant::now()), None);
    /// assert_eq!(barrier.waiting(), 0);
    /// ```
    pub fn wait_blocking_until(&self, deadline: Instant) -> Option<Result<BarrierTurn, Broken>> {
        let mut wait = pin!(self.wait());
        block_on_until(deadline, wait.as_mut()).or_else(|| wait.leave())
    }

    /// Breaks the barrier: who waits, and who arrives before it is [reset](Self::reset), gets [`Broken`].
    ///
    /// For a party that cannot come. Who belongs to a round that has met passes all the same. What happened before has
    /// happened for all who see the barrier broken.
    ///
    /// # Panics
    ///
    /// When a task's waker panics; all who waited have been woken then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::{Barrier, Broken};
    /// let barrier = Barrier::new(2);
    /// barrier.abort();
    /// assert!(barrier.is_broken());
    /// assert_eq!(barrier.wait_blocking(), Err(Broken));
    /// ```
    pub fn abort(&self) {
        let mut line = self.queue.lock();
        // Release: pairs with the Acquire in `is_broken` and of whoever arrives.
        line.word().fetch_or(BROKEN, Ordering::Release);
        Meeting::call_off(&mut line);
    }

    /// Starts again with nobody: who waits now gets [`Broken`], and who arrives from here on meets.
    ///
    /// Who belongs to a round that has met passes all the same.
    ///
    /// # Panics
    ///
    /// When a task's waker panics; all who waited have been woken then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// let barrier = Barrier::new(1);
    /// barrier.abort();
    /// barrier.reset();
    /// assert!(barrier.wait_blocking().is_ok());
    /// ```
    pub fn reset(&self) {
        let mut line = self.queue.lock();
        // Release: pairs with the Acquire in `is_broken` and of whoever arrives.
        line.word().fetch_and(!BROKEN, Ordering::Release);
        Meeting::call_off(&mut line);
    }

    /// How many make a round.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// assert_eq!(Barrier::new(5).parties(), 5);
    /// ```
    #[inline]
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many of this round have arrived and wait for the others.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// assert_eq!(Barrier::new(5).waiting(), 0);
    /// ```
    #[doc(alias = "n_waiting")]
    pub fn waiting(&self) -> usize {
        self.queue.waiters()
    }

    /// As [`waiting`](Self::waiting), by the name that it has on every type of the family.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// assert_eq!(Barrier::new(5).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.waiting()
    }

    /// Whether the barrier was aborted and not reset since.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// assert!(!Barrier::new(5).is_broken());
    /// ```
    #[doc(alias = "broken")]
    #[inline]
    pub fn is_broken(&self) -> bool {
        // Acquire: pairs with the Release in `abort` and `reset`.
        self.queue.word().load(Ordering::Acquire) & BROKEN != 0
    }

    /// The state and the counts, for a log line or a gauge.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// let statistics = Barrier::new(5).statistics();
    /// assert_eq!((statistics.parties, statistics.waiting, statistics.is_broken), (5, 0, false));
    /// ```
    pub fn statistics(&self) -> BarrierStatistics {
        BarrierStatistics {
            parties: self.parties,
            waiting: self.waiting(),
            is_broken: self.is_broken(),
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("broken", &self.is_broken())
            .field("queue", &self.queue)
            .finish()
    }
}

/// What [`Barrier::statistics`] answers, each part taken at its own instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BarrierStatistics {
    /// How many make a round.
    pub parties: usize,
    /// Tasks and threads that have arrived and wait for the others.
    pub waiting: usize,
    /// Whether it was aborted and not reset since.
    pub is_broken: bool,
}
