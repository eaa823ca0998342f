use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use tidegate_executor::{Job, JobCx, ThreadPool};

/// A pool of one thread.
pub(crate) fn one_thread() -> ThreadPool {
    ThreadPool::builder().threads(1..=1).build()
}

/// Waits until something that a thread is about to do has happened.
pub(crate) fn until(mut happened: impl FnMut() -> bool) {
    while !happened() {
        std::thread::yield_now();
    }
}

/// Holds jobs until it is dropped.
pub(crate) struct Gate(Sender<()>);

impl Gate {
    /// A gate and what a job waits for.
    pub(crate) fn new() -> (Self, Receiver<()>) {
        let (sender, receiver) = channel();
        (Self(sender), receiver)
    }

    pub(crate) fn open(self) {
        drop(self.0);
    }
}

/// Has a thread of `pool` wait until the gate opens, and returns when it does wait.
pub(crate) fn occupy(pool: &ThreadPool) -> (Gate, Job<()>) {
    let (gate, closed) = Gate::new();
    let (started, has_started) = channel();
    let work = move |_: &JobCx| {
        started.send(()).expect("the test waits");
        closed.recv().expect_err("nothing is ever sent");
    };
    let job = pool.submit(work).expect("there is room");
    has_started.recv().expect("the job starts");
    (gate, job)
}

/// Counts how many of its tokens are alive.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<AtomicUsize>);

pub(crate) struct Token(Arc<AtomicUsize>);

impl Census {
    pub(crate) fn token(&self) -> Token {
        self.0.fetch_add(1, Ordering::SeqCst);
        Token(Arc::clone(&self.0))
    }

    pub(crate) fn alive(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A runtime on threads of its own, which ends with this.
pub(crate) struct Elsewhere {
    handle: tokio::runtime::Handle,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Elsewhere {
    /// One of each flavour.
    pub(crate) fn both() -> [Self; 2] {
        [current_thread(), multi_thread()].map(Self::of)
    }

    pub(crate) fn of(runtime: tokio::runtime::Runtime) -> Self {
        let handle = runtime.handle().clone();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || drop(runtime.block_on(stopped)));
        Self { handle, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn handle(&self) -> &tokio::runtime::Handle {
        &self.handle
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().expect("it is joined once").join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

pub(crate) fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

pub(crate) fn multi_thread() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().expect("a runtime")
}
