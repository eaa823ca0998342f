// How it works
//
// An agenda of callbacks (`agenda.rs`), and one task that runs those that are due, the `Driver`. It runs them in
// portions and lets other tasks run in between; what a callback adds is looked at in the next portion. The task
// lives as long as its runtime, or until the loop is closed.
//
// A cancelled callback is dropped at once and leaves its place in the agenda behind; when more than half of the
// places are such, they are swept out, so the agenda is never longer than twice what it holds and a bit, and
// to cancel takes constant time on the average.
//
// One loop per runtime: otherwise callbacks of different threads would not come in the order of their times.
// So there is a list of them for all to see, and every thread remembers the one that it used last.

mod agenda;

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, Sleep, sleep_until};

use self::agenda::{Agenda, Look};
use crate::timer::Timer;
use crate::timer_handle::TimerHandle;

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
    agenda: Agenda,
    /// How many callbacks were cancelled since the last sweep, and with how many the next one is due. These are
    /// hints, of which one may be lost: Relaxed.
    empty: AtomicUsize,
    enough: AtomicUsize,
}

impl Timers {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            agenda: Agenda::new(),
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
        self.agenda.add(when, &timer);
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
        let (length, swept) = self.agenda.sweep(empty);
        if swept {
            self.empty.store(0, Ordering::Relaxed);
        }
        let next = if swept { 0 } else { empty };
        self.enough.store((length / 2 + 1).max(next + SWEEP), Ordering::Relaxed);
    }

    /// Drops all callbacks, and those that come.
    pub(crate) fn close(&self) {
        self.agenda.close();
    }

    /// How many places there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.agenda.sweep(0).0
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
            let until = match me.timers.agenda.look(now, &mut limit, ran, cx.waker()) {
                Look::Due(timer) => {
                    timer.run();
                    ran += 1;
                    continue;
                }
                Look::Next(until) => until,
                Look::Closed => return Poll::Ready(()),
            };
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

#[cfg(test)]
mod tests;
