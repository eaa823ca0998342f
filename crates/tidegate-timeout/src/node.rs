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

mod cancelling;
mod deadlines;
mod guards;
mod stopping;
#[cfg(test)]
mod tests;
mod watchers;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tidegate_shim::Mutex;
use tidegate_shim::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use tokio::time::Instant;
#[cfg(feature = "tokio-util")]
use tokio_util::sync::CancellationToken;

use crate::deadline::Deadline;
use crate::reason::CancelReason;
use crate::resident::Audience;
use crate::slots::Slots;
use crate::wakes::Wakes;
pub(crate) use watchers::Look;
use watchers::Watcher;

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

    /// Calls `enter` with every scope below this one, and goes on below those for which it says so.
    pub(crate) fn walk(&self, mut enter: impl FnMut(&Arc<Self>) -> bool) {
        let mut below = self.state.lock().below();
        while let Some(node) = below.pop() {
            if enter(&node) {
                below.extend(node.state.lock().below());
            }
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
