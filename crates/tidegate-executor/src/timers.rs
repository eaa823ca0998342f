// How it works
//
// A heap of callbacks by time, then by the order of the calls, and one task that runs those that are due. A
// cancelled callback is dropped at once and leaves its place in the heap behind; when more than half of the
// places are such, they are swept out, so the heap is never longer than twice what it holds and a bit, and
// to cancel takes constant time on the average.
//
// The task (`Driver`) is woken only by a callback that comes before all those there are. It runs what is due in
// portions and lets other tasks run in between; what a callback adds is looked at in the next portion. Each is
// taken out of the heap only to be run at once, so a loop that is closed drops all but one that is running. The task
// lives as long as its runtime, or until the loop is closed.
//
// One loop per runtime: otherwise callbacks of different threads would not come in the order of their times.
// So there is a list of them for all to see, and every thread remembers the one that it used last.

use std::cell::RefCell;
use std::cmp::{Ordering as Order, Reverse};
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::quiet::quietly;
use crate::timer::Timer;
use crate::timer_handle::TimerHandle;

/// How many callbacks run before other tasks do.
const PORTION: usize = 64;

/// How many places may be empty however few are not.
const SWEEP: usize = 64;

/// The loops of all runtimes that have one.
static LOOPS: Mutex<Vec<(Id, Weak<Timers>)>> = Mutex::new(Vec::new());

thread_local! {
    /// The one that this thread used last.
    static LAST: RefCell<Option<(Id, Weak<Timers>)>> = const { RefCell::new(None) };
}

/// The callbacks of a runtime, or of a portal.
pub(crate) struct Timers {
    state: Mutex<State>,
    /// How many callbacks were cancelled since the last sweep, and with how many the next one is due. These are
    /// hints, of which one may be lost: Relaxed.
    empty: AtomicUsize,
    enough: AtomicUsize,
}

struct State {
    heap: BinaryHeap<Reverse<Place>>,
    calls: u64,
    closed: bool,
    /// Of the driver, while it waits; and until when it does.
    waker: Option<Waker>,
    until: Option<Instant>,
}

struct Place {
    when: Instant,
    call: u64,
    timer: Arc<dyn Timer>,
}

impl Timers {
    fn new() -> Arc<Self> {
        let state =
            State { heap: BinaryHeap::new(), calls: 0, closed: false, waker: None, until: None };
        Arc::new(Self {
            state: Mutex::new(state),
            empty: AtomicUsize::new(0),
            enough: AtomicUsize::new(SWEEP),
        })
    }

    /// A loop of its own for somebody in the current runtime, which is `runtime`.
    #[track_caller]
    pub(crate) fn start(runtime: &Handle) -> Arc<Self> {
        let timers = Self::new();
        drop(runtime.spawn(Driver::new(&timers)));
        timers
    }

    /// The loop of the current runtime.
    #[track_caller]
    pub(crate) fn of_runtime() -> Arc<Self> {
        let runtime = Handle::current();
        let id = runtime.id();
        let last = LAST.with_borrow(|last| match last {
            Some((of, timers)) if *of == id => timers.upgrade(),
            _ => None,
        });
        last.unwrap_or_else(|| {
            let timers = Self::find_or_start(&runtime);
            LAST.set(Some((id, Arc::downgrade(&timers))));
            timers
        })
    }

    #[track_caller]
    fn find_or_start(runtime: &Handle) -> Arc<Self> {
        let id = runtime.id();
        let find = |loops: &[(Id, Weak<Self>)]| {
            loops.iter().find(|(of, _)| *of == id).and_then(|(_, timers)| timers.upgrade())
        };
        if let Some(timers) = find(&LOOPS.lock()) {
            return timers;
        }
        // Made with the lock released: it panics where there are no timers.
        let timers = Self::new();
        let driver = Driver::new(&timers);
        {
            let mut loops = LOOPS.lock();
            if let Some(timers) = find(&loops) {
                return timers;
            }
            loops.retain(|(_, timers)| timers.strong_count() > 0);
            loops.push((id, Arc::downgrade(&timers)));
        }
        drop(runtime.spawn(driver));
        timers
    }

