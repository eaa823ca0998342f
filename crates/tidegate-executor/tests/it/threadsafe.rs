//! Futures that a thread hands to a runtime.

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tidegate_executor::{BlockingFuture, WaitError, run_coroutine_threadsafe};
use tidegate_test::{CountingWaker, Explorer, block_on, hold, poll_once, poll_with};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{
    AsyncContext, CancelReason, ContextVar, Exit, cancelled, checkpoint, current_scope, with,
};

use crate::support::{
    Census, Elsewhere, Gate, Token, current_thread, multi_thread, one_thread, until,
};

const MINUTE: Duration = Duration::from_secs(60);

static USER: ContextVar<&str> = ContextVar::new("user");

/// Whether a task was cancelled by its future.
fn is_cancelled<T>(result: &Result<T, WaitError>) -> bool {
    let why = CancelReason::from("the future was cancelled");
    matches!(result, Err(WaitError::Cancelled(reason)) if *reason == why)
}

fn was_shut_down<T>(result: &Result<T, WaitError>) -> bool {
    matches!(result, Err(WaitError::Cancelled(CancelReason::Shutdown)))
}

fn owned<T: Clone>(result: Result<&T, &WaitError>) -> Result<T, WaitError> {
    result.cloned().map_err(Clone::clone)
}

/// Cleans up in two polls, and counts that it did.
struct CleansUp(Arc<AtomicUsize>);

impl AsyncContext for CleansUp {
    type Guard = Self;
    type Error = String;

    async fn enter(self) -> Result<Self, String> {
        Ok(self)
    }

    async fn exit(guard: Self, _: Exit) -> Result<(), String> {
        tokio::task::yield_now().await;
        guard.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn a_thread_gets_the_value() {
    for runtime in Elsewhere::both() {
        let future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
        assert_eq!(future.result(), Ok(5));
        let sleeps = async { tokio::time::sleep(Duration::from_millis(1)).await };
        let future = run_coroutine_threadsafe(sleeps, runtime.handle());
        assert_eq!(future.result_timeout(MINUTE), Ok(()));
    }
}

#[test]
fn a_panic_comes_back_as_an_error() {
    for runtime in Elsewhere::both() {
        let panics = async { panic!("on purpose") };
        let future: BlockingFuture<()> = run_coroutine_threadsafe(panics, runtime.handle());
        assert_eq!(future.result(), Err(WaitError::Panicked("on purpose".into())));
        let future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
        assert_eq!(future.result(), Ok(5), "the runtime goes on");
    }
}

// B-X2
#[test]
fn a_panic_whose_payload_panics_comes_back_as_an_error() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("once more");
        }
    }
    for runtime in Elsewhere::both() {
        let panics = async { std::panic::panic_any(Again) };
        let future: BlockingFuture<()> = run_coroutine_threadsafe(panics, runtime.handle());
        assert!(matches!(future.result(), Err(WaitError::Panicked(_))));
    }
}

#[test]
fn a_wait_that_was_too_short_may_be_repeated() {
    for runtime in Elsewhere::both() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let future = run_coroutine_threadsafe(receiver, runtime.handle());
        assert_eq!(future.result_timeout(Duration::ZERO), Err(WaitError::Timeout));
        assert_eq!(future.result_timeout(Duration::from_millis(1)), Err(WaitError::Timeout));
        assert!(!future.is_done());
        sender.send(5).unwrap();
        assert_eq!(future.result_timeout(Duration::MAX), Ok(Ok(5)));
        assert!(future.is_done());
    }
}

#[test]
fn a_result_is_taken_without_a_wait_when_it_is_there() {
    for runtime in Elsewhere::both() {
        let future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
        until(|| future.is_done());
        assert_eq!(future.result_timeout(Duration::ZERO), Ok(5));
    }
}

#[test]
#[should_panic = "the result was taken already"]
fn a_result_is_taken_once() {
    let runtime = Elsewhere::of(current_thread());
    let future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
    assert_eq!(future.result_timeout(MINUTE), Ok(5));
    let _ = future.result();
}

