// How it works
//
//     word: [ SET | WAITERS ]
//
// While nobody waits, `set` raises the flag by one compare-exchange, and whoever comes next lowers it by another. If
// somebody waits, `set` leaves the flag down and gives the first in line its turn, under the lock. A waiter joins the
// line only by a compare-exchange on the same word, with the flag down, so a flag that went up in between is seen.
// Hence, whenever the lock is free,
//
//     the flag is up  =>  nobody is in line
//
// and nobody who comes later can take what was meant for who is in line: it never is for all to take. A turn whose
// waiter was dropped before it looked is set again: it goes to the next in line, or into the flag. If the flag is up
// by then, the two become one, as two calls of `set` would have.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_shim::const_fn;
use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, block_on, block_on_until};

use crate::flag::{SET, raise, raise_locked};
use crate::wait::{Lined, Rules, Signal, WaitFut, WaitOwnedFut, pass};

/// A signal that releases one waiter, or is remembered until one comes.
///
/// Think of a turnstile: each [`set`](Self::set) lets one through, the one who has stood there longest. With nobody
/// there it stays unlocked for the next, and unlocking it twice lets no second one through.
///
/// # Examples
///
/// Wake a worker when there is something to do, however much it is:
///
/// ```
/// use std::sync::Mutex;
/// use tidegate_event::AutoResetEvent;
///
/// static LETTERS: Mutex<Vec<&str>> = Mutex::new(Vec::new());
/// static POSTED: AutoResetEvent = AutoResetEvent::new();
///
/// fn post(letter: &'static str) {
///     LETTERS.lock().unwrap().push(letter);
///     POSTED.set();
/// }
///
/// async fn collect() -> Vec<&'static str> {
///     POSTED.wait().await; // Whatever is posted from here on is heard by the next wait.
///     std::mem::take(&mut *LETTERS.lock().unwrap())
/// }
///
/// # tidegate_test::block_on(async {
/// post("a bill");
/// post("a love letter");
/// assert_eq!(collect().await, ["a bill", "a love letter"]);
/// assert!(!POSTED.is_set());
/// # });
/// ```
///
/// One `set`, one waiter:
///
/// ```
/// use std::future::Future;
/// use std::pin::pin;
/// use std::task::{Context, Waker};
/// use tidegate_event::AutoResetEvent;
///
/// let event = AutoResetEvent::new();
/// let (mut first, mut second) = (pin!(event.wait()), pin!(event.wait()));
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(first.as_mut().poll(&mut cx).is_pending());
/// assert!(second.as_mut().poll(&mut cx).is_pending());
/// event.set();
/// assert!(first.poll(&mut cx).is_ready());
/// assert!(second.poll(&mut cx).is_pending());
/// ```
///
/// # AutoResetEvent or semaphore?
///
/// - An auto-reset event remembers *that* it was set; whoever is released looks for all there is to do.
/// - A semaphore remembers *how often*; whoever is released does one thing, and there is one for each permit.
///
/// [`Event`](crate::Event) has a word on which of the three types of this crate to choose.
///
/// # Fairness
///
/// Strictly first come, first served. A `set` goes to who has waited longest, never to a newcomer:
/// [`try_wait`](Self::try_wait) fails while anybody waits, and so does one that comes between a `set` and the moment
/// when the released waiter looks.
///
/// # Cost
///
/// Setting and taking are one compare-exchange each while nobody waits. Waiting allocates nothing; joining, leaving and
/// being released are O(1).
#[doc(alias = "Notify")]
pub struct AutoResetEvent {
    queue: WaitQueue<Turnstile>,
}

/// The policy of an [`AutoResetEvent`]: all there is to say is in the word.
#[derive(Debug)]
pub struct Turnstile(());

impl Turnstile {
    /// Gives the first in line its turn, or remembers that there is one; answers whether it did not merge with another.
    fn set(line: &mut Locked<'_, Self>) -> bool {
        line.grant_front() || raise_locked(line)
    }
}

impl Policy for Turnstile {
    type Note = ();

    fn left(line: &mut Locked<'_, Self>, (): &mut (), left: Left) {
        if left == Left::Granted {
            // It never looked: what it had goes on.
            Self::set(line);
        }
    }
}

impl Rules for Turnstile {
    #[inline]
    fn decide(word: &AtomicUsize, seen: usize) -> Decision<()> {
        if seen & SET == 0 {
            return Decision::Wait;
        }
        // Nobody is in line while the flag is up, so this overtakes nobody.
        // Acquire: pairs with the Release in `raise`.
        match word.compare_exchange(seen, seen & !SET, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Decision::Ready(()),
            Err(_) => Decision::Retry,
        }
    }
}

impl Signal for AutoResetEvent {}

impl Lined for AutoResetEvent {
    type Rules = Turnstile;

    #[inline]
    fn queue(&self) -> &WaitQueue<Turnstile> {
        &self.queue
    }
}

