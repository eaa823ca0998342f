use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_shim::const_fn;
use tidegate_waiters::{WaitQueue, block_on, block_on_until};

use crate::slot::{OwnedSlot, Slot, SlotFut, SlotOwnedFut};
use crate::wait_idle::{WaitIdleFut, WaitIdleOwnedFut};

mod word;

pub(crate) use word::{Idlers, Seats};

/// A limit to how much happens at once, which can be changed while it is in use.
///
/// Think of a car park with a sign at the gate: whoever comes takes one of the slots or queues at the gate, and
/// the number on the sign may be changed at any time. Nobody is towed away when it goes down; the gate stays shut
/// until enough have left.
///
/// # Examples
///
/// ```
/// use tidegate_semaphore::CapacityLimiter;
///
/// static WORKERS: CapacityLimiter = CapacityLimiter::new(8);
///
/// async fn work() -> usize {
///     let _slot = WORKERS.acquire().await;
///     WORKERS.borrowed()
/// }
///
/// # tidegate_test::block_on(async {
/// assert_eq!(work().await, 1);
/// # });
/// ```
///
/// Let nobody in any more, and wait for those who are inside:
///
/// ```
/// # use tidegate_semaphore::CapacityLimiter;
/// # tidegate_test::block_on(async {
/// let limiter = CapacityLimiter::new(8);
/// let slot = limiter.acquire().await;
/// limiter.set_total(0);
/// assert!(limiter.try_acquire().is_none());
/// drop(slot);
/// limiter.wait_idle().await;
/// # });
/// ```
///
/// # Limiter or semaphore?
///
/// - A limiter knows how many are inside, and its limit is changed by saying the new one. Each takes one slot.
/// - A [`Semaphore`](crate::Semaphore) knows only what is free. Its permits are taken several at a time, made and
///   forgotten, and it can be closed.
///
/// # Fairness
///
/// Strictly first come, first served. [`try_acquire`](Self::try_acquire) does not overtake: it fails while anybody
/// waits.
///
/// # Cost
///
/// Taking a slot is one compare-exchange and one addition, which counts it; giving it back one compare-exchange.
/// The lock is taken when somebody waits, and for each slot that is one more than were ever out at once: that is how
/// the peak is known exactly. Waiting allocates nothing; joining, leaving and being served are O(1) per waiter.
///
/// # Limitations
///
/// One that takes a second slot while it holds one may wait for itself, as with any semaphore. A slot that is
/// leaked ([`std::mem::forget`]) stays borrowed for good.
pub struct CapacityLimiter {
    queue: WaitQueue<Seats>,
    idle: WaitQueue<Idlers>,
    /// Written under the lock of `queue`, as is `peak`.
    total: AtomicUsize,
    peak: AtomicUsize,
    granted: AtomicUsize,
}

impl CapacityLimiter {
    const_fn! {
        /// Makes a limiter that lets `total` in at once: none with 0, any number with [`usize::MAX`].
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_semaphore::CapacityLimiter;
        ///
        /// static CONNECTIONS: CapacityLimiter = CapacityLimiter::new(100);
        /// assert_eq!(CONNECTIONS.available(), 100);
        /// ```
        pub const fn new(total: usize) -> Self {
            Self {
                queue: WaitQueue::new(word::first(total), Seats),
                idle: WaitQueue::new(0, Idlers),
                total: AtomicUsize::new(total),
                peak: AtomicUsize::new(0),
                granted: AtomicUsize::new(0),
            }
        }
    }

    /// How many are let in at once; [`usize::MAX`] says that there is no limit.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// assert_eq!(CapacityLimiter::new(5).total(), 5);
    /// ```
    #[doc(alias = "total_tokens")]
    #[inline]
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Changes how many are let in at once, and lets in from the line as many as there is room for now.
    ///
    /// 0 lets nobody in, [`usize::MAX`] everybody. Who is inside stays: after a total that is lower than
    /// [`borrowed`](Self::borrowed), nobody is let in until enough have left, whatever it was in between.
    ///
    /// # Panics
    ///
    /// When a task's waker panics, after all who are let in have been woken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = CapacityLimiter::new(2);
    /// let (one, two) = (limiter.try_acquire(), limiter.try_acquire());
    /// limiter.set_total(1);
    /// drop(one);
    /// assert!(limiter.try_acquire().is_none()); // The other one is still inside.
    /// drop(two);
    /// assert!(limiter.try_acquire().is_some());
    /// ```
    #[doc(alias = "total_tokens")]
    pub fn set_total(&self, total: usize) {
        self.change_total(total);
    }