// B-X3
#[test]
fn cancelling_reaches_the_task_and_its_clean_up_runs() {
    for runtime in Elsewhere::both() {
        let (cleaned, census) = (Arc::new(AtomicUsize::new(0)), Census::default());
        let (context, token) = (CleansUp(Arc::clone(&cleaned)), census.token());
        let (started, has_started) = channel();
        let task = with(context, async move |_: &mut CleansUp| {
            let _token: Token = token;
            started.send(()).unwrap();
            pending::<Result<(), String>>().await
        });
        let future = run_coroutine_threadsafe(task, runtime.handle());
        has_started.recv().unwrap();
        assert!(future.cancel());
        assert!(is_cancelled(&future.result().map(drop)));
        assert_eq!((cleaned.load(Ordering::SeqCst), census.alive()), (1, 0));
    }
}

#[test]
fn a_task_that_was_not_polled_is_cancelled_unpolled() {
    let runtime = current_thread();
    let (census, polled) = (Census::default(), Arc::new(AtomicUsize::new(0)));
    let (token, count) = (census.token(), Arc::clone(&polled));
    let task = async move {
        let _token = token;
        count.fetch_add(1, Ordering::SeqCst);
    };
    let future = run_coroutine_threadsafe(task, runtime.handle());
    assert!(future.cancel());
    assert!(is_cancelled(&runtime.block_on(future)));
    assert_eq!((census.alive(), polled.load(Ordering::SeqCst)), (0, 0));
}

#[test]
fn a_value_that_is_ready_wins_over_the_cancellation() {
    for runtime in Elsewhere::both() {
        let (started, has_started) = channel();
        let task = async move {
            started.send(()).unwrap();
            cancelled().await
        };
        let future = run_coroutine_threadsafe(task, runtime.handle());
        has_started.recv().unwrap();
        assert!(future.cancel());
        assert_eq!(future.result(), Ok(CancelReason::from("the future was cancelled")));
    }
}

// B-A2
#[test]
fn cancelling_what_has_ended_is_refused() {
    for runtime in Elsewhere::both() {
        let future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
        until(|| future.is_done());
        assert!(!future.cancel());
        assert_eq!(future.result(), Ok(5));
    }
}

#[test]
fn a_future_that_is_dropped_leaves_its_task_running() {
    for runtime in Elsewhere::both() {
        let census = Census::default();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (ended, has_ended) = channel();
        let token = census.token();
        let task = async move {
            gone.await.unwrap();
            ended.send(()).unwrap();
            token
        };
        drop(run_coroutine_threadsafe(task, runtime.handle()));
        assert_eq!(census.alive(), 1);
        go.send(()).unwrap();
        has_ended.recv().unwrap();
        until(|| census.alive() == 0);
    }
}

#[test]
fn callbacks_run_once_each_in_order_before_anybody_sees_the_result() {
    for runtime in Elsewhere::both() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let future = run_coroutine_threadsafe(receiver, runtime.handle());
        let log = Arc::new(Mutex::new(Vec::new()));
        for number in 0..5 {
            let log = Arc::clone(&log);
            future.on_done(move |result| log.lock().unwrap().push((number, owned(result))));
        }
        sender.send(7).unwrap();
        assert_eq!(future.result_timeout(MINUTE), Ok(Ok(7)));
        let expected: Vec<_> = (0..5).map(|number| (number, Ok(Ok(7)))).collect();
        assert_eq!(*log.lock().unwrap(), expected.as_slice());
    }
}

#[test]
fn a_callback_that_comes_late_runs_at_once_on_the_thread_that_gives_it() {
    for runtime in Elsewhere::both() {
        let future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
        until(|| future.is_done());
        let (sender, receiver) = channel();
        let me = std::thread::current().id();
        future.on_done(move |result| {
            sender.send((owned(result), std::thread::current().id() == me)).unwrap();
        });
        assert_eq!(receiver.try_recv(), Ok((Ok(5), true)));
        assert_eq!(future.result(), Ok(5), "it was lent, not taken");
    }
}

#[test]
#[should_panic = "a callback comes before the result is taken"]
fn a_callback_for_a_result_that_was_taken_is_a_mistake() {
    let runtime = Elsewhere::of(current_thread());
    let future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
    assert_eq!(future.result_timeout(MINUTE), Ok(5));
    future.on_done(|_| ());
}

