use std::fmt::Debug;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tidegate_test::{CountingWaker, poll_once, poll_with};

/// A future that others open, with all that a test wants to know about it.
pub(crate) struct Gate<T>(Arc<Inner<T>>);

impl<T> Clone for Gate<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<T> {
    value: Mutex<Option<T>>,
    waker: Mutex<Option<Waker>>,
    polls: AtomicUsize,
    made: AtomicUsize,
    drops: AtomicUsize,
}

impl<T> Gate<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            value: Mutex::new(None),
            waker: Mutex::new(None),
            polls: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            drops: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn wait(&self) -> Waiting<T> {
        self.0.made.fetch_add(1, Ordering::SeqCst);
        Waiting(self.clone())
    }

    /// Gives the value, and wakes whoever waits.
    pub(crate) fn open(&self, value: T) {
        *self.0.value.lock().unwrap() = Some(value);
        self.wake();
    }

    /// Wakes whoever waits, for nothing.
    pub(crate) fn wake(&self) {
        self.waker().into_iter().for_each(Waker::wake);
    }

    /// The waker it was polled with last.
    pub(crate) fn waker(&self) -> Option<Waker> {
        self.0.waker.lock().unwrap().clone()
    }

    pub(crate) fn polls(&self) -> usize {
        self.0.polls.load(Ordering::SeqCst)
    }

    /// Nobody waits any more.
    pub(crate) fn is_left(&self) -> bool {
        self.0.drops.load(Ordering::SeqCst) == self.0.made.load(Ordering::SeqCst)
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.0.drops.load(Ordering::SeqCst) > 0 && self.is_left()
    }
}

pub(crate) fn gates<T>(count: usize) -> Vec<Gate<T>> {
    (0..count).map(|_| Gate::new()).collect()
}

pub(crate) fn waiting<T>(gates: &[Gate<T>]) -> Vec<Waiting<T>> {
    gates.iter().map(Gate::wait).collect()
}

pub(crate) struct Waiting<T>(Gate<T>);

impl<T> Future for Waiting<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let inner = &self.0.0;
        inner.polls.fetch_add(1, Ordering::SeqCst);
        if let Some(value) = inner.value.lock().unwrap().take() {
            return Poll::Ready(value);
        }
        let waker = cx.waker().clone();
        // The one before is dropped when the lock is free again.
        let _old = inner.waker.lock().unwrap().replace(waker);
        Poll::Pending
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.0.0.drops.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future in a task that counts how often it is woken.
pub(crate) struct Driven<F> {
    pub(crate) future: Pin<Box<F>>,
    count: std::sync::Arc<CountingWaker>,
    waker: Waker,
}

pub(crate) fn drive<F: Future>(future: F) -> Driven<F> {
    let (count, waker) = CountingWaker::new();
    Driven { future: Box::pin(future), count, waker }
}

impl<F: Future> Driven<F> {
    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        poll_with(self.future.as_mut(), &self.waker)
    }

    #[track_caller]
    pub(crate) fn waits(&mut self) {
        assert!(self.poll().is_pending());
    }

    #[track_caller]
    pub(crate) fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it still waits"),
        }
    }

    pub(crate) fn wakes(&self) -> usize {
        self.count.count()
    }
}

/// What the future gives at its first poll.
#[track_caller]
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    match poll_once(std::pin::pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// The message of the panic, and the line it blames.
pub(crate) fn panic_of<T: Debug>(call: impl FnOnce() -> T) -> String {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().unwrap().to_string(),
    }
}
