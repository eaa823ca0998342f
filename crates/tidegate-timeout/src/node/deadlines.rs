use std::sync::{Arc, Weak};
use std::time::Duration;

use tidegate_shim::atomic::Ordering;
use tokio::time::Instant;

use super::{Node, State};
use crate::deadline::Deadline;
use crate::wakes::Wakes;

impl Node {
    pub(crate) fn deadline(&self) -> Deadline {
        self.state.lock().deadline
    }

    pub(crate) fn effective(&self) -> Deadline {
        self.state.lock().effective
    }

    pub(super) fn set_effective(&self, state: &mut State, around: Deadline) {
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
}