#[test]
fn a_callback_that_panics_stops_nothing() {
    for runtime in Elsewhere::both() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let future = run_coroutine_threadsafe(receiver, runtime.handle());
        let calls = Arc::new(AtomicUsize::new(0));
        future.on_done(|_| panic!("on purpose"));
        let count = Arc::clone(&calls);
        future.on_done(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        sender.send(7).unwrap();
        assert_eq!(future.result_timeout(MINUTE), Ok(Ok(7)));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_callback_may_call_back_in() {
    for runtime in Elsewhere::both() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let future = Arc::new(run_coroutine_threadsafe(receiver, runtime.handle()));
        let calls = Arc::new(AtomicUsize::new(0));
        let (again, count) = (Arc::clone(&future), Arc::clone(&calls));
        future.on_done(move |_| {
            again.cancel();
            let count = Arc::clone(&count);
            again.on_done(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
            });
        });
        sender.send(7).unwrap();
        assert_eq!(future.result_timeout(MINUTE), Ok(Ok(7)));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn what_callbacks_are_shown_has_ended() {
    for runtime in Elsewhere::both() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let future = Arc::new(run_coroutine_threadsafe(receiver, runtime.handle()));
        let (again, (tell, told)) = (Arc::clone(&future), channel());
        future.on_done(move |_| tell.send((again.is_done(), again.cancel())).unwrap());
        sender.send(7).unwrap();
        assert_eq!(told.recv(), Ok((true, false)));
        assert_eq!(future.result_timeout(MINUTE), Ok(Ok(7)));
    }
}

#[test]
fn who_learns_from_a_callback_that_it_has_ended_sees_that_it_has() {
    for runtime in Elsewhere::both() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let future = run_coroutine_threadsafe(receiver, runtime.handle());
        let ((tell, told), (seen, was_seen)) = (channel(), channel());
        future.on_done(move |_| {
            tell.send(()).unwrap();
            was_seen.recv().unwrap();
        });
        sender.send(7).unwrap();
        told.recv().unwrap();
        assert!(future.is_done() && !future.cancel());
        seen.send(()).unwrap();
        assert_eq!(future.result_timeout(MINUTE), Ok(Ok(7)));
    }
}

#[test]
fn callbacks_run_when_the_future_was_dropped_and_when_the_runtime_was() {
    let runtime = current_thread();
    let (sender, receiver) = channel();
    for number in 0..2 {
        let future = run_coroutine_threadsafe(pending::<()>(), runtime.handle());
        let sender = sender.clone();
        future.on_done(move |result| sender.send((number, was_shut_down(&owned(result)))).unwrap());
        if number == 1 {
            runtime.block_on(tokio::task::yield_now());
        }
    }
    drop(runtime);
    let mut seen: Vec<_> = receiver.try_iter().collect();
    seen.sort_unstable();
    assert_eq!(seen, [(0, true), (1, true)]);
}

#[test]
fn async_code_may_await_it() {
    for runtime in Elsewhere::both() {
        let handle = runtime.handle().clone();
        let inside = async move { run_coroutine_threadsafe(async { 5 }, &handle).await };
        let outside = run_coroutine_threadsafe(inside, runtime.handle());
        assert_eq!(block_on(outside), Ok(Ok(5)));
    }
}

#[test]
fn only_the_waker_of_the_last_poll_is_woken() {
    let runtime = current_thread();
    let mut future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
    let ((one, first), (two, second)) = (CountingWaker::new(), CountingWaker::new());
    assert!(poll_with(pin!(&mut future), &first).is_pending());
    assert!(poll_with(pin!(&mut future), &second).is_pending());
    runtime.block_on(tokio::task::yield_now());
    until(|| future.is_done());
    assert_eq!((one.count(), two.count()), (0, 1));
    assert_eq!(poll_once(pin!(&mut future)), Poll::Ready(Ok(5)));
}

