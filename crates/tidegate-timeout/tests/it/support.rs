use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A current-thread runtime with a paused clock.
pub(crate) fn paused_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

/// Runs `future` on a current-thread runtime with a paused clock.
pub(crate) fn paused<F: Future>(future: F) -> F::Output {
    paused_runtime().block_on(future)
}

/// Sets a flag when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Runs `test` on a current-thread runtime with a paused clock, and a few times on two workers.
pub(crate) fn on_both<Fut: Future<Output = ()> + Send + 'static>(test: impl Fn() -> Fut) {
    paused(test());
    let mut workers = tokio::runtime::Builder::new_multi_thread();
    let workers = workers.worker_threads(2).enable_time().build().expect("a runtime");
    for _ in 0..20 {
        workers.block_on(async { tokio::spawn(test()).await.expect("the test does not panic") });
    }
}

/// Lets other tasks run.
pub(crate) async fn breathe() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// Waits until something has happened in another task.
pub(crate) async fn until(happened: impl Fn() -> bool) {
    while !happened() {
        tokio::task::yield_now().await;
    }
}

/// Waits for a panic and says what it said.
pub(crate) async fn panic_of<F: Future>(future: F) -> String {
    let mut future = std::pin::pin!(future);
    let panic = std::future::poll_fn(|cx| {
        let poll = || future.as_mut().poll(cx).map(|_| ());
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)) {
            Ok(poll) => poll.map(|()| panic!("it did not panic")),
            Err(panic) => std::task::Poll::Ready(panic),
        }
    });
    let panic = panic.await;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).expect("a text")
}

/// Polls its future only when the waker that it gave it was woken, as `FuturesUnordered` does.
pub(crate) struct Apart<F> {
    future: Pin<Box<F>>,
    woken: Arc<Woken>,
}

struct Woken {
    flag: AtomicBool,
    outer: Mutex<Waker>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.flag.store(true, Ordering::SeqCst);
        let outer = self.outer.lock().unwrap().clone();
        outer.wake();
    }
}

impl<F> Apart<F> {
    pub(crate) fn new(future: F) -> Self {
        let woken = Woken { flag: AtomicBool::new(true), outer: Mutex::new(Waker::noop().clone()) };
        Self { future: Box::pin(future), woken: Arc::new(woken) }
    }
}

impl<F: Future> Future for Apart<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        *self.woken.outer.lock().unwrap() = cx.waker().clone();
        if !self.woken.flag.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}
