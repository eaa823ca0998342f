// How it works
//
//     word: [ count ............ | WAITERS ]
//
// Counting down is one compare-exchange, whoever waits, unless it is the last one and somebody does. That one takes
// the count to nought and releases the whole line in one splice, both under the lock. A waiter joins the line only by a
// compare-exchange on the same word, with a count above nought, so a count that reached it in between is seen. Hence,
// whenever the lock is free,
//
//     the count is nought  =>  nobody is in line
//
// The count only falls. Whoever came for the lock to take it to nought may therefore do so, whatever it is by then.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_shim::const_fn;
use tidegate_waiters::{
    Ahead, Decision, Left, Locked, Policy, WaitQueue, block_on, block_on_until,
};

use crate::wait::{Lined, Rules, Signal, WaitFut, WaitOwnedFut, pass};

const WAITERS: usize = WaitQueue::<Count>::WAITERS;
const SHIFT: u32 = 1;

/// A gate that opens for good once it has been counted down.
///
/// Think of a door with a number of bolts: everybody waits until the last one is drawn, and nobody can shut it again.
///
/// # Examples
///
/// Wait until every part is ready:
///
/// ```
/// use tidegate_event::Latch;
///
/// static READY: Latch = Latch::new(2);
///
/// async fn serve() -> &'static str {
///     READY.wait().await;
///     "serving"
/// }
///
/// # tidegate_test::block_on(async {
/// std::thread::spawn(|| READY.count_down(1)); // The database is connected ...
/// std::thread::spawn(|| READY.count_down(1)); // ... and the cache is warm.
/// assert_eq!(serve().await, "serving");
/// # });
/// ```
///
/// A latch of one is an event that happens once:
///
/// ```
/// use tidegate_event::Latch;
///
/// let stopped = Latch::new(1);
/// stopped.count_down(1);
/// stopped.count_down(1); // Once is enough, and twice does no harm.
/// assert!(stopped.is_open());
/// ```
///
/// # Latch or barrier?
///
/// - A latch is counted down by some and waited for by others; who counts does not wait, and it opens once.
/// - A barrier is where all who count wait for each other, again and again.
///
/// [`Event`](crate::Event) has a word on which of the three types of this crate to choose.
///
/// # Fairness
///
/// All who wait are released together, woken in the order in which they came.
///
/// # Cost
///
/// Asking, and passing an open latch, is one load; counting down is one compare-exchange. Waiting allocates nothing;
/// joining and leaving are O(1); opening is O(1) under the lock and O(1) per waiter to wake it.
#[doc(alias = "CountDownLatch")]
#[doc(alias = "WaitGroup")]
pub struct Latch {
    queue: WaitQueue<Count>,
}

/// The policy of a [`Latch`]: all there is to say is in the word.
#[derive(Debug)]
pub struct Count(());

impl Policy for Count {
    type Note = Ahead;

    // Nothing is handed to one waiter that another would miss.
    fn left(_line: &mut Locked<'_, Self>, _ahead: &mut Ahead, _left: Left) {}

    const LOOKS_AHEAD: bool = true;

    fn ahead(ahead: &mut Ahead) -> Option<&mut Ahead> {
        Some(ahead)
    }
}

impl Rules for Count {
    #[inline]
    fn decide(_word: &AtomicUsize, seen: usize) -> Decision<()> {
        match seen >> SHIFT {
            0 => Decision::Ready(()),
            _ => Decision::Wait,
        }
    }
}

impl Signal for Latch {}

impl Lined for Latch {
    type Rules = Count;

    #[inline]
    fn queue(&self) -> &WaitQueue<Count> {
        &self.queue
    }
}

impl Latch {
    /// The largest count there can be.
    pub const MAX_COUNT: usize = usize::MAX >> SHIFT;

    const_fn! {
        /// Makes a latch that opens when it has been counted down from `count`; one of 0 is open.
        ///
        /// # Panics
        ///
        /// When `count` is more than [`MAX_COUNT`](Self::MAX_COUNT).
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_event::Latch;
        ///
        /// static STARTED: Latch = Latch::new(3);
        /// assert_eq!(STARTED.count(), 3);
        /// assert!(Latch::new(0).is_open());
        /// ```
        #[track_caller]
        pub const fn new(count: usize) -> Self {
            assert!(count <= Self::MAX_COUNT, "a larger count than there can be");
            Self { queue: WaitQueue::new(count << SHIFT, Count(())) }
        }
    }

