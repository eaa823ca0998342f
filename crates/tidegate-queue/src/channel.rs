// How it works
//
//     getters: WaitQueue, whose lock guards { store, capacity, reserved, owed, line, shut }
//     putters: WaitQueue of its own
//
// There are two lines, one on each side. That they are never both in use looks plausible and is wrong: with a
// capacity of 1, a putter that has been granted the slot and has not looked yet leaves the queue empty *and* full, so
// that another putter and a getter may wait at the same time, and each must be reached without walking past the other.
//
// Whenever the getters' lock is free, and nobody is on the way between the two locks,
//
//     a getter is in line  =>  the store is empty
//     a putter is in line  =>  len + reserved >= capacity
//
// An item that is put while getters are in line goes into the note of the first, past the store. A getter that is
// dropped before it looked hands it to the next, or back to the store, which knows where it belongs.
//
// A putter keeps its item. What it waits for is a slot, which is `reserved` for it when it is granted: from then on
// the slot counts as taken, and the putter fills it when it looks, or gives it back.
//
// Most operations take the getters' lock, once, and that is all. A slot that becomes free while putters are in line
// (`line` counts them) is `owed` to them, which counts as taken too; whoever freed it then takes both locks, the
// putters' first and the getters' inside it, and grants what is owed (`settle`). A putter decides to wait under both
// locks, so it is counted before anybody can free a slot unseen. One that is dropped is noted by its policy under the
// putters' lock alone (`Gone`), and settled right after.
//
// No waker is ever woken under either lock: inside the putters' lock, the getters' is taken to look and to count, never
// to grant.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tidegate_shim::const_fn;
use tidegate_waiters::{Decision, Glance, Left, Locked, Policy, Turn, WaitQueue, Waiter};

use crate::error::{Closed, TryGetError, TryPutError};
use crate::store::{Fifo, Lifo, Priority, Store};
use crate::tasks::Tasks;

/// How a queue is shut down.
///
/// # Examples
///
/// ```
/// use tidegate_queue::{Queue, Shutdown, TryGetError};
///
/// let queue = Queue::unbounded();
/// queue.try_put("last").unwrap();
/// queue.shutdown(Shutdown::Drain);
/// assert_eq!(queue.try_get(), Ok("last"));
/// assert_eq!(queue.try_get(), Err(TryGetError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// What is in the queue can still be got.
    Drain,
    /// What is in the queue is dropped, and counts as done.
    Immediate,
}

/// What a queue looks like, for a log line or a gauge.
///
/// # Examples
///
/// ```
/// use tidegate_queue::Queue;
///
/// let queue = Queue::bounded(8);
/// queue.try_put('a').unwrap();
/// let statistics = queue.statistics();
/// assert_eq!((statistics.len, statistics.capacity, statistics.unfinished), (1, Some(8), 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatistics {
    /// Items that are there.
    pub len: usize,
    /// How many there may be, if there is a limit.
    pub capacity: Option<usize>,
    /// Slots that were granted to putters who have not filled them yet.
    pub reserved: usize,
    /// Tasks and threads that wait to get.
    pub getters: usize,
    /// Tasks and threads that wait to put.
    pub putters: usize,
    /// Tasks and threads that wait in `join`.
    pub joiners: usize,
    /// Items that were put and not yet said to be done.
    pub unfinished: usize,
    /// Whether the queue is shut down.
    pub shut_down: bool,
}

/// What [`Queue`](crate::Queue) and the other two are.
pub struct Channel<T, S: Store<T>> {
    getters: WaitQueue<Items<T, S>>,
    putters: WaitQueue<Slots>,
    pub(crate) tasks: Tasks,
}

// A panic of foreign code (a waker, a comparison, a drop) leaves the queue as it was or as it was to be.
impl<T, S: Store<T>> UnwindSafe for Channel<T, S> {}
impl<T, S: Store<T>> RefUnwindSafe for Channel<T, S> {}

