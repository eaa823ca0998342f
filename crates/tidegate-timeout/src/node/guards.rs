// Guards and orphans: what keeps this scope and those around it from dropping their bodies, or from returning.

use std::sync::Arc;

use tidegate_shim::MutexGuard;
use tidegate_shim::atomic::Ordering;

use super::{Node, State};
use crate::wakes::Wakes;

impl Node {
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
}
