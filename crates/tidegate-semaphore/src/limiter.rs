// How it works
//
//     word: [ spare slots, signed | IDLERS | ROOM | WAITERS ]     beside it: total, peak
//
// Most slots that were ever out at once: the peak. The word counts how many of those may still be taken:
//
//     spare = min(total, peak) - borrowed
//
// As long as there are any, a slot is taken and given back by one compare-exchange on the word, and neither the
// total nor the peak is looked at or changed. A slot beyond the peak, which `ROOM` says that the total allows, is
// taken under the lock and raises the peak. So the peak is exact and costs nothing: each of its values is paid
// for once. A total that is lowered below what is out makes `spare` negative: a debt, which those who give back pay
// off before anybody is served.
//
// The total and the peak change under the lock only, in one step with the word. So whoever holds the lock reads
// from the word how many slots are out, and whenever the lock is free,
//
//     somebody is in line  =>  spare <= 0 and not ROOM
//
// Nobody changes `spare` without the lock while somebody is in line. Whoever serves the line goes from the front
// for as long as there is a spare one; that is the only place where a waiter is given a slot.
//
// Those who wait until all is given back stand in a line of their own, whose word counts how often that was so.
// `IDLERS` says that there are such, and sends whoever gives back to the lock. The two locks are nested one way only,
// the main one inside: whoever finds that nothing is out says so to the other line after the main lock is gone.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_shim::const_fn;
use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, block_on, block_on_until};

use crate::slot::{OwnedSlot, Slot, SlotFut, SlotOwnedFut};
use crate::wait_idle::{WaitIdleFut, WaitIdleOwnedFut};

const WAITERS: usize = WaitQueue::<Seats>::WAITERS;
/// The total allows more than were ever out at once.
const ROOM: usize = 2;
/// Somebody waits until nothing is out.
const IDLERS: usize = 4;
const SHIFT: u32 = 3;
/// One slot, as the word counts it.
const ONE: usize = 1 << SHIFT;
/// More than this are never out at once, whatever the total.
const MOST: usize = isize::MAX as usize >> SHIFT;

/// In the word of those who wait until nothing is out: one more time that it was so.
const ONCE: usize = 2;

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

/// The policy of those who wait for a slot.
pub(crate) struct Seats;

impl Policy for Seats {
    type Note = ();

    fn left(line: &mut Locked<'_, Self>, (): &mut (), left: Left) {
        // It was promised a slot and never looked: it goes on. One that only waited changes nothing by leaving.
        if left == Left::Granted {
            line.word().fetch_add(ONE, Ordering::Release);
            serve(line);
        }
    }
}

/// The policy of those who wait until nothing is out.
pub(crate) struct Idlers;

impl Policy for Idlers {
    /// How often nothing had been out when it joined.
    type Note = usize;

    fn left(_line: &mut Locked<'_, Self>, _round: &mut usize, _left: Left) {}
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
                queue: WaitQueue::new(if total > 0 { ROOM } else { 0 }, Seats),
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
        let mut line = self.queue.lock();
        let peak = self.peak.load(Ordering::Relaxed);
        let limit = total.min(MOST);
        let mut seen = line.word().load(Ordering::Relaxed);
        let peak = loop {
            let borrowed = self.borrowed_in(seen);
            // Whom there is room for now will all be inside at once.
            let let_in = line.len().min(limit.saturating_sub(borrowed));
            let peak = peak.max(borrowed + let_in);
            let spare = (limit.min(peak) as isize) - (borrowed as isize);
            let room = if peak < limit { ROOM } else { 0 };
            let next = (spare << SHIFT) as usize | room | seen & (WAITERS | IDLERS);
            // Relaxed: nothing is taken or given here. The line is served by a read-modify-write of its own.
            match line.word().compare_exchange_weak(
                seen,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break peak,
                Err(changed) => seen = changed,
            }
        };
        self.total.store(total, Ordering::Relaxed);
        self.peak.store(peak, Ordering::Relaxed);
        serve(&mut line);
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

    #[inline]
    pub(crate) fn queue(&self) -> &WaitQueue<Seats> {
        &self.queue
    }

    #[inline]
    pub(crate) fn idle(&self) -> &WaitQueue<Idlers> {
        &self.idle
    }

    /// Counts a slot that somebody has in their hands now.
    #[inline]
    pub(crate) fn count_granted(&self) {
        self.granted.fetch_add(1, Ordering::Relaxed);
    }

    /// How many slots were out when the word was `seen`; under the lock.
    fn borrowed_in(&self, seen: usize) -> usize {
        let level = self.total().min(MOST).min(self.peak.load(Ordering::Relaxed));
        level.saturating_add_signed(-spare(seen))
    }

    /// The fast path: one compare-exchange, while nobody waits and no more are out than ever.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        let word = self.queue.word();
        let seen = word.load(Ordering::Relaxed);
        if seen & WAITERS == 0 && seen as isize >= ONE as isize {
            // Acquire: pairs with the Release of whoever gave this slot back.
            let swapped =
                word.compare_exchange(seen, seen - ONE, Ordering::Acquire, Ordering::Relaxed);
            if swapped.is_ok() {
                return true;
            }
        }
        self.try_take_again()
    }