/// The getters' policy, and what their lock guards.
pub(crate) struct Items<T, S> {
    store: S,
    /// Slots that are not free: the items in the store, and what is reserved or owed.
    taken: usize,
    /// As the capacity, and 0 once the queue is shut down. `usize::MAX`: no limit.
    limit: usize,
    /// Putters in line to whom nothing is owed.
    short: usize,
    /// Slots that are about to be granted to putters in line, who are not counted in `short` any more.
    owed: usize,
    /// Slots that were granted to putters who have not looked yet.
    reserved: usize,
    capacity: usize,
    shut: Shut,
    item: PhantomData<T>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shut {
    No,
    Drain,
    Immediate,
}

/// What a getter may find in its note: an item, and its age in the eyes of the store.
pub(crate) struct Handed<T> {
    item: T,
    age: u64,
}

impl<T, S: Store<T>> Items<T, S> {
    /// Whether somebody new may put. Never, once the queue is shut down.
    #[inline]
    fn has_room(&self) -> bool {
        self.taken < self.limit
    }

    /// Whether a slot that has become free is owed to a putter in line; if so, it is, and has to be settled.
    #[inline]
    fn owe(&mut self) -> bool {
        let owe = self.short > 0 && self.has_room();
        if owe {
            self.short -= 1;
            self.owed += 1;
            self.taken += 1;
        }
        owe
    }

    /// Takes putters who left off the counts. Under both locks, after which nothing is on the way between them.
    fn take_off(&mut self, gone: Gone) {
        self.taken -= self.owed + gone.granted;
        self.reserved -= gone.granted;
        self.short = self.short + self.owed - gone.waiting;
        self.owed = 0;
    }

    /// What to say when there is nothing in the store.
    #[cold]
    fn why_empty(&self) -> TryGetError {
        match self.shut {
            Shut::No => TryGetError::Empty,
            _ => TryGetError::Closed,
        }
    }

    fn putters(&self) -> usize {
        self.short + self.owed
    }
}

impl<T, S: Store<T>> Policy for Items<T, S> {
    type Note = Option<Handed<T>>;

    fn left(line: &mut Locked<'_, Self>, note: &mut Self::Note, left: Left) {
        if left != Left::Granted || line.policy().shut == Shut::Immediate {
            // In the second case the item is to be dropped, after the lock: by whoever owns the note.
            return;
        }
        if let Some(next) = line.front_mut() {
            *next = note.take();
            line.grant_front();
        } else if let Some(Handed { item, age }) = note.take() {
            let state = line.policy();
            state.taken += 1;
            state.store.restore(item, age);
        }
    }
}

/// The putters' policy.
pub(crate) struct Slots {
    gone: Gone,
}

/// Putters that left the line and are not yet taken off the counts.
#[derive(Default)]
struct Gone {
    waiting: usize,
    granted: usize,
}

impl Policy for Slots {
    type Note = ();

    fn left(line: &mut Locked<'_, Self>, (): &mut (), left: Left) {
        let gone = &mut line.policy().gone;
        match left {
            Left::Waiting => gone.waiting += 1,
            Left::Granted => gone.granted += 1,
            Left::Released => {}
        }
    }
}

/// What became of a putter that looked for room.
enum Look {
    Reserved,
    Closed,
}

impl<T, S: Store<T>> Channel<T, S> {
    const_fn! {
        #[track_caller]
        pub(crate) const fn bounded(capacity: usize) -> Self {
            assert!(capacity > 0, "a queue without room for an item");
            Self::with(capacity)
        }
    }

    const_fn! {
        pub(crate) const fn with(capacity: usize) -> Self {
            Self {
                getters: WaitQueue::new(
                    0,
                    Items {
                        store: S::EMPTY,
                        taken: 0,
                        limit: capacity,
                        short: 0,
                        owed: 0,
                        reserved: 0,
                        capacity,
                        shut: Shut::No,
                        item: PhantomData,
                    },
                ),
                putters: WaitQueue::new(0, Slots { gone: Gone { waiting: 0, granted: 0 } }),
                tasks: Tasks::new(),
            }
        }
    }

    #[inline]
    pub(crate) fn getters(&self) -> &WaitQueue<Items<T, S>> {
        &self.getters
    }

    #[inline]
    pub(crate) fn putters(&self) -> &WaitQueue<Slots> {
        &self.putters
    }

    // ----- Putting

    /// Puts what is in `item`, if it can be done now; if not, it is still there.
    ///
    /// If a comparison panics, nothing has changed.
    // Always: some forty instructions that are the whole operation, and the call would be a fifth of it.
    #[inline(always)]
    fn offer(&self, item: &mut Option<T>) -> Result<(), Refused> {
        self.offer_under(self.getters.glance(), item)
    }

