use std::sync::{Arc, Weak};

use tidegate_shim::atomic::Ordering;
use tokio::time::Instant;

use super::{Cause, Kind, Node};
use crate::reason::CancelReason;
use crate::wakes::Wakes;

impl Node {
    #[inline]
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
}
