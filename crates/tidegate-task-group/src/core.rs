// How it works
//
// What a group knows that does not depend on its error type: who is in it, and how to reach them.
//
// `word` counts: bit 0 is the body, the rest are the children. At zero the group is over and stays so; whoever
// brings it there wakes the scope. Until then anybody may spawn, in particular the last child.
//
// A child that ends at its first poll is counted and nothing else. One that is still pending after it takes a seat:
// its waker, found by its number, for whoever wants to abort this one child, or to drop all of them at once when
// the time to clean up is over. Both raise `attention`, so that a child asks for the lock only when there is
// something to learn. An abort that comes before the child has its seat is kept in `early`.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use tidegate_timeout::scope::{Orphan, Scope};
use tidegate_timeout::{CancelReason, ScopeHandle};

use crate::panicked::drop_quietly;
use crate::signal::Signal;

const BODY: usize = 1;
const CHILD: usize = 2;

pub(crate) struct Core {
    /// The group's scope.
    pub(crate) handle: ScopeHandle,
    /// The children are polled in this one: the same, or one inside it.
    pub(crate) scope: Scope,
    pub(crate) children: ScopeHandle,
    pub(crate) signal: Signal,
    pub(crate) tally: Tally,
    word: AtomicUsize,
    attention: AtomicUsize,
    seats: Mutex<Seats>,
    /// The scopes around wait for this when nobody polls the group any more.
    orphan: Mutex<Option<Orphan>>,
}

/// How the children have fared.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) spawned: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) panicked: AtomicU64,
    /// Children that ended because the whole group was cancelled.
    pub(crate) cut_off: AtomicU64,
}

#[derive(Default)]
struct Seats {
    taken: HashMap<u64, Seat, BuildHasherDefault<ByNumber>>,
    /// Children to abort as soon as they are polled.
    early: HashSet<u64, BuildHasherDefault<ByNumber>>,
    /// Everybody is to drop what it has, at once.
    dismissed: bool,
}

#[derive(Default)]
struct Seat {
    /// Until somebody took it to wake the child, who then takes its seat anew.
    waker: Option<Waker>,
    abort: bool,
}

/// What somebody wants of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// End, after cleaning up.
    Abort,
    /// End at once.
    Dismiss,
}

impl Core {
    pub(crate) fn new(handle: ScopeHandle, scope: Scope) -> Self {
        Self {
            handle,
            children: scope.handle(),
            scope,
            signal: Signal::default(),
            tally: Tally::default(),
            word: AtomicUsize::new(BODY),
            attention: AtomicUsize::new(0),
            seats: Mutex::default(),
            orphan: Mutex::new(None),
        }
    }

    /// Counts one child more and gives it a number, unless the group is over.
    pub(crate) fn enter(&self) -> Option<u64> {
        let enter = |word| (word != 0).then_some(word + CHILD);
        // Relaxed: what the newcomer needs to see it gets by being spawned; a group that is over stays over.
        self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter).ok()?;
        Some(self.tally.spawned.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn child_ended(&self) {
        self.leave(CHILD);
    }

    pub(crate) fn body_ended(&self) {
        self.leave(BODY);
    }

    fn leave(&self, who: usize) {
        // Release: what this one did happens before `is_over` says yes. Acquire: and before the wake.
        if self.word.fetch_sub(who, Ordering::AcqRel) == who {
            self.signal.wake();
            self.let_go();
        }
    }

    /// Has the scopes around wait until everybody has ended.
    pub(crate) fn leave_behind(&self) {
        *self.orphan.lock() = Some(self.scope.adopt());
        // Whoever left last may have looked before it was there.
        if self.is_over() {
            self.let_go();
        }
    }

    fn let_go(&self) {
        let orphan = self.orphan.lock().take();
        drop(orphan);
    }

    pub(crate) fn is_over(&self) -> bool {
        // Acquire: pairs with the Release in `leave`, of everybody who left.
        self.word.load(Ordering::Acquire) == 0
    }

    /// The number of children that have not ended.
    pub(crate) fn len(&self) -> usize {
        self.word.load(Ordering::Relaxed) / CHILD
    }

    /// Why nobody can enter any more.
    pub(crate) fn closed(&self) -> Option<CancelReason> {
        (self.children.is_cancelled() || self.is_over()).then(|| self.reason())
    }

    /// Why the children were cancelled.
    pub(crate) fn reason(&self) -> CancelReason {
        self.children.reason().unwrap_or(CancelReason::ParentCancelled)
    }

    /// Takes a seat for a child that waits. A request that came before is answered right away.
    pub(crate) fn sit(&self, id: u64, waker: &Waker) -> Option<Request> {
        let waker = Some(waker.clone());
        let mut seats = self.seats.lock();
        let seat = seats.taken.entry(id).or_default();
        let old = std::mem::replace(&mut seat.waker, waker);
        drop(seats);
        drop(old);
        self.request(id)
    }

    /// Gives up the seat.
    pub(crate) fn stand_up(&self, id: u64, seated: bool) {
        if !seated && self.attention.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut seats = self.seats.lock();
        let early = seats.early.remove(&id);
        let seat = seats.taken.remove(&id);
        drop(seats);
        if early || seat.as_ref().is_some_and(|seat| seat.abort) {
            self.attention.fetch_sub(1, Ordering::Relaxed);
        }
        drop_quietly(seat);
    }

    /// What somebody wants of child `id`; an abort is told once.
    pub(crate) fn request(&self, id: u64) -> Option<Request> {
        // Acquire: pairs with the Release in `abort` and `dismiss`.
        if self.attention.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut seats = self.seats.lock();
        if seats.dismissed {
            return Some(Request::Dismiss);
        }
        let early = seats.early.remove(&id);
        let abort = seats.taken.get_mut(&id).is_some_and(|seat| std::mem::take(&mut seat.abort));
        drop(seats);
        (early || abort).then(|| {
            self.attention.fetch_sub(1, Ordering::Relaxed);
            Request::Abort
        })
    }

    /// Asks child `id` to end.
    pub(crate) fn abort(&self, id: u64) {
        let mut seats = self.seats.lock();
        let (new, waker) = match seats.taken.get_mut(&id) {
            Some(seat) => (!std::mem::replace(&mut seat.abort, true), seat.waker.take()),
            None => (seats.early.insert(id), None),
        };
        if new {
            // Release: pairs with the Acquire in `request`.
            self.attention.fetch_add(1, Ordering::Release);
        }
        drop(seats);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Has every child drop what it has, without cleaning up.
    pub(crate) fn dismiss(&self) {
        let mut seats = self.seats.lock();
        if !std::mem::replace(&mut seats.dismissed, true) {
            self.attention.fetch_add(1, Ordering::Release);
        }
        let wakers: Vec<_> =
            seats.taken.values_mut().filter_map(|seat| seat.waker.take()).collect();
        drop(seats);
        for waker in wakers {
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}

/// Children have numbers, which need no better hash.
#[derive(Default)]
struct ByNumber(u64);

impl Hasher for ByNumber {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("children have numbers")
    }

    fn write_u64(&mut self, id: u64) {
        // The golden ratio: neighbours end up far apart, in the high bits as well.
        self.0 = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[cfg(test)]
mod tests;
