// How it works
//
//     word: [ SET | WAITERS ]
//
// While nobody waits, `set` raises the flag by one compare-exchange. If somebody does, it raises the flag and
// releases the whole line in one splice, both under the lock. A waiter joins the line only by a compare-exchange
// on the same word, with the flag down, so a flag that went up in between is seen. Hence, whenever the lock is free,
//
//     the flag is up  =>  nobody is in line
//
// Who is in line when the flag goes up is released for good: the release is in the waiter's own state, so `clear`
// may follow at once. Who comes after `clear` joins a line of its own: the lock is between it and the splice.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_shim::const_fn;
use tidegate_waiters::{
    Ahead, Decision, Left, Locked, Policy, WaitQueue, block_on, block_on_until,
};

use crate::flag::{SET, raise};
use crate::wait::{Lined, Rules, Signal, WaitFut, WaitOwnedFut, pass};

/// A flag that tasks and threads wait for, and that can be lowered again.
///
/// Think of a barrier across a road: while it is up everybody passes, while it is down everybody stops, and
/// raising it lets all go who have stopped.
///
/// # Examples
///
/// ```
/// use tidegate_event::Event;
///
/// static READY: Event = Event::new();
///
/// async fn serve() -> &'static str {
///     READY.wait().await;
///     "serving"
/// }
///
/// # tidegate_test::block_on(async {
/// std::thread::spawn(|| READY.set());
/// assert_eq!(serve().await, "serving");
/// # });
/// ```
///
/// Who waits when it is set is released, though it is cleared at once:
///
/// ```
/// use std::future::Future;
/// use std::pin::pin;
/// use std::task::{Context, Waker};
/// use tidegate_event::Event;
///
/// let event = Event::new();
/// let mut wait = pin!(event.wait());
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(wait.as_mut().poll(&mut cx).is_pending());
/// event.set();
/// event.clear();
/// assert!(wait.poll(&mut cx).is_ready());
/// ```
///
/// # Event, AutoResetEvent or Latch?
///
/// - A [`Latch`](crate::Latch) is for what happens once: it opens for good, so nobody comes too late and nobody has to
///   ask when it may be closed again. Prefer it where it fits; `Latch::new(1)` is an event that is never cleared.
/// - An [`AutoResetEvent`](crate::AutoResetEvent) says "there is something to do" to one of those who wait, and is
///   clear again as soon as it is heard. Nobody has to clear it, so nothing falls between a wait and a clear.
/// - An `Event` is for what is so for a while and then is not: running or paused, connected or not. Whoever clears it
///   answers for that: of what is set and cleared again, who comes too late learns nothing, and who is released may
///   find it cleared. To be told of every occurrence, do not clear an event in a loop: use an `AutoResetEvent`, a queue,
///   or a new latch for each.
///
/// All three say that something is so. To hand things over, one to each, is a queue's or a channel's work.
///
/// # Fairness
///
/// All who wait are released by one `set`, woken in the order in which they came.
///
/// # Cost
///
/// Asking and passing a set event is one load; setting and clearing one read-modify-write. Waiting allocates
/// nothing; joining and leaving are O(1); setting is O(1) under the lock and O(1) per waiter to wake it.
#[doc(alias = "ManualResetEvent")]
pub struct Event {
    queue: WaitQueue<Flag>,
}

/// The policy of an [`Event`]: all there is to say is in the word.
#[derive(Debug)]
pub struct Flag(());

impl Policy for Flag {
    type Note = Ahead;

    // Nothing is handed to one waiter that another would miss.
    fn left(_line: &mut Locked<'_, Self>, _ahead: &mut Ahead, _left: Left) {}

    const LOOKS_AHEAD: bool = true;

    fn ahead(ahead: &mut Ahead) -> Option<&mut Ahead> {
        Some(ahead)
    }
}

impl Rules for Flag {
    #[inline]
    fn decide(_word: &AtomicUsize, seen: usize) -> Decision<()> {
        match seen & SET {
            0 => Decision::Wait,
            _ => Decision::Ready(()),
        }
    }
}

impl Signal for Event {}

impl Lined for Event {
    type Rules = Flag;