    #[inline(always)]
    fn offer_under(
        &self,
        mut line: Glance<'_, Items<T, S>>,
        item: &mut Option<T>,
    ) -> Result<(), Refused> {
        if !line.is_empty() || !line.policy().has_room() {
            return self.offer_in_line(line, item);
        }
        let state = line.policy();
        state.store.push(item);
        state.taken += 1;
        self.tasks.add();
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn offer_in_line(
        &self,
        mut line: Glance<'_, Items<T, S>>,
        item: &mut Option<T>,
    ) -> Result<(), Refused> {
        let state = line.policy();
        if state.shut != Shut::No {
            return Err(Refused::Closed);
        }
        if !state.has_room() {
            return Err(Refused::Full);
        }
        let mut line = line.stay();
        self.hand(&mut line, item);
        Ok(())
    }

    /// Gives the item to the first getter in line.
    fn hand(&self, line: &mut Locked<'_, Items<T, S>>, item: &mut Option<T>) {
        let age = line.policy().store.pass();
        if let Some(note) = line.front_mut() {
            *note = item.take().map(|item| Handed { item, age });
        }
        // Before the grant: whoever is granted may have done it already when this goes on, without the lock.
        self.tasks.add();
        line.grant_front();
    }

    // Always: as `offer`, which it repeats for a store that cannot panic, so that the item needs no place to return to.
    #[inline(always)]
    pub(crate) fn try_put(&self, mut item: T) -> Result<(), TryPutError<T>> {
        let mut line = self.getters.glance();
        if line.is_empty() && line.policy().has_room() {
            let state = line.policy();
            match state.store.push_simply(item) {
                Ok(()) => {
                    state.taken += 1;
                    self.tasks.add();
                    return Ok(());
                }
                Err(back) => item = back,
            }
        }
        self.try_put_in_line(line, item)
    }

    #[inline(never)]
    fn try_put_in_line(
        &self,
        line: Glance<'_, Items<T, S>>,
        item: T,
    ) -> Result<(), TryPutError<T>> {
        let mut item = Some(item);
        self.offer_under(line, &mut item).map_err(|refused| match refused {
            Refused::Full => TryPutError::Full(kept(&mut item)),
            Refused::Closed => TryPutError::Closed(kept(&mut item)),
        })
    }

    /// One poll of a `put` future.
    #[inline]
    pub(crate) fn poll_put<O>(
        &self,
        waiter: Pin<&mut Waiter<Slots, O>>,
        item: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Closed<T>>> {
        // One that is ready without having waited is left as it is: without its item, it says enough.
        assert!(item.is_some(), "polled after it was ready");
        if waiter.is_fresh() {
            match self.offer(item) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Refused::Closed) => return Poll::Ready(Err(Closed(kept(item)))),
                Err(Refused::Full) => {}
            }
        }
        self.poll_for_slot(waiter, item, cx)
    }