// Dropped at every point, and the task ends all the same, once.
#[test]
fn a_future_may_be_dropped_at_every_point() {
    struct World {
        runtime: tokio::runtime::Runtime,
        go: Mutex<Option<tokio::sync::oneshot::Sender<()>>>,
        future: Mutex<Option<BlockingFuture<Token>>>,
        census: Census,
        calls: Arc<AtomicUsize>,
    }
    fn world() -> World {
        let (runtime, census) = (current_thread(), Census::default());
        let (go, gone) = tokio::sync::oneshot::channel();
        let token = census.token();
        let task = async move {
            gone.await.unwrap();
            token
        };
        let future = run_coroutine_threadsafe(task, runtime.handle());
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        future.on_done(move |result| {
            assert!(result.is_ok());
            count.fetch_add(1, Ordering::SeqCst);
        });
        let (go, future) = (Mutex::new(Some(go)), Mutex::new(Some(future)));
        World { runtime, go, future, census, calls }
    }
    let turn = |world: &World| {
        world.runtime.block_on(async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
    };
    let schedules = Explorer::new(world)
        .future(|world| {
            let future = world.future.lock().unwrap().take().unwrap();
            hold(future)
        })
        .step(turn)
        .step(|world| world.go.lock().unwrap().take().unwrap().send(()).unwrap())
        .step(turn)
        .check(|world| {
            assert_eq!(world.calls.load(Ordering::SeqCst), 1);
            assert_eq!(world.census.alive(), 0);
        })
        .run();
    assert_eq!(schedules, 80);
}

#[test]
fn a_runtime_that_is_dropped_ends_the_wait_at_every_stage() {
    for make in [current_thread, multi_thread] {
        // Before its task was polled, while it waits, and before it was asked for.
        for stage in 0..3 {
            let runtime = make();
            let handle = runtime.handle().clone();
            let census = Census::default();
            let token = census.token();
            let task = async move {
                let _token = token;
                pending::<()>().await;
            };
            let mut runtime = Some(runtime);
            if stage == 2 {
                runtime = None;
            }
            let future = run_coroutine_threadsafe(task, &handle);
            if let Some(runtime) = runtime.as_ref().filter(|_| stage == 1) {
                runtime.block_on(tokio::task::yield_now());
            }
            let waiter = std::thread::spawn(move || future.result());
            drop(runtime);
            assert!(was_shut_down(&waiter.join().unwrap()));
            assert_eq!(census.alive(), 0);
        }
    }
}

#[test]
fn the_result_outlives_the_runtime() {
    for make in [current_thread, multi_thread] {
        let runtime = make();
        let future = run_coroutine_threadsafe(async { 5 }, runtime.handle());
        runtime.block_on(tokio::task::yield_now());
        until(|| future.is_done());
        drop(runtime);
        assert_eq!(future.result(), Ok(5));
    }
}

#[test]
fn a_future_whose_destructor_panics_ends_as_it_should() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let runtime = current_thread();
    let task = async {
        let _panics = Panics;
        pending::<()>().await;
    };
    let future = run_coroutine_threadsafe(task, runtime.handle());
    runtime.block_on(tokio::task::yield_now());
    drop(runtime);
    assert!(was_shut_down(&future.result()));
}

#[test]
fn a_task_has_the_variables_of_its_asker() {
    for runtime in Elsewhere::both() {
        let see = || run_coroutine_threadsafe(async { USER.get() }, runtime.handle());
        assert_eq!(USER.sync_scope("ada", see).result(), Ok(Some("ada")));
        assert_eq!(see().result(), Ok(None));
    }
}

#[test]
fn a_task_is_in_a_scope_of_its_own() {
    for runtime in Elsewhere::both() {
        let see = async { (current_scope().is_some(), checkpoint().is_ok()) };
        let future = run_coroutine_threadsafe(see, runtime.handle());
        assert_eq!(future.result(), Ok((true, true)));
    }
}

#[test]
fn a_task_is_cancelled_with_the_scope_of_its_asker() {
    for runtime in Elsewhere::both() {
        let scope = Scope::new();
        let ask = || run_coroutine_threadsafe(pending::<()>(), runtime.handle());
        let future = scope.enter(ask);
        scope.handle().cancel("enough");
        assert_eq!(future.result(), Err(WaitError::Cancelled("enough".into())));
        let late = scope.enter(ask);
        assert_eq!(late.result(), Err(WaitError::Cancelled("enough".into())));
    }
}

