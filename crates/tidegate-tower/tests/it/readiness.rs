// What is held, and when.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use tidegate_semaphore::{OwnedPermit, Semaphore};
use tidegate_test::{poll_once, poll_with};
use tidegate_time_lock::{KeyedTimeLock, NoRefusals, Reopen, State, TimeLock};
use tidegate_tower::{NoInfo, NoKey, NoRetry, TimeLockLayer};
use tokio::time::sleep;
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{all, ms};

/// Is ready when it has one of these permits, and counts what it is asked.
struct Slots {
    slots: Arc<Semaphore>,
    wait: Option<Pin<Box<dyn Future<Output = OwnedPermit> + Send>>>,
    held: Option<OwnedPermit>,
    sent: Arc<AtomicUsize>,
}

impl Slots {
    fn new(slots: &Arc<Semaphore>, sent: &Arc<AtomicUsize>) -> Self {
        Self { slots: slots.clone(), wait: None, held: None, sent: sent.clone() }
    }
}

impl Clone for Slots {
    fn clone(&self) -> Self {
        Self::new(&self.slots, &self.sent)
    }
}

impl Service<()> for Slots {
    type Response = ();
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<(), Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.held.is_none() {
            let slots = &self.slots;
            let wait = self.wait.get_or_insert_with(|| {
                let slots = slots.clone();
                Box::pin(async move { slots.acquire_owned().await.unwrap() })
            });
            self.held = Some(std::task::ready!(wait.as_mut().poll(cx)));
            self.wait = None;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        let held = self.held.take().expect("it was ready");
        self.sent.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            sleep(ms(10)).await;
            drop(held);
            Ok(())
        })
    }
}

fn layer(gate: &TimeLock) -> TimeLockLayer<(), NoRefusals, NoKey, NoRetry, NoInfo> {
    TimeLockLayer::new(gate.clone()).classify(NoRefusals).without_info()
}

#[tokio::test(start_paused = true)]
async fn being_ready_takes_nothing_and_says_nothing() {
    let (gate, slots, sent) = (TimeLock::new(), Arc::new(Semaphore::new(1)), Arc::default());
    let mut client = layer(&gate).layer(Slots::new(&slots, &sent));
    gate.lock();
    for _ in 0..3 {
        client.ready().await.unwrap();
    }
    assert_eq!(slots.available_permits(), 1);
    let mut call = Box::pin(client.call(()));
    assert_eq!(gate.waiters(), 0, "not polled yet");
    assert!(poll_once(call.as_mut()).is_pending());
    assert_eq!((slots.available_permits(), gate.waiters()), (1, 1));
    gate.unlock();
    call.await.unwrap();
    // A call without asking first is one like others.
    client.call(()).await.unwrap();
    assert_eq!(sent.load(Ordering::SeqCst), 2);
}

