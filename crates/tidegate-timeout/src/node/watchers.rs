use std::sync::Arc;
use std::task::Waker;

use super::{Cause, Node, State};
use crate::deadline::Deadline;

#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) waker: Option<Waker>,
    /// Wants to know of a request to stop.
    pub(super) stops: bool,
    /// Drives the scope: wants to know of a new deadline, and when the last guard or orphan is gone.
    pub(super) drives: bool,
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
}