    #[cold]
    fn poll_for_slot<O>(
        &self,
        waiter: Pin<&mut Waiter<Slots, O>>,
        item: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Closed<T>>> {
        // Asked once: the word of this line changes under its lock only.
        let turn = ready!(waiter.poll(cx, |_line, _word| {
            let mut inner = self.getters.glance();
            let state = inner.policy();
            if state.shut != Shut::No {
                Decision::Ready(Look::Closed)
            } else if state.has_room() {
                state.reserved += 1;
                state.taken += 1;
                Decision::Ready(Look::Reserved)
            } else {
                state.short += 1;
                Decision::Wait
            }
        }));
        Poll::Ready(match turn {
            Turn::Decided(Look::Reserved) | Turn::Granted => self.fill(item),
            Turn::Decided(Look::Closed) | Turn::Released => Err(Closed(kept(item))),
        })
    }

    /// Puts what is in `item` into a slot that is reserved for it.
    fn fill(&self, item: &mut Option<T>) -> Result<(), Closed<T>> {
        // Whatever panics below, a comparison or a getter's waker: the slot is given back, or what is owed is settled.
        let mut after = After { channel: self, reserved: true, settle: false };
        let mut line = self.getters.lock();
        if line.policy().shut != Shut::No {
            return Err(Closed(kept(item)));
        }
        if line.is_empty() {
            let state = line.policy();
            state.store.push(item);
            state.reserved -= 1;
            after.reserved = false;
            self.tasks.add();
        } else {
            self.hand(&mut line, item);
            let state = line.policy();
            state.reserved -= 1;
            state.taken -= 1;
            after.reserved = false;
            after.settle = state.owe();
        }
        Ok(())
    }

    /// Leaves a `put` future's line.
    #[inline]
    pub(crate) fn leave_put<O>(&self, waiter: Pin<&mut Waiter<Slots, O>>) {
        if waiter.is_waiting() {
            // Also if a waker panics in `leave`.
            let _after = After { channel: self, reserved: false, settle: true };
            waiter.leave();
        }
    }

    /// Takes those who left off the counts, and grants what is free to the putters in line.
    #[cold]
    #[inline(never)]
    fn settle(&self) {
        let mut line = self.putters.lock();
        let mut inner = self.getters.glance();
        let state = inner.policy();
        state.take_off(mem::take(&mut line.policy().gone));
        while state.has_room() && line.grant_front() {
            state.short -= 1;
            state.reserved += 1;
            state.taken += 1;
        }
        // The inner lock first: the outer one wakes.
        drop(inner);
        drop(line);
    }

    // ----- Getting

    // Always: as `offer`.
    #[inline(always)]
    pub(crate) fn try_get(&self) -> Result<T, TryGetError> {
        let mut line = self.getters.glance();
        let state = line.policy();
        let Some(item) = state.store.pop() else {
            return Err(state.why_empty());
        };
        state.taken -= 1;
        if state.short > 0 {
            self.serve_putters(line);
        }
        Ok(item)
    }

    /// A slot has become free while putters are in line.
    ///
    /// A panic of a waker of theirs would lose the item that the caller holds: the item goes before it.
    #[cold]
    #[inline(never)]
    fn serve_putters(&self, mut line: Glance<'_, Items<T, S>>) {
        if line.policy().owe() {
            drop(line);
            self.settle_calmly();
        }
    }

    /// As `settle`, where a waker's panic would lose an item: it is the waker's fault, and the item goes before it.
    #[cold]
    #[inline(never)]
    fn settle_calmly(&self) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.settle())) {
            mem::forget(panic);
        }
    }

    /// One poll of a `get` future.
    #[inline]
    pub(crate) fn poll_get<O>(
        &self,
        waiter: Pin<&mut Waiter<Items<T, S>, O>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, Closed>> {
        if waiter.is_fresh() {
            match self.try_get() {
                Err(TryGetError::Empty) => {}
                result => {
                    waiter.finish();
                    return Poll::Ready(result.map_err(|_| Closed(())));
                }
            }
        }
        self.poll_for_item(waiter, cx)
    }

    #[inline]
    fn poll_for_item<O>(
        &self,
        mut waiter: Pin<&mut Waiter<Items<T, S>, O>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, Closed>> {
        let turn = ready!(waiter.as_mut().poll(cx, |line, _word| {
            let state = line.policy();
            match state.store.pop() {
                Some(item) => {
                    state.taken -= 1;
                    Decision::Ready(Some((item, state.owe())))
                }
                None if state.shut != Shut::No => Decision::Ready(None),
                None => Decision::Wait,
            }
        }));
        Poll::Ready(match turn {
            Turn::Granted => {
                let handed = waiter.note_mut().and_then(Option::take);
                Ok(handed.expect("a getter is granted an item").item)
            }
            Turn::Decided(Some((item, settle))) => {
                if settle {
                    self.settle_calmly();
                }
                Ok(item)
            }
            Turn::Decided(None) => Err(Closed(())),
            // Another getter may have been dropped since, and what had been handed to it has come back.
            Turn::Released => self.try_get().map_err(|_| Closed(())),
        })
    }

    /// Leaves a `get` future's line.
    #[inline]
    pub(crate) fn leave_get<O>(&self, mut waiter: Pin<&mut Waiter<Items<T, S>, O>>) {
        if waiter.is_waiting() {
            waiter.as_mut().leave();
            // It is still here if the queue was shut down at once: it is dropped, and then it is done.
            if let Some(handed) = waiter.note_mut().and_then(Option::take) {
                let _done = Finish { tasks: &self.tasks, count: 1 };
                drop(handed);
            }
        }
    }

    // ----- Shutting down

    pub(crate) fn shutdown(&self, how: Shutdown) {
        // Dropped from the last to the first, also when a waker or an item's drop panics.
        let mut done = Finish { tasks: &self.tasks, count: 0 };
        let mut dropped = None;
        let putters = ReleasePutters { channel: self };
        let mut line = self.getters.lock();
        let state = line.policy();
        let how = match how {
            Shutdown::Drain => Shut::Drain,
            Shutdown::Immediate => Shut::Immediate,
        };
        state.shut = state.shut.max(how);
        state.limit = 0;
        if how == Shut::Immediate {
            let store = mem::replace(&mut state.store, S::EMPTY);
            done.count = store.len();
            state.taken -= store.len();
            dropped = Some(store);
        }
        line.release_all();
        drop(line);
        drop(putters);
        drop(dropped);
        drop(done);
    }

    /// Everybody who waits to put gets to know; the queue has been shut by now, so nobody comes after them.
    fn release_putters(&self) {
        let mut line = self.putters.lock();
        let mut inner = self.getters.glance();
        let state = inner.policy();
        state.take_off(mem::take(&mut line.policy().gone));
        state.short = 0;
        line.release_all();
        drop(inner);
        drop(line);
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        self.getters.glance().policy().shut != Shut::No
    }

    // ----- Counting

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.getters.glance().policy().store.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        let mut line = self.getters.glance();
        let state = line.policy();
        state.taken >= state.capacity
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        limit(self.getters.glance().policy().capacity)
    }

    pub(crate) fn waiters(&self) -> usize {
        let mut line = self.getters.glance();
        let waiting = line.len() + line.policy().putters();
        drop(line);
        waiting + self.tasks.waiting()
    }

    pub(crate) fn statistics(&self) -> QueueStatistics {
        let joiners = self.tasks.waiting();
        let mut line = self.getters.glance();
        let getters = line.len();
        let state = line.policy();
        QueueStatistics {
            len: state.store.len(),
            capacity: limit(state.capacity),
            reserved: state.reserved + state.owed,
            getters,
            putters: state.short,
            joiners,
            unfinished: self.tasks.unfinished(),
            shut_down: state.shut != Shut::No,
        }
    }

    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The numbers first: what they are written to is foreign code.
        let seen = self.getters.try_glance().map(|mut line| {
            let getters = line.len();
            let state = line.policy();
            let shut_down = state.shut != Shut::No;
            (state.store.len(), limit(state.capacity), getters, state.putters(), shut_down)
        });
        let mut out = f.debug_struct(name);
        if let Some((len, capacity, getters, putters, shut_down)) = seen {
            out.field("len", &len).field("capacity", &capacity);
            out.field("getters", &getters).field("putters", &putters);
            out.field("shut_down", &shut_down);
        } else {
            out.field("len", &format_args!("<locked>"));
        }
        out.field("unfinished", &self.tasks.unfinished()).finish_non_exhaustive()
    }
}