    /// Counts down by `n`, and opens the latch for all who wait when that takes it to 0.
    ///
    /// It stops at 0: with an `n` that is larger than the count it opens, and once it is open nothing changes. So who
    /// gives up on all that is outstanding may say `count_down(usize::MAX)`. What happened before each of the calls
    /// that took it to 0 has happened for all who pass.
    ///
    /// # Panics
    ///
    /// When a task's waker panics; all who waited have been woken then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Latch;
    /// let latch = Latch::new(3);
    /// latch.count_down(2);
    /// assert_eq!(latch.count(), 1);
    /// latch.count_down(2);
    /// assert_eq!(latch.count(), 0);
    /// ```
    pub fn count_down(&self, n: usize) {
        let word = self.queue.word();
        let mut seen = word.load(Ordering::Relaxed);
        while seen >> SHIFT > 0 {
            let left = (seen >> SHIFT).saturating_sub(n);
            if left == 0 && seen & WAITERS != 0 {
                return self.open();
            }
            // Release: pairs with the Acquire of whoever sees the latch open, also across the calls in between, which
            // all modify the one word; and with that of the one who opens it for the line.
            match word.compare_exchange_weak(
                seen,
                left << SHIFT | seen & WAITERS,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn open(&self) {
        let mut line = self.queue.lock();
        // Under the lock, so that nobody joins between this and the splice.
        // Acquire: collects what those who counted before did, which the release of each waiter passes on.
        // Release: as in `count_down`.
        line.word().fetch_and(WAITERS, Ordering::AcqRel);
        line.release_all();
    }

    /// How much is still to be counted down; 0 when the latch is open.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Latch;
    /// assert_eq!(Latch::new(2).count(), 2);
    /// ```
    #[inline]
    pub fn count(&self) -> usize {
        // Acquire: pairs with the Release in `count_down`.
        self.queue.word().load(Ordering::Acquire) >> SHIFT
    }

    /// Whether the latch is open.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Latch;
    /// assert!(!Latch::new(2).is_open());
    /// ```
    #[inline]
    pub fn is_open(&self) -> bool {
        pass(&self.queue)
    }

    /// As [`is_open`](Self::is_open), by the name that it has on everything that can be waited for: whether
    /// [`wait`](Self::wait) would be ready this instant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Latch;
    /// let latch = Latch::new(1);
    /// latch.count_down(1);
    /// assert!(latch.try_wait());
    /// ```
    #[inline]
    pub fn try_wait(&self) -> bool {
        self.is_open()
    }

    /// Waits until the latch is open; ready at once if it is.
    ///
    /// # Cancel safety
    ///
    /// Strict. Dropping the future and asking again is as if it had never been dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Latch;
    /// # tidegate_test::block_on(async {
    /// let latch = Latch::new(1);
    /// latch.count_down(1);
    /// latch.wait().await;
    /// # });
    /// ```
    #[inline]
    pub fn wait(&self) -> WaitFut<'_, Self> {
        WaitFut::new(self)
    }

    /// As [`wait`](Self::wait), for a latch in an [`Arc`]; the future owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_event::Latch;
    /// # tidegate_test::block_on(async {
    /// let latch = Arc::new(Latch::new(1));
    /// latch.count_down(1);
    /// latch.wait_owned().await;
    /// # });
    /// ```
    #[inline]
    pub fn wait_owned(self: Arc<Self>) -> WaitOwnedFut<Self> {
        WaitOwnedFut::new(self)
    }

    /// As [`wait`](Self::wait), parking this thread.
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running, and
    /// one of those may be one that counts down.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Latch;
    /// let latch = Latch::new(1);
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| latch.count_down(1));
    ///     latch.wait_blocking();
    /// });
    /// ```
    pub fn wait_blocking(&self) {
        block_on(self.wait());
    }

    /// As [`wait_blocking`](Self::wait_blocking), giving up at `deadline` with `None`.
    ///
    /// A latch that is open lets pass though the deadline has passed.
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_event::Latch;
    /// assert_eq!(Latch::new(1).wait_blocking_until(Instant::now()), None);
    /// ```
    pub fn wait_blocking_until(&self, deadline: Instant) -> Option<()> {
        block_on_until(deadline, self.wait())
    }

    /// How many wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Latch;
    /// assert_eq!(Latch::new(1).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.queue.waiters()
    }

    /// The counts, for a log line or a gauge.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Latch;
    /// let statistics = Latch::new(2).statistics();
    /// assert_eq!((statistics.count, statistics.waiting), (2, 0));
    /// ```
    pub fn statistics(&self) -> LatchStatistics {
        LatchStatistics { count: self.count(), waiting: self.waiters() }
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch").field("count", &self.count()).field("queue", &self.queue).finish()
    }
}

/// What [`Latch::statistics`] answers, each count taken at its own instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatchStatistics {
    /// How much is still to be counted down; 0 when it is open.
    pub count: usize,
    /// Tasks and threads that wait for it.
    pub waiting: usize,
}