    #[inline]
    fn queue(&self) -> &WaitQueue<Flag> {
        &self.queue
    }
}

impl Event {
    const_fn! {
        /// Makes an event that is not set.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_event::Event;
        ///
        /// static STOP: Event = Event::new();
        /// assert!(!STOP.is_set());
        /// ```
        pub const fn new() -> Self {
            Self { queue: WaitQueue::new(0, Flag(())) }
        }
    }

    /// Sets the event and releases all who wait; answers whether it was clear.
    ///
    /// What happened before `set` has happened for all who see the event set.
    ///
    /// # Panics
    ///
    /// When a task's waker panics; all who waited have been woken then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Event;
    /// let event = Event::new();
    /// assert!(event.set());
    /// assert!(!event.set());
    /// ```
    #[doc(alias = "notify_all")]
    #[inline]
    pub fn set(&self) -> bool {
        raise(&self.queue).unwrap_or_else(|| self.set_and_release())
    }

    #[cold]
    #[inline(never)]
    fn set_and_release(&self) -> bool {
        // In one step: nobody joins between the flag and the release.
        self.queue.lock().release_all_raising(SET) & SET == 0
    }

    /// Clears the event; answers whether it was set.
    ///
    /// Who waited when it was set has been released already and stays so. What happened before `clear` has happened for
    /// all who see the event cleared by it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Event;
    /// let event = Event::new();
    /// event.set();
    /// assert!(event.clear());
    /// assert!(!event.clear());
    /// ```
    #[doc(alias = "reset")]
    #[inline]
    pub fn clear(&self) -> bool {
        // Acquire: pairs with the Release in `set`. Release: pairs with the Acquire of whoever sees the flag down again.
        self.queue.word().fetch_and(!SET, Ordering::AcqRel) & SET != 0
    }

    /// Whether the event is set.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Event;
    /// assert!(!Event::new().is_set());
    /// ```
    #[inline]
    pub fn is_set(&self) -> bool {
        pass(&self.queue)
    }

    /// As [`is_set`](Self::is_set), by the name that it has on everything that can be waited for: whether
    /// [`wait`](Self::wait) would be ready this instant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Event;
    /// let event = Event::new();
    /// event.set();
    /// assert!(event.try_wait());
    /// ```
    #[inline]
    pub fn try_wait(&self) -> bool {
        self.is_set()
    }

    /// Waits until the event is set; ready at once if it is.
    ///
    /// # Cancel safety
    ///
    /// Strict. Dropping the future and asking again is as if it had never been dropped, unless the event was
    /// cleared in between.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Event;
    /// # tidegate_test::block_on(async {
    /// let event = Event::new();
    /// event.set();
    /// event.wait().await;
    /// # });
    /// ```
    #[inline]
    pub fn wait(&self) -> WaitFut<'_> {
        WaitFut::new(self)
    }

    /// As [`wait`](Self::wait), for an event in an [`Arc`]; the future owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_event::Event;
    /// # tidegate_test::block_on(async {
    /// let event = Arc::new(Event::new());
    /// event.set();
    /// event.wait_owned().await;
    /// # });
    /// ```
    #[inline]
    pub fn wait_owned(self: Arc<Self>) -> WaitOwnedFut {
        WaitOwnedFut::new(self)
    }

    /// As [`wait`](Self::wait), parking this thread.
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running, and
    /// one of those may be the one that sets the event.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Event;
    /// let event = Event::new();
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
    /// An event that is set lets pass though the deadline has passed.
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_event::Event;
    /// assert_eq!(Event::new().wait_blocking_until(Instant::now()), None);
    /// ```
    pub fn wait_blocking_until(&self, deadline: Instant) -> Option<()> {
        block_on_until(deadline, self.wait())
    }

    /// How many wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Event;
    /// assert_eq!(Event::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.queue.waiters()
    }

    /// The state and the count, for a log line or a gauge.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_event::Event;
    /// let statistics = Event::new().statistics();
    /// assert_eq!((statistics.is_set, statistics.waiting), (false, 0));
    /// ```
    pub fn statistics(&self) -> EventStatistics {
        EventStatistics { is_set: self.is_set(), waiting: self.waiters() }
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("set", &self.is_set()).field("queue", &self.queue).finish()
    }
}

/// What [`Event::statistics`] answers, each part taken at its own instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventStatistics {
    /// Whether it is set.
    pub is_set: bool,
    /// Tasks and threads that wait for it.
    pub waiting: usize,
}
