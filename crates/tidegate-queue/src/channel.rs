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

use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};

use tidegate_shim::const_fn;
use tidegate_waiters::{Left, Locked, Policy, WaitQueue};

use crate::error::TryGetError;
use crate::store::{Fifo, Lifo, Priority, Store};
use crate::tasks::Tasks;

mod get;
mod put;
mod shutdown;
mod statistics;

pub use shutdown::Shutdown;
pub use statistics::QueueStatistics;

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

    const OWN_BITS: bool = false;

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

    const OWN_BITS: bool = false;

    fn left(line: &mut Locked<'_, Self>, (): &mut (), left: Left) {
        let gone = &mut line.policy().gone;
        match left {
            Left::Waiting => gone.waiting += 1,
            Left::Granted => gone.granted += 1,
            Left::Released => {}
        }
    }
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

    /// As `settle`, where a waker's panic would lose an item: it is the waker's fault, and the item goes before it.
    #[cold]
    #[inline(never)]
    fn settle_calmly(&self) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.settle())) {
            mem::forget(panic);
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

// What the aliases in `queue.rs` stand for.
pub(crate) type FifoChannel<T> = Channel<T, Fifo<T>>;
pub(crate) type LifoChannel<T> = Channel<T, Lifo<T>>;
pub(crate) type PriorityChannel<T> = Channel<T, Priority<T>>;
