// How it works
//
// Scopes form a tree. A node holds its parent strongly and its children weakly; it enters its parent's list
// before anything can happen inside it, and leaves the list when it is dropped. So whoever walks down from a
// node meets every scope that is alive below it, in whatever task or thread.
//
// What comes from above is pushed down rather than looked up: a cancellation (`cause`) and the earliest
// deadline around (`effective`) are written into every node they concern, once, by whoever changes them. To
// ask for either is one read at any depth. The first cause to reach a node stays. A request to stop is pushed down
// in the same way, and wakes nobody but those who wait for it.
//
// What comes from below is counted up: `busy` is the number of guards in a node, plus its children that are
// busy themselves. Only the steps from and to zero go on to the parent. `orphans` is counted in the same way: the
// clean-up that goes on although the future it belonged to was dropped. A guard says 'do not drop the body yet', an
// orphan also says 'do not return yet', be it with a value.
//
// Locks: a node's lock may be taken while that of one of its children is held, never the other way round. Who
// walks down holds one lock at a time; whoever attaches itself or changes under his feet is caught because it
// looks at its parent after it entered the parent's list. Wakers are moved out under the lock and woken after.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;
use std::time::Duration;

use tidegate_shim::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use tidegate_shim::{Mutex, MutexGuard};
use tokio::time::Instant;
#[cfg(feature = "tokio-util")]
use tokio_util::sync::CancellationToken;

use crate::deadline::Deadline;
use crate::reason::CancelReason;
use crate::resident::Audience;
use crate::slots::Slots;
use crate::wakes::Wakes;

/// What the future that drives a scope does once the scope is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It can report its own deadline and nothing else.
    Timeout,
    /// It can report any cancellation, but leaves one from around it to the scope around.
    Reporter,
    /// It reports any cancellation, from wherever it came.
    Run,
    /// It has no deadline and is never cancelled, and hides those around it. What it counts goes up all the same.
    Shield,
    /// It has no deadline and reports nothing; a context is entered and left in it.
    Bracket,
}

/// One cancellation, shared by all nodes it reaches.
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) reason: CancelReason,
    /// When a deadline was found to have passed; `None` if somebody cancelled.
    pub(crate) expired_at: Option<Instant>,
}

pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// When the time of a relative deadline began to run.
    pub(crate) started: Option<Instant>,
    pub(crate) name: OnceLock<&'static str>,
    parent: OnceLock<Arc<Node>>,
    /// Wakes those who live in this scope and have no node of their own.
    pub(crate) audience: OnceLock<Weak<dyn Audience>>,
    /// In the current poll, the scope around is the parent, and its future drops this one when it ends.
    contained: AtomicBool,
    /// `cause` is there. Release: pairs with the Acquire in `is_cancelled`.
    cancelled: AtomicBool,
    /// Somebody asked this scope, or one around, to stop. Release: pairs with the Acquire in `is_asked_to_stop`.
    stopping: AtomicBool,
    /// There is a deadline, here or around. Release: pairs with the Acquire in `is_endless`.
    bounded: AtomicBool,
    /// Counts how often the deadlines from here up were moved. Release: pairs with the Acquire in `version`.
    version: AtomicU32,
    /// Written with the lock held. Release: pairs with the Acquire in `has_orphans`.
    orphans: AtomicUsize,
    /// Cancelled with this scope.
    #[cfg(feature = "tokio-util")]
    token: OnceLock<CancellationToken>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    deadline: Deadline,
    /// The earliest of `deadline` and the parent's `effective`.
    effective: Deadline,
    grace: Option<Duration>,
    cause: Option<Arc<Cause>>,
    /// The cancellation began here, it did not come from above.
    own: bool,
    /// The node's own deadline was found to have passed.
    expired: bool,
    /// The future of this scope has ended; what it ended with no longer changes.
    ended: Option<Ended>,
    busy: usize,
    watchers: Slots<Watcher>,
    children: Slots<Weak<Node>>,
    /// Where the parent's list has this node, if it has.
    seat: Option<usize>,
}

#[derive(Debug)]
struct Ended {
    cause: Option<Arc<Cause>>,
    expired: bool,
    stopping: bool,
}

#[derive(Debug)]
struct Watcher {
    waker: Option<Waker>,
    /// Wants to know of a request to stop.
    stops: bool,
    /// Drives the scope: wants to know of a new deadline, and when the last guard or orphan is gone.
    drives: bool,
}