impl AutoResetEvent {
    const_fn! {
        /// Makes an event that is not set.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_event::AutoResetEvent;
        ///
        /// static WORK: AutoResetEvent = AutoResetEvent::new();
        /// assert!(!WORK.is_set());
        /// ```
        pub const fn new() -> Self {
            Self { queue: WaitQueue::new(0, Turnstile(())) }
        }
    }

    /// Releases the one who has waited longest, or remembers, for the next who waits, that it was set.
    ///
    /// Answers whether that is so: `false` when nobody waited and it was remembered already; the two become one then.
    /// What happened before either has happened for the one who is released.
    ///
    /// # Panics
    ///
    /// When the task's waker panics; it has been released all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::AutoResetEvent;
    /// let event = AutoResetEvent::new();
    /// assert!(event.set());
    /// assert!(!event.set());
    /// assert!(event.try_wait());
    /// assert!(!event.try_wait());
    /// ```
    #[doc(alias = "notify_one")]
    #[inline]
    pub fn set(&self) -> bool {
        raise(&self.queue).unwrap_or_else(|| self.set_in_line())
    }

    #[inline(never)]
    fn set_in_line(&self) -> bool {
        Turnstile::set(&mut self.queue.lock())
    }

    /// Whether it is set and nobody has come for it yet; takes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::AutoResetEvent;
    /// let event = AutoResetEvent::new();
    /// event.set();
    /// assert!(event.is_set() && event.is_set());
    /// ```
    #[inline]
    pub fn is_set(&self) -> bool {
        // Acquire: pairs with the Release in `raise`.
        self.queue.word().load(Ordering::Acquire) & SET != 0
    }

    /// Takes what is remembered, if it is set this instant; `false` if it is not.
    ///
    /// This is also how to clear it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::AutoResetEvent;
    /// let event = AutoResetEvent::new();
    /// event.set();
    /// assert!(event.try_wait());
    /// assert!(!event.is_set());
    /// ```
    #[doc(alias = "clear")]
    #[doc(alias = "reset")]
    #[inline]
    pub fn try_wait(&self) -> bool {
        pass(&self.queue)
    }

    /// Waits for a `set` of its own, in line; ready at once if one is remembered.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped future has taken nothing: if it was released and never looked, the
    /// next in line is released instead, or that it was set is remembered (once, should the event have been set again
    /// meanwhile). Asking again joins the end of the line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::AutoResetEvent;
    /// # tidegate_test::block_on(async {
    /// let event = AutoResetEvent::new();
    /// event.set();
    /// event.wait().await;
    /// assert!(!event.is_set());
    /// # });
    /// ```
    #[inline]
    pub fn wait(&self) -> WaitFut<'_, Self> {
        WaitFut::new(self)
    }

    /// As [`wait`](Self::wait), for an event in an [`Arc`]; the future owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_event::AutoResetEvent;
    /// # tidegate_test::block_on(async {
    /// let event = Arc::new(AutoResetEvent::new());
    /// event.set();
    /// event.wait_owned().await;
    /// # });
    /// ```
    #[inline]
    pub fn wait_owned(self: Arc<Self>) -> WaitOwnedFut<Self> {
        WaitOwnedFut::new(self)
    }

    /// As [`wait`](Self::wait), parking this thread while it stands in the same line as the tasks.
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running, and
    /// one of those may be the one that sets the event.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::AutoResetEvent;
    /// let event = AutoResetEvent::new();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| event.set());
    ///     event.wait_blocking();
    /// });
    /// ```
    pub fn wait_blocking(&self) {
        block_on(self.wait());
    }

    /// As [`wait_blocking`](Self::wait_blocking), giving up at `deadline` with `None`.
    ///
    /// What is remembered is taken though the deadline has passed.
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_event::AutoResetEvent;
    /// assert_eq!(AutoResetEvent::new().wait_blocking_until(Instant::now()), None);
    /// ```
    pub fn wait_blocking_until(&self, deadline: Instant) -> Option<()> {
        block_on_until(deadline, self.wait())
    }

    /// How many wait in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::AutoResetEvent;
    /// assert_eq!(AutoResetEvent::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.queue.waiters()
    }

    /// The state and the count, for a log line or a gauge.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::AutoResetEvent;
    /// let statistics = AutoResetEvent::new().statistics();
    /// assert_eq!((statistics.is_set, statistics.waiting), (false, 0));
    /// ```
    pub fn statistics(&self) -> AutoResetEventStatistics {
        AutoResetEventStatistics { is_set: self.is_set(), waiting: self.waiters() }
    }
}

impl Default for AutoResetEvent {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AutoResetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoResetEvent")
            .field("set", &self.is_set())
            .field("queue", &self.queue)
            .finish()
    }
}

/// What [`AutoResetEvent::statistics`] answers, each part taken at its own instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AutoResetEventStatistics {
    /// Whether it is set and nobody has come for it yet.
    pub is_set: bool,
    /// Tasks and threads in line.
    pub waiting: usize,
}
