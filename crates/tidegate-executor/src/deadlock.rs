// How it works
//
// A thread must not wait for a task of the runtime whose code it is running. That a runtime is entered on a thread
// says little: it is also entered on threads that may block (`spawn_blocking`, the jobs of our pools). What
// tells them apart is tokio's budget for cooperation: code that a runtime polls has one, blocking code has
// none, nor has what is inside `block_in_place`. One cannot ask for it, but one can take of it until it is
// used up, and give all of it back; without a budget there is no end to what can be taken.
//
// Tasks and runtimes can also wait for each other. So the threads that wait are written down for all to see: whose they
// are, which task they are polling, and for which one they wait. A wait is stuck when the thread that polls the task
// in question is stuck, or all threads of the runtime are that it needs; whoever would close such a circle is refused.
// A thread is struck off by whoever has its result, not when it wakes: those two are some time apart, and in between
// nobody must be refused on its account. Threads that drive no runtime never come here.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;
use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::task::{coop, try_id};

use crate::wait_error::WaitError;

/// The threads of runtimes that wait.
static WAITS: Mutex<Vec<Wait>> = Mutex::new(Vec::new());

struct Wait {
    thread: ThreadId,
    /// Whose thread it is, and how many that one has.
    here: Id,
    threads: usize,
    /// What it is polling.
    polled: Option<Key>,
    /// What it waits for, and where that is polled.
    task: Key,
    target: Id,
}

/// Tells tasks apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Runs `poll`, which polls the task.
    pub(crate) fn polled<R>(self, poll: impl FnOnce() -> R) -> R {
        struct Restore(Option<Key>);
        impl Drop for Restore {
            fn drop(&mut self) {
                POLLED.set(self.0);
            }
        }
        let _restore = Restore(POLLED.replace(Some(self)));
        poll()
    }
}

thread_local! {
    /// The task that this thread polls.
    static POLLED: Cell<Option<Key>> = const { Cell::new(None) };
}

/// More than any budget: it is counted in a byte.
const MORE_THAN_A_BUDGET: usize = 256;

/// Says that this thread is about to wait for a task, which is one of the runtime `target`, or why it must not.
#[track_caller]
pub(crate) fn about_to_wait(task: Key, target: Id) -> Result<Option<Waits>, WaitError> {
    let Some(here) = Handle::try_current().ok().filter(|_| is_polled()) else { return Ok(None) };
    let refused = Err(WaitError::WouldDeadlock(Location::caller()));
    if here.id() == target {
        return refused;
    }
    let threads = match here.runtime_flavor() {
        RuntimeFlavor::CurrentThread => 1,
        // On a thread of its own, by `block_on`: the workers go on.
        _ if try_id().is_none() => return Ok(None),
        _ => here.metrics().num_workers(),
    };
    let (thread, polled) = (thread::current().id(), POLLED.get());
    let mut waits = WAITS.lock();
    waits.push(Wait { thread, here: here.id(), threads, polled, task, target });
    if is_last_stuck(&waits) {
        waits.pop();
        return refused;
    }
    Ok(Some(Waits { thread }))
}

/// Whether the last of these would wait for ever.
fn is_last_stuck(waits: &[Wait]) -> bool {
    let mut stuck: Vec<&Wait> = waits.iter().collect();
    loop {
        let before = stuck.clone();
        stuck.retain(|it| {
            let mut of_target = before.iter().filter(|other| other.here == it.target);
            let all = of_target.clone().count();
            before.iter().any(|other| other.polled == Some(it.task))
                || of_target.next().is_some_and(|other| other.threads <= all)
        });
        let last = waits.last().expect("there is the one that asks");
        if !stuck.iter().any(|it| std::ptr::eq(*it, last)) {
            return false;
        }
        if stuck.len() == before.len() {
            return true;
        }
    }
}

/// A thread that waits, until it is struck off.
#[derive(Debug)]
pub(crate) struct Waits {
    thread: ThreadId,
}

impl Waits {
    /// Whether it is the thread that asks.
    pub(crate) fn is_mine(&self) -> bool {
        self.thread == thread::current().id()
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        WAITS.lock().retain(|it| it.thread != self.thread);
    }
}

/// Whether a runtime is polling the code that asks.
pub(crate) fn is_polled() -> bool {
    if !coop::has_budget_remaining() {
        return true;
    }
    let mut cx = Context::from_waker(Waker::noop());
    let mut taken = Vec::with_capacity(MORE_THAN_A_BUDGET);
    while taken.len() < MORE_THAN_A_BUDGET && coop::has_budget_remaining() {
        taken.extend(match coop::poll_proceed(&mut cx) {
            std::task::Poll::Ready(restore) => Some(restore),
            std::task::Poll::Pending => break,
        });
    }
    let used_up = !coop::has_budget_remaining();
    // The last one that was taken is given back first: each restores what was there before it.
    while taken.pop().is_some() {}
    used_up
}
