use std::sync::Arc;

use tidegate_shim::atomic::Ordering;
#[cfg(feature = "tokio-util")]
use tokio_util::sync::CancellationToken;

use super::Node;
use crate::wakes::Wakes;

impl Node {
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
}