/// What a driver of the scope has to know, all of one moment.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) deadline: Deadline,
    pub(crate) effective: Deadline,
    /// The cause, and whether it is the scope's own.
    pub(crate) cause: Option<(Arc<Cause>, bool)>,
    pub(crate) busy: bool,
    /// The scope's own deadline was found to have passed, and was not preceded by its own cancellation.
    pub(crate) expired: bool,
}

impl Node {
    pub(crate) fn new(kind: Kind, deadline: Deadline, started: Option<Instant>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            started,
            name: OnceLock::new(),
            parent: OnceLock::new(),
            audience: OnceLock::new(),
            contained: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            bounded: AtomicBool::new(deadline != Deadline::NEVER),
            version: AtomicU32::new(0),
            orphans: AtomicUsize::new(0),
            #[cfg(feature = "tokio-util")]
            token: OnceLock::new(),
            state: Mutex::new(State {
                deadline,
                effective: deadline,
                grace: None,
                cause: None,
                own: false,
                expired: false,
                ended: None,
                busy: 0,
                watchers: Slots::new(),
                children: Slots::new(),
                seat: None,
            }),
        })
    }

    /// Makes this node a child of `parent`; happens at most once, before anything happens inside.
    pub(crate) fn attach(self: &Arc<Self>, parent: Arc<Self>) {
        let parent = self.parent.get_or_init(|| parent);
        if self.kind == Kind::Shield {
            return;
        }
        let mut state = self.state.lock();
        let mut above = parent.state.lock();
        state.seat = Some(above.children.insert(Arc::downgrade(self)));
        // From here on a change above finds this node.
        self.set_effective(&mut state, above.effective);
        if state.cause.is_none() && above.cause.is_some() {
            state.cause.clone_from(&above.cause);
            self.cancelled.store(true, Ordering::Release);
        }
        // Relaxed: it is written with the lock held.
        if parent.stopping.load(Ordering::Relaxed) {
            self.stopping.store(true, Ordering::Release);
        }
    }

    pub(crate) fn parent(&self) -> Option<&Arc<Self>> {
        self.parent.get()
    }

    /// Notes where the driver of this scope is polled.
    pub(crate) fn set_contained(&self, contained: bool) {
        let before = self.contained.load(Ordering::Relaxed);
        self.contained.store(contained, Ordering::Relaxed);
        if before && !contained {
            self.wake_left();
        }
    }

    // ---- cancelling

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    pub(crate) fn cause(&self) -> Option<Arc<Cause>> {
        if !self.is_cancelled() {
            return None;
        }
        self.state.lock().cause.clone()
    }

    /// Cancels this scope and all below it. `false` if it was cancelled already, or has ended.
    pub(crate) fn cancel(self: &Arc<Self>, reason: CancelReason) -> bool {
        self.spread(Arc::new(Cause { reason, expired_at: None }), true)
    }

    /// Notes that the own deadline has passed by `now`, and cancels with that if nothing else was first.
    pub(crate) fn expire(self: &Arc<Self>, now: Instant) {
        let cause = Cause { reason: CancelReason::Deadline, expired_at: Some(now) };
        self.spread(Arc::new(cause), true);
    }

    fn spread(self: &Arc<Self>, cause: Arc<Cause>, own: bool) -> bool {
        let mut wakes = Wakes::default();
        let mut below = Vec::new();
        if !self.mark(&cause, own, &mut wakes, &mut below) {
            return false;
        }
        while let Some(node) = below.pop() {
            node.mark(&cause, false, &mut wakes, &mut below);
        }
        wakes.wake();
        true
    }

    fn mark(
        &self,
        cause: &Arc<Cause>,
        own: bool,
        wakes: &mut Wakes,
        below: &mut Vec<Arc<Self>>,
    ) -> bool {
        let mut state = self.state.lock();
        if own {
            let passed = cause.expired_at.is_none_or(|now| state.deadline.has_elapsed_by(now));
            // A deadline outlives its scope, for what was taken along; an explicit cancellation does not.
            if !passed || (state.ended.is_some() && cause.expired_at.is_none()) {
                return false;
            }
            // The own deadline is noted even if a cancellation from around came before it.
            state.expired |= cause.expired_at.is_some() && !state.own;
        }
        if state.cause.is_some() {
            return false;
        }
        state.cause = Some(Arc::clone(cause));
        state.own = own;
        self.cancelled.store(true, Ordering::Release);
        state.take_wakers(|_| true, wakes);
        below.extend(state.children.iter().filter_map(Weak::upgrade));
        let audience = self.audience.get().and_then(Weak::upgrade);
        audience.into_iter().for_each(|audience| wakes.push_audience(audience));
        true
    }

    /// The future around this scope's own drops it, because it is itself ended by a cancellation.
    pub(crate) fn is_ended_from_around(&self) -> bool {
        let mut node = self;
        while node.contained.load(Ordering::Relaxed) {
            let Some(around) = node.parent() else { break };
            if !around.is_cancelled() {
                break;
            }
            let reports = {
                let state = around.state.lock();
                // It reports its own deadline also when it was cancelled from around before.
                state.own || state.expired
            };
            if reports || around.kind == Kind::Run {
                return true;
            }
            if !around.contained.load(Ordering::Relaxed) {
                return around.kind == Kind::Reporter;
            }
            node = around;
        }
        false
    }

    /// The nearest scope around whose future can report an explicit cancellation.
    pub(crate) fn reporter_around(&self) -> Option<&Arc<Self>> {
        let mut node = self;
        while node.contained.load(Ordering::Relaxed) {
            let around = node.parent()?;
            if let Kind::Reporter | Kind::Run = around.kind {
                return Some(around);
            }
            node = around;
        }
        None
    }

    // ---- stopping

    pub(crate) fn is_asked_to_stop(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Asks this scope and all below it to stop, unless it has ended.
    pub(crate) fn request_stop(self: &Arc<Self>) {
        if self.state.lock().ended.is_some() {
            return;
        }
        let mut wakes = Wakes::default();
        let mut below = vec![Arc::clone(self)];
        while let Some(node) = below.pop() {
            let mut state = node.state.lock();
            // Those below a scope that was asked before are asked by whoever was first.
            if !node.stopping.swap(true, Ordering::Release) {
                state.take_wakers(|watcher| watcher.stops, &mut wakes);
                below.extend(state.below());
            }
        }
        wakes.wake();
    }

    /// Whether a handle shows that the scope is asked to stop, or cancelled: once it has ended, as it was then.
    pub(crate) fn shows_stop(&self) -> bool {
        let state = self.state.lock();
        match &state.ended {
            Some(ended) => ended.stopping || ended.cause.is_some(),
            None => self.is_asked_to_stop() || state.cause.is_some(),
        }
    }

    /// The token of this scope; `make` is called at most once.
    #[cfg(feature = "tokio-util")]
    pub(crate) fn token(&self, make: impl FnOnce() -> CancellationToken) -> &CancellationToken {
        self.token.get_or_init(make)
    }

    // ---- deadlines

    pub(crate) fn deadline(&self) -> Deadline {
        self.state.lock().deadline
    }

    pub(crate) fn effective(&self) -> Deadline {
        self.state.lock().effective
    }

    fn set_effective(&self, state: &mut State, around: Deadline) {
        state.effective = state.deadline.earliest(around);
        self.bounded.store(state.effective != Deadline::NEVER, Ordering::Release);
    }

    /// Whether there is no deadline, neither here nor around; asked without a lock.
    pub(crate) fn is_endless(&self) -> bool {
        !self.bounded.load(Ordering::Acquire)
    }

    pub(crate) fn grace(&self) -> Option<Duration> {
        self.state.lock().grace
    }

    pub(crate) fn set_grace(&self, grace: Duration) {
        self.state.lock().grace = Some(grace);
    }

    /// Moves the deadline to what `change` makes of it, unless the scope was cancelled or has ended.
    pub(crate) fn reschedule(self: &Arc<Self>, change: impl FnOnce(Deadline) -> Deadline) {
        {
            let mut state = self.state.lock();
            if state.cause.is_some() || state.ended.is_some() {
                return;
            }
            let deadline = change(state.deadline);
            if deadline == state.deadline {
                return;
            }
            state.deadline = deadline;
        }
        self.wake_drivers();
    }

    /// Lets everybody from here down look at the deadlines again: they may have left the timing to this scope.
    pub(crate) fn wake_drivers(self: &Arc<Self>) {
        let mut wakes = Wakes::default();
        let mut below = vec![Arc::clone(self)];
        while let Some(node) = below.pop() {
            node.refresh();
            let mut state = node.state.lock();
            state.take_wakers(|watcher| watcher.drives, &mut wakes);
            below.extend(state.children.iter().filter_map(Weak::upgrade));
        }
        wakes.wake();
    }

    /// Lets those below who left the timing to what is around this scope's future look at the deadlines again:
    /// they are kept and polled elsewhere.
    pub(crate) fn wake_left(&self) {
        let mut wakes = Wakes::default();
        let mut below = self.state.lock().below();
        while let Some(node) = below.pop() {
            if node.contained.load(Ordering::Relaxed) {
                let mut state = node.state.lock();
                state.take_wakers(|watcher| watcher.drives, &mut wakes);
                below.extend(state.below());
            }
        }
        wakes.wake();
    }

    fn refresh(&self) {
        let mut state = self.state.lock();
        self.fetch(&mut state);
        self.version.fetch_add(1, Ordering::Release);
    }

    fn fetch(&self, state: &mut State) {
        let around = self.parent().map_or(Deadline::NEVER, |parent| parent.effective());
        self.set_effective(state, around);
    }

    /// Another number whenever a deadline that concerns this scope was moved.
    pub(crate) fn version(&self) -> u32 {
        self.version.load(Ordering::Acquire)
    }

    /// The outermost scope, from this one up, whose deadline has passed by `now`.
    pub(crate) fn outermost_expired(self: &Arc<Self>, now: Instant) -> Option<&Arc<Self>> {
        let mut outermost = None;
        let mut node = Some(self);
        while let Some(here) = node.filter(|node| node.effective().has_elapsed_by(now)) {
            if here.deadline().has_elapsed_by(now) {
                outermost = Some(here);
            }
            node = here.parent();
        }
        outermost
    }

    /// Whether the own deadline had passed when this scope was cancelled.
    pub(crate) fn has_expired(&self) -> bool {
        let state = self.state.lock();
        if let Some(ended) = &state.ended {
            return ended.expired;
        }
        state.has_expired()
    }

    // ---- guards

    /// Keeps this scope and those around it from dropping their bodies.
    pub(crate) fn hold(&self) {
        // All locks on the way are kept until the top is reached: who finds a node busy may rely on
        // everything above being busy, too.
        let mut state = self.state.lock();
        state.busy += 1;
        let mut node = self.parent().filter(|_| state.busy == 1);
        let mut held: Vec<MutexGuard<'_, State>> = Vec::new();
        while let Some(here) = node {
            let mut state = here.state.lock();
            state.busy += 1;
            node = here.parent().filter(|_| state.busy == 1);
            held.push(state);
        }
    }

    /// Whether somebody holds this scope or one below, or was adopted there.
    pub(crate) fn is_busy(&self) -> bool {
        self.has_orphans() || self.state.lock().busy > 0
    }

    /// Takes one [`hold`](Self::hold) back.
    pub(crate) fn release(&self) {
        let mut wakes = Wakes::default();
        let mut node = Some(self);
        while let Some(here) = node {
            let mut state = here.state.lock();
            state.busy -= 1;
            let idle = state.busy == 0;
            if idle && state.cause.is_some() {
                state.take_wakers(|watcher| watcher.drives, &mut wakes);
            }
            node = here.parent().filter(|_| idle).map(AsRef::as_ref);
        }
        wakes.wake();
    }

    // ---- orphans

    /// The nearest scope from here up that has not ended; it, and those around it, wait until it is
    /// [let go](Self::let_go).
    pub(crate) fn adopt(self: &Arc<Self>) -> Arc<Self> {
        let mut node = self;
        while let Some(around) = node.parent() {
            if node.take_in(true) {
                return Arc::clone(node);
            }
            node = around;
        }
        // If the topmost has ended, too, nobody waits.
        node.take_in(false);
        Arc::clone(node)
    }

    /// Counts an orphan here and around; `false` if this scope was to be `alive` and is not.
    fn take_in(&self, alive: bool) -> bool {
        let mut state = self.state.lock();
        if alive && state.ended.is_some() {
            return false;
        }
        // The locks are kept as in `hold`.
        let mut held = Vec::new();
        let mut node = self;
        loop {
            // Relaxed: it is only written with the lock held.
            let before = node.orphans.load(Ordering::Relaxed);
            node.orphans.store(before + 1, Ordering::Release);
            held.push(state);
            match node.parent() {
                Some(around) if before == 0 => node = around,
                _ => return true,
            }
            state = node.state.lock();
        }
    }

    /// Whether somebody was adopted here or below who has not ended.
    pub(crate) fn has_orphans(&self) -> bool {
        self.orphans.load(Ordering::Acquire) > 0
    }

    /// Takes one [`adopt`](Self::adopt) back, of the scope that it gave.
    pub(crate) fn let_go(&self) {
        let mut wakes = Wakes::default();
        let mut node = Some(self);
        while let Some(here) = node {
            let mut state = here.state.lock();
            let left = here.orphans.load(Ordering::Relaxed) - 1;
            here.orphans.store(left, Ordering::Release);
            if left == 0 {
                state.take_wakers(|watcher| watcher.drives, &mut wakes);
            }
            node = here.parent().filter(|_| left == 0).map(AsRef::as_ref);
        }
        wakes.wake();
    }

    /// Calls `enter` with every scope below this one, and goes on below those for which it says so.
    pub(crate) fn walk(&self, mut enter: impl FnMut(&Arc<Self>) -> bool) {
        let mut below = self.state.lock().below();
        while let Some(node) = below.pop() {
            if enter(&node) {
                below.extend(node.state.lock().below());
            }
        }
    }

    // ---- watchers

    /// Takes a place among the watchers of this scope.
    pub(crate) fn join(&self, drives: bool) -> usize {
        self.state.lock().watchers.insert(Watcher { waker: None, drives, stops: false })
    }

    /// Takes a place for somebody who wants to know of a request to stop as well.
    pub(crate) fn join_stop(&self) -> usize {
        self.state.lock().watchers.insert(Watcher { waker: None, drives: false, stops: true })
    }

    /// Who has that place is told what a driver is told.
    pub(crate) fn drive(&self, place: usize) {
        self.state.lock().watchers.get_mut(place).drives = true;
    }

    /// Gives the place back.
    pub(crate) fn leave(&self, place: usize) {
        let watcher = self.state.lock().watchers.remove(place);
        drop(watcher);
    }

    /// Forgets the waker of a watcher that knows already what it would be woken for.
    pub(crate) fn unwatch(&self, place: usize) {
        let waker = self.state.lock().watchers.get_mut(place).waker.take();
        drop(waker);
    }

    /// Keeps `waker` and says how things are: what changes after this wakes it.
    pub(crate) fn watch(&self, place: usize, waker: &Waker) -> Look {
        let known = {
            let mut state = self.state.lock();
            let kept = state.watchers.get_mut(place).waker.as_ref();
            kept.is_some_and(|kept| kept.will_wake(waker)).then(|| self.look(&state))
        };
        known.unwrap_or_else(|| {
            let waker = waker.clone();
            let mut state = self.state.lock();
            let old = state.watchers.get_mut(place).waker.replace(waker);
            let look = self.look(&state);
            drop(state);
            drop(old);
            look
        })
    }

    fn look(&self, state: &State) -> Look {
        Look {
            deadline: state.deadline,
            effective: state.effective,
            cause: state.cause.as_ref().map(|cause| (Arc::clone(cause), state.own)),
            busy: state.busy > 0 || self.has_orphans(),
            expired: state.expired,
        }
    }

    /// The future of this scope has ended or was dropped.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        if state.ended.is_none() {
            state.ended = Some(Ended {
                cause: state.cause.clone(),
                expired: state.has_expired(),
                stopping: self.stopping.load(Ordering::Relaxed),
            });
        }
    }

    /// The cause that a handle shows: once the scope has ended, the one it ended with.
    pub(crate) fn shown_cause(&self) -> Option<Arc<Cause>> {
        let state = self.state.lock();
        match &state.ended {
            Some(ended) => ended.cause.clone(),
            None => state.cause.clone(),
        }
    }
}

