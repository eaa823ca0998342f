// How it works
//
// A thread must not wait for a task of the runtime whose code it is running. That a runtime is entered on a thread
// says little: it is also entered on threads that may block (`spawn_blocking`, the jobs of our pools). What
// tells them apart is tokio's budget for cooperation: code that a runtime polls has one, blocking code has
// none, nor has what is inside `block_in_place`. One cannot ask for it, but one can take of it until it is
// used up, and give all of it back; without a budget there is no end to what can be taken.
//
// Two runtimes of one thread each can also wait for each other. So who waits where, if it is the only thread of a
// runtime, is written down for all to see; whoever would close a circle is refused. Threads that drive no
// runtime never come here.

use std::panic::Location;
use std::task::{Context, Waker};

use parking_lot::Mutex;
use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::task::coop;

use crate::wait_error::WaitError;

/// The runtimes whose only thread waits, each with the one that it waits for.
static WAITS: Mutex<Vec<(Id, Id)>> = Mutex::new(Vec::new());

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
    if here.runtime_flavor() != RuntimeFlavor::CurrentThread {
        return Ok(None);
    }
    let mut waits = WAITS.lock();
    let mut at = target;
    while let Some(&(_, next)) = waits.iter().find(|(from, _)| *from == at) {
        at = next;
        if at == here.id() {
            return refused;
        }
    }
    waits.push((here.id(), target));
    Ok(Some(Waits { here: here.id() }))
}

/// A thread that waits.
#[derive(Debug)]
pub(crate) struct Waits {
    here: Id,
}

impl Drop for Waits {
    fn drop(&mut self) {
        WAITS.lock().retain(|(from, _)| *from != self.here);
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
