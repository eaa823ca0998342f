//! Wakers, values and callbacks of users, which may call back in and may panic.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tidegate_executor::{
    BlockingFuture, Portal, TimerHandle, call_later, run_coroutine_threadsafe,
};
use tidegate_test::poll_with;
use tokio::sync::oneshot;

use crate::support::{current_thread, until};

/// Does something when it is woken or dropped.
struct Acts<F: Fn() + Send + Sync + 'static>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Acts<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Acts<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn waker(act: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Acts(act)))
}

#[test]
fn a_waker_may_call_back_in_when_it_is_woken_and_when_it_is_dropped() {
    let runtime = current_thread();
    let future = Arc::new(Mutex::new(None::<BlockingFuture<u32>>));
    let (acts, count) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&future));
    let (seen, inside) = (Arc::clone(&acts), Arc::clone(&count));
    // Not through the mutex while the test polls through it.
    let act = move || {
        seen.fetch_add(1, Ordering::SeqCst);
        if let Ok(future) = inside.try_lock() {
            if let Some(future) = &*future {
                future.is_done();
                future.cancel();
                future.on_done(|_| ());
            }
        }
    };
    *future.lock().unwrap() = Some(run_coroutine_threadsafe(async { 5 }, runtime.handle()));
    let (first, second) = (waker(act.clone()), waker(act));
    let mut taken = future.lock().unwrap().take().unwrap();
    assert!(poll_with(pin!(&mut taken), &first).is_pending());
    drop(first);
    assert!(poll_with(pin!(&mut taken), &second).is_pending(), "the first one is dropped");
    drop(second);
    *future.lock().unwrap() = Some(taken);
    runtime.block_on(tokio::task::yield_now());
    let taken = future.lock().unwrap().take().unwrap();
    assert_eq!(taken.result(), Ok(5));
    assert!(acts.load(Ordering::SeqCst) >= 3);
}

#[test]
fn a_waker_that_panics_stops_nothing() {
    let runtime = current_thread();
    let panics = || Waker::from(Arc::new(Panics));
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }
    let mut future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
    assert!(poll_with(pin!(&mut future), &panics()).is_pending());
    runtime.block_on(tokio::task::yield_now());
    assert_eq!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(5)));
    let other = run_coroutine_threadsafe(async { 6 }, runtime.handle());
    assert_eq!(runtime.block_on(other), Ok(6));
}

/// Looks at a future of its own kind, or at a portal, when it is dropped.
struct Looks(Arc<OnceLock<BlockingFuture<Looks>>>, Portal);

impl Drop for Looks {
    fn drop(&mut self) {
        if let Some(future) = self.0.get() {
            future.cancel();
            future.is_done();
        }
        self.1.call_soon(|| ()).cancel();
        drop(self.1.spawn(async {}));
    }
}

#[test]
fn a_value_may_call_back_in_when_it_is_dropped() {
    let portal = Portal::start();
    let own = Arc::new(OnceLock::new());
    let (sender, receiver) = oneshot::channel();
    let looks = Looks(Arc::clone(&own), portal.clone());
    let future = portal.spawn(async move {
        let _ = receiver.await;
        looks
    });
    own.set(future).unwrap_or_else(|_| unreachable!("set once"));
    sender.send(()).unwrap();
    until(|| own.get().unwrap().is_done());
    let looks = own.get().unwrap().result_timeout(Duration::from_secs(60)).unwrap();
    drop(looks);
    // Nobody wants this one.
    drop(portal.spawn({
        let looks = Looks(Arc::default(), portal.clone());
        async move { looks }
    }));
    assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
}

#[test]
fn a_value_whose_destructor_panics_and_that_nobody_wants_stops_nothing() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let portal = Portal::start();
    let (sender, receiver) = oneshot::channel::<()>();
    drop(portal.spawn(async move {
        let _ = receiver.await;
        Panics
    }));
    drop(sender);
    assert_eq!(portal.call(async { 5 }), Ok(5));
    assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_closure_may_call_back_in_when_it_is_cancelled() {
    struct Calls(Arc<OnceLock<TimerHandle>>);
    impl Drop for Calls {
        fn drop(&mut self) {
            if let Some(handle) = self.0.get() {
                assert!(!handle.cancel() && handle.is_cancelled());
            }
            call_later(Duration::ZERO, || ());
        }
    }
    let own = Arc::new(OnceLock::new());
    let calls = Calls(Arc::clone(&own));
    own.set(call_later(Duration::from_secs(1), move || drop(calls))).unwrap();
    assert!(own.get().unwrap().cancel());
    tokio::time::sleep(Duration::from_secs(2)).await;
}