impl State {
    fn below(&self) -> Vec<Arc<Node>> {
        self.children.iter().filter_map(Weak::upgrade).collect()
    }

    fn take_wakers(&mut self, mut whose: impl FnMut(&Watcher) -> bool, into: &mut Wakes) {
        for watcher in self.watchers.iter_mut() {
            if whose(watcher) {
                watcher.waker.take().into_iter().for_each(|waker| into.push(waker));
            }
        }
    }

    fn has_expired(&self) -> bool {
        let cut_off = self.cause.as_ref().and_then(|cause| cause.expired_at);
        self.expired || cut_off.is_some_and(|at| self.deadline.has_elapsed_by(at))
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Scope");
        if let Some(name) = self.name.get() {
            shown.field("name", name);
        }
        match self.state.try_lock() {
            Some(state) => {
                let deadline = state.deadline;
                let guarded = state.busy > 0 || self.has_orphans();
                drop(state);
                shown.field("deadline", &deadline);
                shown.field("cancelled", &self.shown_cause().map(|cause| cause.reason.clone()));
                shown.field("guarded", &guarded);
            }
            None => {
                shown.field("state", &format_args!("<locked>"));
            }
        }
        shown.finish_non_exhaustive()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A chain of tasks, each started by the one before, is a chain of nodes that may end here all at
        // once: a loop instead of a drop within a drop.
        let mut seat = self.state.get_mut().seat;
        let mut parent = self.parent.take();
        while let Some(node) = parent {
            let weak = seat.map(|seat| node.state.lock().children.remove(seat));
            drop(weak);
            parent = Arc::into_inner(node).and_then(|mut node| {
                seat = node.state.get_mut().seat;
                node.parent.take()
            });
        }
    }
}

#[cfg(test)]
mod tests;
