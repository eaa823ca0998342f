// How it works
//
// What a group knows that does not depend on its error type: who is in it, and how to reach them.
//
// `word` counts: bit 0 is the body, the rest are the children. At zero the group is over and stays so; whoever
// brings it there wakes the scope. Until then anybody may spawn, in particular the last child.
//
// A child that ends at its first poll is counted and nothing else. One that is still pending after it takes a seat:
// its waker, found by its number, for whoever wants to abort this one child, to tell all of them that the group was
// cancelled, or to drop all of them at once when the time to clean up is over. They take the wakers out, and `news`
// goes on; a child that sees it has moved looks into its seat, before it is polled, and puts its waker there anew. So
// a child asks for the lock only when there is something to learn. An abort that comes before the child has its
// seat is kept in `early`. The seat also says who sits there, for whoever wants to draw the tree.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use std::time::Duration;

use tidegate_shim::Mutex;
use tidegate_shim::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use tidegate_timeout::scope::{Audience, Guard, Orphan, Scope, is_cut_short};
use tidegate_timeout::{CancelReason, Deadline, ScopeHandle};
use tokio::time::Instant;

use crate::panicked::{drop_quietly, quietly};
use crate::seat::{Occupant, Seat};
use crate::signal::Signal;
use crate::statistics::GroupStatistics;
use crate::tree::Card;

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
    /// When the group is cancelled because it was asked to stop, if it has a grace.
    pub(crate) stop_by: OnceLock<Deadline>,
    /// What the tree says of the group.
    pub(crate) card: Card,
    word: AtomicUsize,
    /// Counts what was said to those who have a seat. Written with the lock held.
    news: AtomicU32,
    /// How many are in `early`. Written with the lock held.
    early: AtomicUsize,
    seats: Mutex<Seats>,
    /// When the first seat was taken.
    first: OnceLock<Instant>,
    /// The scopes around wait for this when nobody polls the group any more.
    orphan: Mutex<Option<Orphan>>,
    /// Of a group that nobody polls: when it is cancelled, the scopes around wait for the children to end.
    guard: Mutex<Option<Guard>>,
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
    /// The scopes of those who have a seat, as far as they are known.
    scopes: HashMap<u64, ScopeHandle, BuildHasherDefault<ByNumber>>,
    /// Children to abort as soon as they are polled.
    early: HashSet<u64, BuildHasherDefault<ByNumber>>,
    /// Everybody is to drop what it has, at once.
    dismissed: bool,
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
    pub(crate) fn new(handle: ScopeHandle, scope: Scope, card: Card) -> Arc<Self> {
        let core = Arc::new(Self {
            handle,
            children: scope.handle(),
            scope,
            signal: Signal::default(),
            tally: Tally::default(),
            stop_by: OnceLock::new(),
            card,
            word: AtomicUsize::new(BODY),
            news: AtomicU32::new(0),
            early: AtomicUsize::new(0),
            seats: Mutex::default(),
            first: OnceLock::new(),
            orphan: Mutex::new(None),
            guard: Mutex::new(None),
        });
        let audience: Weak<dyn Audience> = Arc::downgrade(&core) as _;
        core.scope.set_audience(audience);
        core
    }

    /// Counts one child more and gives it a number, unless the group is over.
    #[inline]
    pub(crate) fn enter(&self) -> Option<u64> {
        let enter = |word| (word != 0).then_some(word + CHILD);
        // Relaxed: what the newcomer needs to see it gets by being spawned; a group that is over stays over.
        self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter).ok()?;
        Some(self.tally.spawned.fetch_add(1, Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn child_ended(&self) {
        self.leave(CHILD);
    }

    pub(crate) fn body_ended(&self) {
        self.leave(BODY);
    }

    #[inline]
    fn leave(&self, who: usize) {
        // Release: what this one did happens before `is_over` says yes. Acquire: and before the wake.
        let before = self.word.fetch_sub(who, Ordering::AcqRel);
        if before == who {
            quietly(|| self.signal.wake());
            self.let_go();
        } else if before - who == BODY && self.handle.is_cancelled() {
            self.release();
        }
    }

    /// From now on a cancellation from around waits for the children, without a future that waits for them.
    pub(crate) fn hold(&self) {
        *self.guard.lock() = Some(self.scope.guard());
    }

    /// Lets the scopes around go on.
    fn release(&self) {
        let guard = self.guard.lock().take();
        quietly(|| drop(guard));
    }

    /// Whether a child that has just entered came in time, before a cancellation found nobody inside.
    pub(crate) fn is_in_time(&self) -> bool {
        // SeqCst: pairs with the one in `tell`. One of the two sees the other.
        fence(Ordering::SeqCst);
        !self.handle.is_cancelled()
    }

    /// Ends a group whose owner was dropped; `drop_rest` drops what it owned, the body too if that is `inside` still.
    pub(crate) fn abandon(&self, why: &'static str, inside: bool, drop_rest: impl FnOnce()) {
        /// Also when what is dropped panics.
        struct Rest<'a>(&'a Core, bool);
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                self.0.leave_behind();
                self.0.release();
                if self.1 {
                    self.0.body_ended();
                }
            }
        }
        let _rest = Rest(self, inside);
        quietly(|| self.handle.cancel(why));
        if is_cut_short() {
            self.dismiss();
        }
        drop_rest();
    }

    /// Has the scopes around wait until everybody has ended.
    fn leave_behind(&self) {
        *self.orphan.lock() = Some(self.scope.adopt());
        // Whoever left last may have looked before it was there.
        if self.is_over() {
            self.let_go();
        }
    }

    fn let_go(&self) {
        let orphan = self.orphan.lock().take();
        quietly(|| drop(orphan));
    }

    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        // Acquire: pairs with the Release in `leave`, of everybody who left.
        self.word.load(Ordering::Acquire) == 0
    }

    /// Whether the body has not ended.
    pub(crate) fn has_body(&self) -> bool {
        self.word.load(Ordering::Relaxed) & BODY != 0
    }

    /// The number of children that have not ended.
    pub(crate) fn len(&self) -> usize {
        self.word.load(Ordering::Relaxed) / CHILD
    }

    /// Why nobody can enter any more.
    #[inline]
    pub(crate) fn closed(&self) -> Option<CancelReason> {
        (self.children.is_cancelled() || self.is_over()).then(|| self.reason())
    }

    /// Why the children were cancelled.
    pub(crate) fn reason(&self) -> CancelReason {
        self.children.reason().unwrap_or(CancelReason::ParentCancelled)
    }

    /// Whether there may be something new for a child that knows the news up to `heard`.
    #[inline]
    pub(crate) fn has_news(&self, heard: u32) -> bool {
        // Acquire: pairs with the Release in `abort` and `call`.
        self.news.load(Ordering::Acquire) != heard
    }

    /// Whether an abort came before its child had a seat.
    fn has_early(&self) -> bool {
        self.early.load(Ordering::Acquire) > 0
    }

    /// Puts `waker` in the seat of child `id`, which is new if there is a `newcomer`; says what somebody wants of it, and
    /// up to where it has heard the news.
    pub(crate) fn sit(
        &self,
        id: u64,
        waker: &Waker,
        newcomer: Option<Seat>,
    ) -> (Option<Request>, u32) {
        let waker = Some(waker.clone());
        let mut seats = self.seats.lock();
        let early = self.take_early(&mut seats, id);
        let seat = match newcomer {
            Some(seat) => {
                self.make_room(&mut seats);
                seats.taken.entry(id).or_insert(seat)
            }
            None => seats.taken.get_mut(&id).expect("who is seated has a seat"),
        };
        let old = std::mem::replace(&mut seat.waker, waker);
        let abort = seat.take_abort(early);
        let request = match seats.dismissed {
            true => Some(Request::Dismiss),
            false => abort.then_some(Request::Abort),
        };
        // Relaxed: it is written with the lock held.
        let heard = self.news.load(Ordering::Relaxed);
        drop(seats);
        drop(old);
        (request, heard)
    }

    /// Where the next seat would not fit, makes room for many: of those inside that have none most will want one.
    fn make_room(&self, seats: &mut Seats) {
        let taken = seats.taken.len();
        if taken == seats.taken.capacity() {
            let standing = self.len().saturating_sub(taken);
            seats.taken.reserve(standing.clamp(1, 16.max(3 * taken)));
        }
    }

    /// How long ago the first seat was taken; the first time, this is it.
    pub(crate) fn since_first(&self) -> Duration {
        match self.first.get() {
            Some(first) => first.elapsed(),
            None => self.first.get_or_init(Instant::now).elapsed(),
        }
    }

    /// The turn of child `id`, which has a seat, has come.
    pub(crate) fn begin(&self, id: u64) {
        self.seats.lock().taken.get_mut(&id).into_iter().for_each(Seat::begin);
    }

    /// Child `id`, which has a seat, has this scope.
    pub(crate) fn introduce(&self, id: u64, scope: ScopeHandle) {
        let before = self.seats.lock().scopes.insert(id, scope);
        drop(before);
    }

    /// Who has a seat, in no order.
    pub(crate) fn occupants(&self) -> Vec<Occupant> {
        let Some(&first) = self.first.get() else { return Vec::new() };
        let mut occupants = Vec::with_capacity(self.len());
        let seats = self.seats.lock();
        let scope = |id| seats.scopes.get(id).cloned();
        occupants.extend(seats.taken.iter().map(|(id, it)| it.occupant(*id, first, scope(id))));
        occupants
    }

    pub(crate) fn statistics(&self) -> GroupStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tally = &self.tally;
        let live = self.len();
        let (failed, cancelled, panicked) =
            (read(&tally.failed), read(&tally.cancelled), read(&tally.panicked));
        let spawned = read(&tally.spawned);
        let waiting = self.card.limit.as_ref().map_or(0, |limit| limit.waiters());
        let ended = spawned.saturating_sub(live as u64);
        let succeeded = ended.saturating_sub(failed + cancelled + panicked);
        GroupStatistics { spawned, live, waiting, succeeded, failed, cancelled, panicked }
    }

    /// Gives up the seat, or the place in `early`; says whether there was an early abort.
    #[inline]
    pub(crate) fn stand_up(&self, id: u64, seated: bool) -> bool {
        (seated || self.has_early()) && self.vacate(id)
    }

    #[inline(never)]
    fn vacate(&self, id: u64) -> bool {
        let mut seats = self.seats.lock();
        let early = self.take_early(&mut seats, id);
        let seat = seats.taken.remove(&id);
        let scope = if seats.scopes.is_empty() { None } else { seats.scopes.remove(&id) };
        drop(seats);
        drop_quietly((seat, scope));
        early
    }

    fn take_early(&self, seats: &mut Seats, id: u64) -> bool {
        let early = !seats.early.is_empty() && seats.early.remove(&id);
        if early {
            self.early.store(seats.early.len(), Ordering::Release);
        }
        early
    }

    /// Asks child `id` to end.
    pub(crate) fn abort(&self, id: u64) {
        let mut seats = self.seats.lock();
        let waker = match seats.taken.get_mut(&id) {
            Some(seat) => {
                seat.abort();
                seat.waker.take()
            }
            None => {
                seats.early.insert(id);
                self.early.store(seats.early.len(), Ordering::Release);
                None
            }
        };
        self.announce();
        drop(seats);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Has every child drop what it has, without cleaning up.
    pub(crate) fn dismiss(&self) {
        self.call(|seats| seats.dismissed = true);
    }

    /// Wakes everybody who has a seat, after `change`.
    fn call(&self, change: impl FnOnce(&mut Seats)) {
        let mut seats = self.seats.lock();
        change(&mut seats);
        self.announce();
        let wakers: Vec<_> =
            seats.taken.values_mut().filter_map(|seat| seat.waker.take()).collect();
        drop(seats);
        for waker in wakers {
            quietly(|| waker.wake());
        }
    }

    /// With the lock held.
    fn announce(&self) {
        // Zero is for those who have heard nothing, where nothing was said.
        let next = self.news.load(Ordering::Relaxed).checked_add(1).unwrap_or(1);
        self.news.store(next, Ordering::Release);
    }

    /// Nobody has a seat, and nothing asks for attention.
    #[cfg(test)]
    pub(crate) fn is_tidy(&self) -> bool {
        let seats = self.seats.lock();
        seats.taken.is_empty() && seats.early.is_empty() && self.early.load(Ordering::Relaxed) == 0
    }
}

impl Audience for Core {
    fn tell(&self) {
        self.call(|_| ());
        // SeqCst: pairs with the one in `is_in_time`.
        fence(Ordering::SeqCst);
        if self.len() == 0 {
            self.release();
        }
    }

    fn into_any(self: Arc<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(self)
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