    /// As `try_take`, when the first look at the word did not suffice.
    #[cold]
    #[inline(never)]
    fn try_take_again(&self) -> bool {
        let word = self.queue.word();
        let mut seen = word.load(Ordering::Relaxed);
        while seen & WAITERS == 0 {
            if spare(seen) <= 0 {
                if seen & ROOM == 0 {
                    return false;
                }
                return self.try_take_locked();
            }
            // Acquire: as above.
            match word.compare_exchange_weak(seen, seen - ONE, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(changed) => seen = changed,
            }
        }
        false
    }

    fn try_take_locked(&self) -> bool {
        let mut line = self.queue.lock();
        loop {
            let seen = line.word().load(Ordering::Relaxed);
            match self.decide(&mut line, seen) {
                Decision::Ready(()) => return true,
                Decision::Retry => {}
                Decision::Wait | Decision::WaitInOrder => return false,
            }
        }
    }

    /// Under the lock: takes a slot for a newcomer, if nobody is in line, there is one, and the word is still `seen`.
    pub(crate) fn decide(&self, line: &mut Locked<'_, Seats>, seen: usize) -> Decision<()> {
        if !line.is_empty() {
            return Decision::Wait;
        }
        let peak = self.peak.load(Ordering::Relaxed);
        let (next, peak) = if spare(seen) > 0 {
            (seen - ONE, peak)
        } else if seen & ROOM != 0 {
            // As many are out as ever, so one more is a new peak: there is one more to be out, and it is.
            let peak = peak + 1;
            (if peak < self.total().min(MOST) { seen } else { seen & !ROOM }, peak)
        } else {
            return Decision::Wait;
        };
        // Acquire: pairs with the Release of whoever gave this slot back. It is also what makes sure that a new peak is
        // one: nobody gave anything back since the word was looked at.
        match line.word().compare_exchange(seen, next, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => {
                self.peak.store(peak, Ordering::Relaxed);
                Decision::Ready(())
            }
            Err(_) => Decision::Retry,
        }
    }

    /// Takes a slot back.
    #[inline]
    pub(crate) fn give_back(&self) {
        let word = self.queue.word();
        let seen = word.load(Ordering::Relaxed);
        if seen & (WAITERS | IDLERS) == 0 {
            // Release: pairs with the Acquire of whoever takes this slot, or hears that none is out.
            let next = seen.wrapping_add(ONE);
            if word.compare_exchange(seen, next, Ordering::Release, Ordering::Relaxed).is_ok() {
                return;
            }
        }
        self.give_back_again();
    }

