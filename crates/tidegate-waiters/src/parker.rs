// How it works
//
// `woken` is what is remembered, and `unpark` what ends the sleep; the token that `unpark` leaves would do for both, but it
// is everybody's: code that runs inside the future may park too.
//
// A wake-up is heard by the very step that forgets it. Were it forgotten in a step of its own, one that comes in between
// would be forgotten unheard, and the poll that follows need not see what was done before it.

use std::sync::Arc;
use std::task::Wake;

use tidegate_shim::atomic::{AtomicBool, Ordering};
use tidegate_shim::thread::{self, Thread};

/// What a thread waits by, as a waker.
pub(crate) struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Parker {
    /// For the thread that calls it.
    pub(crate) fn new() -> Self {
        Self { thread: thread::current(), woken: AtomicBool::new(false) }
    }

    /// Whether it was woken since this was last asked.
    pub(crate) fn hear(&self) -> bool {
        // Acquire: pairs with the Release in `wake_by_ref`, so that the next poll sees what was done before it.
        self.woken.swap(false, Ordering::Acquire)
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A swap, like the other: to loom, what swaps may overlook what is stored meanwhile.
        self.woken.swap(true, Ordering::Release);
        self.thread.unpark();
    }
}
