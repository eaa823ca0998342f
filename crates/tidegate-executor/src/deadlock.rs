// How it works
//
// A thread must not wait for a task of the runtime whose code it is running. That a runtime is entered on a thread
// says little: it is also entered on threads that may block (`spawn_blocking`, the jobs of our pools). What
// tells them apart is tokio's budget for cooperation: code that a runtime polls has one, blocking code has
// none, nor has what is inside `block_in_place`. One cannot ask for it, but one can take of it until it is
// used up, and give all of it back; without a budget there is no end to what can be taken.
//
// Runtimes can also wait for each other. So whose threads wait where is written down for all to see: a runtime is stuck
// when all its threads wait for runtimes that are stuck, and whoever would close such a circle is refused. A thread is
// struck off by whoever has its result, not when it wakes: those two are some time apart, and in between nobody
// must be refused on its account. Threads that drive no runtime never come here.

use std::panic::Location;
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
    target: Id,
}

/// More than any budget: it is counted in a byte.
const MORE_THAN_A_BUDGET: usize = 256;

/// Says that this thread is about to wait for a task of the runtime `target`, or why it must not.
#[track_caller]
pub(crate) fn about_to_wait(target: Id) -> Result<Option<Waits>, WaitError> {
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
    let thread = thread::current().id();
    let mut waits = WAITS.lock();
    waits.push(Wait { thread, here: here.id(), threads, target });
    if is_stuck(&waits, here.id()) {
        waits.pop();
        return refused;
    }
    Ok(Some(Waits { thread }))
}

/// Whether all threads of `runtime` wait for runtimes of which that is true as well.
fn is_stuck(waits: &[Wait], runtime: Id) -> bool {
    let of = |id: Id| waits.iter().filter(move |it| it.here == id);
    let mut stuck: Vec<Id> = waits.iter().map(|it| it.here).collect();
    stuck.retain(|&id| of(id).next().is_some_and(|it| it.threads <= of(id).count()));
    loop {
        let before = stuck.clone();
        stuck.retain(|&id| of(id).all(|it| before.contains(&it.target)));
        if stuck.len() == before.len() {
            return stuck.contains(&runtime);
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