    /// Has `timer` run at `when`, or drops it when the loop is closed.
    pub(crate) fn add(self: Arc<Self>, when: Instant, timer: Arc<dyn Timer>) -> TimerHandle {
        let (waker, refused) = {
            let mut state = self.state.lock();
            if state.closed {
                (None, true)
            } else {
                let call = state.calls;
                state.calls += 1;
                state.heap.push(Reverse(Place { when, call, timer: Arc::clone(&timer) }));
                let sooner = state.until.is_none_or(|until| when < until);
                (if sooner { state.waker.take() } else { None }, false)
            }
        };
        if refused {
            timer.cancel();
        }
        if let Some(waker) = waker {
            quietly(|| waker.wake());
        }
        TimerHandle::new(timer, when, self)
    }

    /// The callback of some place was cancelled.
    pub(crate) fn is_emptied(&self) {
        // Two steps: a place that is not counted costs less than one that is counted for sure.
        let empty = self.empty.load(Ordering::Relaxed) + 1;
        self.empty.store(empty, Ordering::Relaxed);
        if empty >= self.enough.load(Ordering::Relaxed) {
            self.sweep(empty);
        }
    }

    fn sweep(&self, empty: usize) {
        let mut state = self.state.lock();
        let mut next = empty;
        if 2 * empty > state.heap.len() {
            // Nothing of the user's is left in them.
            state.heap.retain(|Reverse(place)| !place.timer.is_dropped());
            self.empty.store(0, Ordering::Relaxed);
            next = 0;
        }
        let enough = (state.heap.len() / 2 + 1).max(next + SWEEP);
        self.enough.store(enough, Ordering::Relaxed);
    }

    /// Drops all callbacks, and those that come.
    pub(crate) fn close(&self) {
        let (places, waker) = {
            let mut state = self.state.lock();
            state.closed = true;
            (std::mem::take(&mut state.heap), state.waker.take())
        };
        for Reverse(place) in places {
            place.timer.cancel();
        }
        if let Some(waker) = waker {
            quietly(|| waker.wake());
        }
    }

    /// How many places there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.state.lock().heap.len()
    }
}

impl State {
    /// The next callback that is due, if it was there before the one with the number `limit`.
    fn due(&mut self, now: Instant, limit: u64) -> Option<Arc<dyn Timer>> {
        let Reverse(place) = self.heap.peek()?;
        if now < place.when || limit <= place.call {
            return None;
        }
        self.heap.pop().map(|Reverse(place)| place.timer)
    }
}

/// The task that runs the callbacks.
struct Driver {
    timers: Arc<Timers>,
    sleep: Pin<Box<Sleep>>,
}

impl Driver {
    #[track_caller]
    fn new(timers: &Arc<Timers>) -> Self {
        let sleep = Box::pin(sleep_until(Instant::now()));
        Self { timers: Arc::clone(timers), sleep }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = self.get_mut();
        let (mut now, mut limit, mut ran) = (Instant::now(), None, 0);
        loop {
            let fresh = cx.waker().clone();
            let (due, until, _old) = {
                let mut state = me.timers.state.lock();
                if state.closed {
                    return Poll::Ready(());
                }
                let limit = *limit.get_or_insert(state.calls);
                let due = if ran < PORTION { state.due(now, limit) } else { None };
                state.until = state.heap.peek().map(|Reverse(place)| place.when);
                // While callbacks run, nobody has to wake this: it looks again.
                let old = match due.is_none() && ran == 0 {
                    true => state.waker.replace(fresh),
                    false => state.waker.take(),
                };
                (due, state.until, old)
            };
            if let Some(timer) = due {
                timer.run();
                ran += 1;
                continue;
            }
            if ran > 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(until) = until else { return Poll::Pending };
            if me.sleep.deadline() != until {
                me.sleep.as_mut().reset(until);
            }
            if me.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // However coarse the clock is.
            (now, limit) = (until.max(Instant::now()), None);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.timers.close();
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Order {
        self.when.cmp(&other.when).then(self.call.cmp(&other.call))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

#[cfg(test)]
mod tests;