    /// Takes a slot, waiting in line until there is one.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. Dropping the future before it resolves takes no slot; asking again joins
    /// the back of the line. A slot that was granted to a future which never looked goes to the next.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// # tidegate_test::block_on(async {
    /// let limiter = CapacityLimiter::new(1);
    /// let slot = limiter.acquire().await;
    /// assert_eq!(limiter.available(), 0);
    /// drop(slot);
    /// assert_eq!(limiter.available(), 1);
    /// # });
    /// ```
    #[inline]
    pub fn acquire(&self) -> SlotFut<'_> {
        SlotFut::new(self)
    }

    /// Takes a slot if one is free this instant and nobody waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = CapacityLimiter::new(1);
    /// let slot = limiter.try_acquire();
    /// assert!(slot.is_some() && limiter.try_acquire().is_none());
    /// ```
    #[doc(alias = "acquire_nowait")]
    #[inline]
    pub fn try_acquire(&self) -> Option<Slot<'_>> {
        self.try_take().then(|| Slot::new(self))
    }

    /// As [`acquire`](Self::acquire), for a limiter in an [`Arc`]; the slot owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::CapacityLimiter;
    /// # tidegate_test::block_on(async {
    /// let limiter = Arc::new(CapacityLimiter::new(1));
    /// let slot = Arc::clone(&limiter).acquire_owned().await;
    /// std::thread::spawn(move || drop(slot)).join().unwrap();
    /// assert_eq!(limiter.borrowed(), 0);
    /// # });
    /// ```
    #[inline]
    pub fn acquire_owned(self: Arc<Self>) -> SlotOwnedFut {
        SlotOwnedFut::new(self)
    }

    /// As [`try_acquire`](Self::try_acquire), for a limiter in an [`Arc`]; the slot owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = Arc::new(CapacityLimiter::new(1));
    /// assert!(Arc::clone(&limiter).try_acquire_owned().is_some());
    /// ```
    #[inline]
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<OwnedSlot> {
        self.try_take().then(|| OwnedSlot::new(self))
    }

    /// As [`acquire`](Self::acquire), parking this thread while it waits, in the same line as the tasks.
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running, and
    /// one of those may hold what it waits for.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = CapacityLimiter::new(1);
    /// let slot = limiter.acquire_blocking();
    /// # drop(slot);
    /// ```
    pub fn acquire_blocking(&self) -> Slot<'_> {
        block_on(self.acquire())
    }

    /// As [`acquire_blocking`](Self::acquire_blocking), giving up at `deadline` with `None`.
    ///
    /// A slot that is free is taken though the deadline has passed.
    ///
    /// # Blocking
    ///
    /// As [`acquire_blocking`](Self::acquire_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = CapacityLimiter::new(0);
    /// assert!(limiter.acquire_blocking_until(Instant::now()).is_none());
    /// ```
    pub fn acquire_blocking_until(&self, deadline: Instant) -> Option<Slot<'_>> {
        block_on_until(deadline, self.acquire())
    }

    /// How many slots are out, with those that were granted to somebody who has not looked yet.
    ///
    /// More than [`total`](Self::total) after that was lowered.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = CapacityLimiter::new(2);
    /// let _slot = limiter.try_acquire();
    /// assert_eq!(limiter.borrowed(), 1);
    /// ```
    #[doc(alias = "borrowed_tokens")]
    pub fn borrowed(&self) -> usize {
        let line = self.queue.lock();
        self.borrowed_in(line.word().load(Ordering::Relaxed))
    }

    /// How many slots are free: none while more are out than the total allows, [`usize::MAX`] without a limit.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = CapacityLimiter::new(2);
    /// let _slot = limiter.try_acquire();
    /// assert_eq!(limiter.available(), 1);
    /// ```
    #[doc(alias = "available_tokens")]
    pub fn available(&self) -> usize {
        let line = self.queue.lock();
        match self.total() {
            usize::MAX => usize::MAX,
            total => total.saturating_sub(self.borrowed_in(line.word().load(Ordering::Relaxed))),
        }
    }

    /// How many wait in line for a slot.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// assert_eq!(CapacityLimiter::new(1).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.queue.waiters()
    }

    /// Waits until no slot is out; ready at once if none is.
    ///
    /// That was so at some instant while this waited, and somebody may have come since; a [total](Self::set_total)
    /// of 0 keeps them out. Whoever is in line does not count: it may stand there for as long as the total is 0.
    ///
    /// # Cancel safety
    ///
    /// Strict. Dropping the future and asking again is as if it had never been dropped, unless there was such an
    /// instant in between.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// # tidegate_test::block_on(async {
    /// let limiter = CapacityLimiter::new(2);
    /// std::thread::scope(|threads| {
    ///     let slot = limiter.acquire_blocking();
    ///     threads.spawn(move || drop(slot));
    ///     limiter.wait_idle_blocking();
    /// });
    /// limiter.wait_idle().await;
    /// # });
    /// ```
    #[inline]
    pub fn wait_idle(&self) -> WaitIdleFut<'_> {
        WaitIdleFut::new(self)
    }

    /// As [`wait_idle`](Self::wait_idle), for a limiter in an [`Arc`]; the future owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::CapacityLimiter;
    /// # tidegate_test::block_on(async {
    /// Arc::new(CapacityLimiter::new(2)).wait_idle_owned().await;
    /// # });
    /// ```
    #[inline]
    pub fn wait_idle_owned(self: Arc<Self>) -> WaitIdleOwnedFut {
        WaitIdleOwnedFut::new(self)
    }

    /// As [`wait_idle`](Self::wait_idle), parking this thread.
    ///
    /// # Blocking
    ///
    /// As [`acquire_blocking`](Self::acquire_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// CapacityLimiter::new(2).wait_idle_blocking();
    /// ```
    pub fn wait_idle_blocking(&self) {
        block_on(self.wait_idle());
    }

    /// As [`wait_idle_blocking`](Self::wait_idle_blocking), giving up at `deadline` with `None`.
    ///
    /// # Blocking
    ///
    /// As [`acquire_blocking`](Self::acquire_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = CapacityLimiter::new(2);
    /// let _slot = limiter.try_acquire();
    /// assert_eq!(limiter.wait_idle_blocking_until(Instant::now()), None);
    /// ```
    pub fn wait_idle_blocking_until(&self, deadline: Instant) -> Option<()> {
        block_on_until(deadline, self.wait_idle())
    }

    /// The counts, for a log line or a gauge.
    ///
    /// All are of one instant but `granted`, which leaves out those whose `acquire` is just about to return.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::CapacityLimiter;
    /// let limiter = CapacityLimiter::new(2);
    /// for _ in 0..3 {
    ///     drop(limiter.try_acquire());
    /// }
    /// let statistics = limiter.statistics();
    /// assert_eq!((statistics.granted, statistics.peak, statistics.borrowed), (3, 1, 0));
    /// ```
    pub fn statistics(&self) -> LimiterStatistics {
        let line = self.queue.lock();
        LimiterStatistics {
            total: self.total(),
            borrowed: self.borrowed_in(line.word().load(Ordering::Relaxed)),
            waiting: line.len(),
            peak: self.peak.load(Ordering::Relaxed),
            granted: self.granted.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for CapacityLimiter {
    /// Without the lock: while the total is being changed, the count of what is out may be off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapacityLimiter")
            .field("total", &self.total())
            .field("borrowed", &self.borrowed_in(self.queue.word().load(Ordering::Relaxed)))
            .field("peak", &self.peak.load(Ordering::Relaxed))
            .field("granted", &self.granted.load(Ordering::Relaxed))
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// What a limiter looks like.
///
/// # Examples
///
/// ```
/// # use tidegate_semaphore::CapacityLimiter;
/// let limiter = CapacityLimiter::new(2);
/// let _slot = limiter.try_acquire();
/// let statistics = limiter.statistics();
/// assert_eq!((statistics.total, statistics.borrowed, statistics.waiting), (2, 1, 0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterStatistics {
    /// How many are let in at once; [`usize::MAX`] says that there is no limit.
    pub total: usize,
    /// Slots that are out, with those that were granted to somebody who has not looked yet.
    pub borrowed: usize,
    /// Tasks and threads in line for a slot.
    pub waiting: usize,
    /// The most slots that were ever out at once.
    pub peak: usize,
    /// Slots that were handed out since it was made; starts again from 0 after [`usize::MAX`].
    pub granted: usize,
}