// R3, R4: shut while the inner service is not ready.
#[tokio::test(start_paused = true)]
async fn readiness_is_put_down_when_the_gate_was_shut_meanwhile() {
    let (gate, slots, sent) = (TimeLock::new(), Arc::new(Semaphore::new(1)), Arc::default());
    let client = layer(&gate).layer(Slots::new(&slots, &sent));
    let held = slots.try_acquire().unwrap();
    let mut first = Box::pin(client.clone().oneshot(()));
    assert!(poll_once(first.as_mut()).is_pending());
    assert_eq!((slots.waiters(), gate.waiters()), (1, 0), "through, and not ready");
    gate.lock();
    let mut second = Box::pin(client.clone().oneshot(()));
    assert!(poll_once(second.as_mut()).is_pending());
    drop(held);
    assert!(poll_once(first.as_mut()).is_pending());
    assert_eq!((slots.available_permits(), gate.waiters()), (1, 2), "put down");
    assert_eq!(sent.load(Ordering::SeqCst), 0);
    gate.unlock();
    // The first one has its old place.
    assert!(poll_once(second.as_mut()).is_pending());
    assert_eq!(sent.load(Ordering::SeqCst), 0);
    assert!(poll_once(first.as_mut()).is_pending());
    assert_eq!(sent.load(Ordering::SeqCst), 1);
    first.await.unwrap();
    second.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_inner_service_that_is_never_ready_keeps_nobody_from_leaving() {
    #[derive(Clone)]
    struct Never;
    impl Service<()> for Never {
        type Response = ();
        type Error = Infallible;
        type Future = std::future::Pending<Result<(), Infallible>>;
        fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }
        fn call(&mut self, (): ()) -> Self::Future {
            panic!("it is not ready")
        }
    }
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let client = layer(&gate).layer(Never);
    gate.lock();
    gate.unlock();
    let mut probe = Box::pin(client.clone().oneshot(()));
    assert!(poll_once(probe.as_mut()).is_pending());
    assert_eq!(gate.snapshot().state, State::Probing);
    drop(probe);
    let next = gate.acquire().await.unwrap();
    assert!(next.is_probe());
    next.ok();
    assert_eq!(gate.waiters(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_is_the_answer() {
    #[derive(Clone)]
    struct Broken;
    impl Service<()> for Broken {
        type Response = ();
        type Error = std::io::Error;
        type Future = std::future::Ready<Result<(), std::io::Error>>;
        fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
            Poll::Ready(Err(std::io::ErrorKind::BrokenPipe.into()))
        }
        fn call(&mut self, (): ()) -> Self::Future {
            panic!("it is not ready")
        }
    }
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let mut client = layer(&gate).layer(Broken);
    gate.lock();
    gate.unlock();
    client.ready().await.unwrap();
    let error = client.call(()).await.unwrap_err();
    let error: &std::io::Error = error.downcast_ref().expect("the inner one's own");
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    assert!(gate.try_acquire().unwrap().is_probe(), "it was not sent: no verdict");
}

#[tokio::test]
async fn whoever_polls_last_is_woken() {
    let gate = TimeLock::new();
    let client = layer(&gate).layer(service_fn(async |()| Ok::<_, Infallible>(())));
    gate.lock();
    let mut call = Box::pin(client.oneshot(()));
    let (one, first) = tidegate_test::CountingWaker::new();
    let (other, second) = tidegate_test::CountingWaker::new();
    assert!(poll_with(call.as_mut(), &first).is_pending());
    assert!(poll_with(call.as_mut(), &second).is_pending());
    gate.unlock();
    assert_eq!((one.count(), other.count()), (0, 1));
    assert!(poll_with(call.as_mut(), Waker::noop()).is_ready());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clones_may_be_used_in_many_threads_while_others_shut_the_gate() {
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let sent = Arc::new(AtomicUsize::new(0));
    let client = layer(&gate).layer(service_fn({
        let sent = sent.clone();
        move |()| {
            sent.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, Infallible>(()) }
        }
    }));
    let tasks = (0..64).map(|n| {
        let (client, gate) = (client.clone(), gate.clone());
        async move {
            for _ in 0..50 {
                client.clone().oneshot(()).await.unwrap();
                if n % 8 == 0 {
                    gate.lock_for(ms(1));
                }
                tokio::task::yield_now().await;
            }
        }
    });
    all(tasks).await;
    assert_eq!((sent.load(Ordering::SeqCst), gate.waiters()), (64 * 50, 0));
}

// R19
#[tokio::test(flavor = "current_thread")]
async fn an_open_gate_in_a_hot_loop_starves_nobody() {
    let gate = TimeLock::new();
    let hosts: KeyedTimeLock<String> =
        KeyedTimeLock::<String>::builder().template(TimeLock::builder()).build();
    let inner = || service_fn(async |()| Ok::<_, Infallible>(()));
    let keyed = TimeLockLayer::new(hosts).classify(NoRefusals).without_info();
    let clients = [
        BoxCloneService::new(layer(&gate).layer(inner())),
        BoxCloneService::new(layer(&gate).max_waiters(0).layer(inner())),
        BoxCloneService::new(keyed.key(|(): &()| String::new()).layer(inner())),
    ];
    for client in clients {
        let other = tokio::spawn(async {});
        let mut n = 0;
        while !other.is_finished() {
            client.clone().oneshot(()).await.unwrap();
            n += 1;
            assert!(n < 100_000, "the other one never gets its turn");
        }
    }
}