impl<T, S: Store<T>> fmt::Debug for Channel<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug("Channel", f)
    }
}

impl<T: Ord> Channel<T, Priority<T>> {
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.getters.glance().policy().store.first().map(look)
    }
}

/// Why nothing was put.
enum Refused {
    Full,
    Closed,
}

#[inline]
fn kept<T>(item: &mut Option<T>) -> T {
    item.take().expect("what was not put is still here")
}

#[inline]
fn limit(capacity: usize) -> Option<usize> {
    (capacity != usize::MAX).then_some(capacity)
}

/// What a putter leaves to do when it is through, in whatever way.
struct After<'a, T, S: Store<T>> {
    channel: &'a Channel<T, S>,
    /// A slot is reserved for it.
    reserved: bool,
    /// Somebody else is owed one.
    settle: bool,
}

impl<T, S: Store<T>> Drop for After<'_, T, S> {
    fn drop(&mut self) {
        if self.reserved {
            let mut line = self.channel.getters.glance();
            let state = line.policy();
            state.reserved -= 1;
            state.taken -= 1;
            self.settle |= state.owe();
        }
        if self.settle {
            self.channel.settle();
        }
    }
}

/// Counts items as done, when dropped.
struct Finish<'a> {
    tasks: &'a Tasks,
    count: usize,
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.tasks.finish(self.count);
        }
    }
}

/// Releases the putters in line, when dropped.
struct ReleasePutters<'a, T, S: Store<T>> {
    channel: &'a Channel<T, S>,
}

impl<T, S: Store<T>> Drop for ReleasePutters<'_, T, S> {
    fn drop(&mut self) {
        self.channel.release_putters();
    }
}

// What the aliases in `queue.rs` stand for.
pub(crate) type FifoChannel<T> = Channel<T, Fifo<T>>;
pub(crate) type LifoChannel<T> = Channel<T, Lifo<T>>;
pub(crate) type PriorityChannel<T> = Channel<T, Priority<T>>;
