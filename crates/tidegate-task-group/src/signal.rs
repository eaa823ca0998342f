use std::task::Waker;

use tidegate_shim::Mutex;

/// The waker of the one future that waits, the newest of those it was polled with.
#[derive(Debug, Default)]
pub(crate) struct Signal(Mutex<Option<Waker>>);

impl Signal {
    /// Keeps `waker`; what happens after this wakes it.
    pub(crate) fn register(&self, waker: &Waker) {
        if self.0.lock().as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            return;
        }
        let waker = waker.clone();
        let old = self.0.lock().replace(waker);
        drop(old);
    }

    pub(crate) fn wake(&self) {
        let waker = self.0.lock().take();
        waker.into_iter().for_each(Waker::wake);
    }
}
