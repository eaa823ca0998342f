//! Where the contenders act.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, Runtime};

/// The two kinds of runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On {
    /// Everything on the calling thread.
    Current,
    /// Two worker threads.
    Two,
}

/// Runtimes, made when first asked for; and whether this is a rehearsal.
#[derive(Default)]
pub(crate) struct Stage {
    current: OnceCell<Runtime>,
    two: OnceCell<Runtime>,
    heap: OnceCell<Vec<u8>>,
    rehearsal: bool,
}

impl Stage {
    /// For the round that is not timed: scenarios look closer.
    pub(crate) fn rehearsal() -> Self {
        Self { rehearsal: true, ..Self::default() }
    }

    pub(crate) fn runtime(&self, on: On) -> &Runtime {
        match on {
            On::Current => self.current.get_or_init(|| {
                Builder::new_current_thread().enable_time().build().expect("a runtime")
            }),
            On::Two => self.two.get_or_init(|| {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(2).enable_time().build().expect("a runtime")
            }),
        }
    }

    /// Has the heap keep the memory that is freed.
    ///
    /// Otherwise it goes back to the system and is fetched anew, page by page, for each crowd of those contenders who
    /// happen to have nothing small in use behind it: that takes as long as half of what is to be measured.
    pub(crate) fn warm_heap(&self) {
        self.heap.get_or_init(|| {
            let block = || vec![1; 64 << 10];
            let _room: Vec<_> = (0..512).map(|_| block()).collect();
            // The last one stays.
            block()
        });
    }

    /// So many waiters; fewer in a rehearsal.
    pub(crate) fn crowd(&self, k: u64) -> u64 {
        if self.rehearsal { k.min(200) } else { k }
    }

    /// In a rehearsal, something that checks that no more than `limit` are in at a time.
    pub(crate) fn turnstile(&self, limit: usize) -> Option<Arc<Turnstile>> {
        self.rehearsal.then(|| Arc::new(Turnstile { limit, inside: AtomicUsize::new(0) }))
    }
}

/// Counts who is inside.
pub(crate) struct Turnstile {
    limit: usize,
    inside: AtomicUsize,
}

impl Turnstile {
    pub(crate) fn enter(&self) {
        let others = self.inside.fetch_add(1, Ordering::SeqCst);
        assert!(others < self.limit, "{} inside, {} may be", others + 1, self.limit);
    }

    pub(crate) fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}