#[test]
fn a_cancelled_scope_waits_for_the_clean_up_of_a_task_elsewhere_and_reports_itself() {
    for runtime in Elsewhere::both() {
        let cleaned = Arc::new(AtomicUsize::new(0));
        let context = CleansUp(Arc::clone(&cleaned));
        let (started, has_started) = channel();
        let task = with(context, async move |_: &mut CleansUp| {
            started.send(()).unwrap();
            pending::<Result<(), String>>().await
        });
        let scope = Scope::new();
        let handle = runtime.handle().clone();
        let mut body =
            pin!(scope.run(async move { run_coroutine_threadsafe(task, &handle).await }));
        assert!(poll_once(body.as_mut()).is_pending());
        has_started.recv().unwrap();
        scope.handle().cancel("enough");
        assert!(matches!(block_on(body), Ended::Cancelled(why) if why == "enough".into()));
        assert_eq!(cleaned.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_cancelled_scope_does_not_end_while_its_task_elsewhere_is_being_polled() {
    for runtime in Elsewhere::both() {
        let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
        let task = async move {
            started.send(()).unwrap();
            closed.recv().unwrap_err();
            pending::<()>().await;
        };
        let scope = Scope::new();
        let handle = runtime.handle().clone();
        let mut body =
            pin!(scope.run(async move { run_coroutine_threadsafe(task, &handle).await }));
        assert!(poll_once(body.as_mut()).is_pending());
        has_started.recv().unwrap();
        scope.handle().cancel("enough");
        for _ in 0..3 {
            assert!(poll_once(body.as_mut()).is_pending());
        }
        gate.open();
        assert!(matches!(block_on(body), Ended::Cancelled(_)));
    }
}

#[test]
fn a_job_of_a_pool_may_wait_for_it_either_way() {
    let pool = one_thread();
    for runtime in Elsewhere::both() {
        let handle = runtime.handle().clone();
        let run = pool.run(move |_| run_coroutine_threadsafe(async { 5 }, &handle).result());
        assert_eq!(block_on(run), Ok(Ok(5)));
        let handle = runtime.handle().clone();
        let run = pool.run(move |cx| cx.block_on(run_coroutine_threadsafe(async { 5 }, &handle)));
        assert_eq!(block_on(run), Ok(Ok(5)));
    }
}

#[test]
fn a_hundred_threads_get_what_they_asked_for() {
    for runtime in Elsewhere::both() {
        let threads: Vec<_> = (0..100)
            .map(|number| {
                let handle = runtime.handle().clone();
                std::thread::spawn(move || {
                    let task = async move {
                        tokio::task::yield_now().await;
                        number
                    };
                    assert_eq!(run_coroutine_threadsafe(task, &handle).result(), Ok(number));
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

// The clock would run ahead while the task elsewhere takes real time.
#[tokio::test(start_paused = true)]
async fn a_paused_clock_stands_still_while_a_task_elsewhere_is_awaited() {
    for runtime in Elsewhere::both() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let future = run_coroutine_threadsafe(receiver, runtime.handle());
        let thread = std::thread::spawn(move || {
            (0..100).for_each(|_| std::thread::yield_now());
            sender.send(5).unwrap();
        });
        let start = tokio::time::Instant::now();
        assert_eq!(tokio::time::timeout(MINUTE, future).await, Ok(Ok(Ok(5))));
        assert_eq!(start.elapsed(), Duration::ZERO);
        tokio::time::sleep(MINUTE).await;
        assert_eq!(start.elapsed(), MINUTE);
        thread.join().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_goes_on_when_nobody_awaits_the_task_any_more() {
    for runtime in Elsewhere::both() {
        let mut future = run_coroutine_threadsafe(pending::<()>(), runtime.handle());
        assert!(poll_once(pin!(&mut future)).is_pending());
        drop(future);
        let start = tokio::time::Instant::now();
        tokio::time::sleep(MINUTE).await;
        assert_eq!(start.elapsed(), MINUTE);
    }
}