    /// As `give_back`, when the first look at the word did not suffice.
    #[cold]
    #[inline(never)]
    fn give_back_again(&self) {
        let word = self.queue.word();
        let mut seen = word.load(Ordering::Relaxed);
        while seen & (WAITERS | IDLERS) == 0 {
            let next = seen.wrapping_add(ONE);
            // Release: as above.
            match word.compare_exchange_weak(seen, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
        self.give_back_locked(ONE);
    }

    /// Takes `slots` back, as the word counts them, serves the line, and tells who waits until none is out if so.
    fn give_back_locked(&self, slots: usize) {
        // Dropped after the lock, also when somebody's waker panics.
        let mut tell = TellIdlers(None);
        let mut line = self.queue.lock();
        line.word().fetch_add(slots, Ordering::Release);
        serve(&mut line);
        let mut seen = line.word().load(Ordering::Relaxed);
        while seen & IDLERS != 0 && self.borrowed_in(seen) == 0 {
            // Acquire: collects what all did who gave back, also without the lock and before `IDLERS` was set; the news
            // passes it on.
            match line.word().compare_exchange_weak(
                seen,
                seen & !IDLERS,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    // Release: pairs with the Acquire of whoever tells of it; not always this one, see `TellIdlers`.
                    self.idle.word().fetch_add(ONCE, Ordering::Release);
                    tell.0 = Some(&self.idle);
                    break;
                }
                Err(changed) => seen = changed,
            }
        }
    }

    /// After a future that may have given back a slot which it never looked at.
    #[inline]
    pub(crate) fn after_leaving(&self) {
        if self.queue.word().load(Ordering::Relaxed) & IDLERS != 0 {
            self.give_back_locked(0);
        }
    }

    /// Under the lock of the idlers' line: what becomes of somebody who waits until no slot is out.
    ///
    /// If some are, whoever gives back knows from now on that it is waited for.
    pub(crate) fn decide_idle(&self, line: &mut Locked<'_, Idlers>, idlers: usize) -> Decision<()> {
        if let Some(round) = line.note() {
            *round = idlers / ONCE;
        }
        let main = self.queue.lock();
        // Acquire, here and below: pairs with the Release of whoever gave back the last slot without the lock.
        let mut seen = main.word().load(Ordering::Acquire);
        while self.borrowed_in(seen) > 0 {
            // If nothing is out after this, the idlers' word changes, and this is asked again before it waits.
            match main.word().compare_exchange_weak(
                seen,
                seen | IDLERS,
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => return Decision::Wait,
                Err(changed) => seen = changed,
            }
        }
        Decision::Ready(())
    }

    /// After somebody who waited until no slot is out: the last one lets those who give back go their fast way again.
    #[inline]
    pub(crate) fn after_idling(&self) {
        if self.queue.word().load(Ordering::Relaxed) & IDLERS != 0 {
            self.forget_idlers();
        }
    }

    #[cold]
    fn forget_idlers(&self) {
        let line = self.idle.lock();
        if line.is_empty() {
            // Under the idlers' lock, so that nobody joins in between.
            self.queue.word().fetch_and(!IDLERS, Ordering::Relaxed);
        }
    }
}

/// Tells those who wait until no slot is out that it was so, when dropped.
struct TellIdlers<'a>(Option<&'a WaitQueue<Idlers>>);

impl Drop for TellIdlers<'_> {
    fn drop(&mut self) {
        let Some(idle) = self.0 else { return };
        let mut line = idle.lock();
        // Who joined since waits for the next time. Acquire: that may have been meanwhile, for another to tell of.
        let round = line.word().load(Ordering::Acquire) / ONCE;
        while line.front().is_some_and(|it| *it != round) {
            line.grant_front();
        }
    }
}

/// How many more slots may be taken without a new peak; negative when more are out than the total allows.
#[inline]
fn spare(word: usize) -> isize {
    word as isize >> SHIFT
}

/// Serves the line from the front for as long as there is a spare slot.
fn serve(line: &mut Locked<'_, Seats>) {
    // With somebody in line the number changes under the lock only, so what was seen is still there.
    while !line.is_empty() && spare(line.word().load(Ordering::Relaxed)) > 0 {
        // Acquire: collects what those who gave these slots back did before; the grant passes it on.
        line.word().fetch_sub(ONE, Ordering::Acquire);
        line.grant_front();
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
