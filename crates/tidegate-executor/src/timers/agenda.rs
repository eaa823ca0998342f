// How it works
//
// A heap of callbacks by time, then by the order of the calls. Whoever runs them looks: for the next one that is due,
// or for the time until which to wait. It leaves its waker with that, and is woken only by a callback that comes
// before all those there are. A callback is taken out only to be run at once, so an agenda that is closed drops
// all but one that is running.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::task::Waker;

use tidegate_shim::Mutex;
use tokio::time::Instant;

use crate::quiet::quietly;
use crate::timer::Timer;

/// How many callbacks run before other tasks do.
const PORTION: usize = 64;

/// Callbacks in the order of their times.
pub(crate) struct Agenda {
    state: Mutex<State>,
}

struct State {
    heap: BinaryHeap<Reverse<Place>>,
    calls: u64,
    closed: bool,
    /// Of whoever runs them, while it waits; and until when it does.
    waker: Option<Waker>,
    until: Option<Instant>,
}

struct Place {
    when: Instant,
    call: u64,
    timer: Arc<dyn Timer>,
}

/// What whoever runs the callbacks finds.
pub(crate) enum Look {
    /// This is to be run.
    Due(Arc<dyn Timer>),
    /// Nothing, until then; or until somebody says more.
    Next(Option<Instant>),
    /// It is over.
    Closed,
}

impl Agenda {
    pub(crate) fn new() -> Self {
        let heap = BinaryHeap::new();
        let state = State { heap, calls: 0, closed: false, waker: None, until: None };
        Self { state: Mutex::new(state) }
    }

    /// Has `timer` run at `when`, or drops it when the agenda is closed.
    pub(crate) fn add(&self, when: Instant, timer: &Arc<dyn Timer>) {
        let (waker, refused) = {
            let mut state = self.state.lock();
            if state.closed {
                (None, true)
            } else {
                let call = state.calls;
                state.calls += 1;
                state.heap.push(Reverse(Place { when, call, timer: Arc::clone(timer) }));
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
    }

    /// What is to be done at `now`, by somebody who has run so many in this portion, to which what came before
    /// `limit` belongs.
    pub(crate) fn look(
        &self,
        now: Instant,
        limit: &mut Option<u64>,
        ran: usize,
        waker: &Waker,
    ) -> Look {
        let fresh = waker.clone();
        let (look, _old) = {
            let mut state = self.state.lock();
            if state.closed {
                return Look::Closed;
            }
            let limit = *limit.get_or_insert(state.calls);
            let due = if ran < PORTION { state.due(now, limit) } else { None };
            state.until = state.heap.peek().map(|Reverse(place)| place.when);
            // While callbacks run, nobody has to wake this: it looks again.
            let old = match due.is_none() && ran == 0 {
                true => state.waker.replace(fresh),
                false => state.waker.take(),
            };
            (due.map_or(Look::Next(state.until), Look::Due), old)
        };
        look
    }

    /// Clears the places of callbacks that were cancelled away, if these are more than half of all; says how many are
    /// left, and whether it did.
    pub(crate) fn sweep(&self, empty: usize) -> (usize, bool) {
        let mut state = self.state.lock();
        let swept = 2 * empty > state.heap.len();
        if swept {
            // Nothing of the user's is left in them.
            state.heap.retain(|Reverse(place)| !place.timer.is_dropped());
        }
        (state.heap.len(), swept)
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

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.when.cmp(&other.when).then(self.call.cmp(&other.call))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}
