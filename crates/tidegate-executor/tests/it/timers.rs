//! Callbacks that run later.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

use tidegate_executor::{Portal, TimerHandle, call_at, call_later, call_soon_threadsafe};
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{ContextVar, checkpoint};
use tokio::task::yield_now;
use tokio::time::{Instant, advance, sleep, sleep_until};

use crate::support::{Census, Elsewhere, current_thread, multi_thread, until};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

static USER: ContextVar<&str> = ContextVar::new("user");

/// What has happened so far.
#[derive(Clone, Default)]
struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T: Send + Clone + 'static> Log<T> {
    /// A callback that writes this down.
    fn note(&self, what: T) -> impl FnOnce() + Send + 'static {
        let log = self.clone();
        move || log.0.lock().unwrap().push(what)
    }

    fn so_far(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// To the back of the queue of tasks. (tokio's `yield_now` waits until there is nothing else to do.)
async fn to_the_back() {
    let mut been = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut been, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Lets the loop run what is due.
async fn turns() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn callbacks_run_at_their_times_to_the_instant() {
    let (start, log) = (Instant::now(), Log::default());
    for seconds in [3, 1, 2] {
        let log = log.clone();
        call_later(seconds * SECOND, move || log.note((seconds, start.elapsed()))());
    }
    sleep(10 * SECOND).await;
    assert_eq!(log.so_far(), [(1, SECOND), (2, 2 * SECOND), (3, 3 * SECOND)]);
}

// asyncio's order of equal times is undefined.
#[tokio::test(start_paused = true)]
async fn callbacks_for_the_same_time_run_in_the_order_of_the_calls() {
    let (when, log) = (Instant::now() + SECOND, Log::default());
    for number in 0..1000 {
        call_at(when, log.note(number));
    }
    sleep_until(when + SECOND).await;
    assert!(log.so_far().into_iter().eq(0..1000));
}

#[tokio::test(start_paused = true)]
async fn callbacks_that_are_called_soon_run_in_order_and_what_they_add_after_them() {
    let log = Log::default();
    let (outer, inner) = (log.note("outer"), log.note("inner"));
    call_soon_threadsafe(move || {
        outer();
        call_soon_threadsafe(inner);
    });
    call_soon_threadsafe(log.note("second"));
    assert!(log.so_far().is_empty());
    turns().await;
    assert_eq!(log.so_far(), ["outer", "second", "inner"]);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_has_passed_is_soon() {
    advance(HOUR).await;
    let log = Log::default();
    call_at(Instant::now() - SECOND, log.note(1));
    call_later(Duration::ZERO, log.note(2));
    turns().await;
    assert_eq!(log.so_far(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_comes_before_all_others_wakes_the_loop() {
    let log = Log::default();
    call_later(HOUR, log.note(3));
    turns().await;
    call_later(2 * SECOND, log.note(2));
    call_later(SECOND, log.note(1));
    sleep(3 * SECOND).await;
    assert_eq!(log.so_far(), [1, 2]);
    sleep(HOUR).await;
    assert_eq!(log.so_far(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_beyond_all_time_is_taken() {
    let handle = call_later(Duration::MAX, || panic!("never"));
    sleep(HOUR).await;
    assert!(handle.when() > Instant::now() + 1000 * HOUR);
    assert!(handle.cancel());
}

#[tokio::test(start_paused = true)]
async fn the_handle_says_when() {
    let when = Instant::now() + HOUR;
    assert_eq!(call_at(when, || ()).when(), when);
    assert_eq!(call_later(HOUR, || ()).when(), when);
    assert_eq!(call_soon_threadsafe(|| ()).when(), Instant::now());
}

#[tokio::test(start_paused = true)]
async fn what_was_cancelled_is_dropped_at_once_and_does_not_run() {
    let (log, census) = (Log::default(), Census::default());
    let (token, note) = (census.token(), log.note(1));
    let handle = call_later(SECOND, move || {
        let _token = token;
        note();
    });
    call_later(SECOND, log.note(2));
    assert!(!handle.is_cancelled());
    assert!(handle.cancel());
    assert_eq!(census.alive(), 0);
    assert!(handle.is_cancelled());
    assert!(!handle.cancel(), "once");
    sleep(HOUR).await;
    assert_eq!(log.so_far(), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_has_run_is_not_cancelled() {
    let handle = call_later(SECOND, || ());
    sleep(HOUR).await;
    assert!(!handle.cancel());
    assert!(!handle.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_handle_cancels_nothing() {
    let log = Log::default();
    drop(call_later(SECOND, log.note(1)));
    let handle = call_later(SECOND, log.note(2));
    drop(handle.clone());
    sleep(HOUR).await;
    assert_eq!(log.so_far(), [1, 2]);
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_callback_may_cancel_itself_and_others() {
    let log = Log::default();
    let own = Arc::new(OnceLock::<TimerHandle>::new());
    let other = call_later(SECOND, log.note("other"));
    let (inside, note, before) = (Arc::clone(&own), log.note("self"), other.clone());
    let handle = call_later(Duration::ZERO, move || {
        assert!(!inside.get().unwrap().cancel(), "it runs");
        assert!(before.cancel());
        note();
    });
    own.set(handle).unwrap();
    sleep(HOUR).await;
    assert_eq!(log.so_far(), ["self"]);
    assert!(other.is_cancelled() && !own.get().unwrap().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_callback_of_the_same_portion_may_be_cancelled() {
    let log = Log::default();
    let victim = Arc::new(OnceLock::<TimerHandle>::new());
    let inside = Arc::clone(&victim);
    call_soon_threadsafe(move || assert!(inside.get().unwrap().cancel()));
    victim.set(call_soon_threadsafe(log.note("victim"))).unwrap();
    turns().await;
    assert!(log.so_far().is_empty());
}

// After `cancel` has returned it is not running either.
#[test]
fn cancelling_waits_for_a_callback_that_runs_on_another_thread() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        let ((started, has_started), (go, gone)) = (channel(), channel::<()>());
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = Arc::clone(&ended);
        let handle = call_soon_threadsafe(move || {
            started.send(()).unwrap();
            gone.recv().unwrap_err();
            is_ended.store(true, Ordering::SeqCst);
        });
        has_started.recv().unwrap();
        let cancels = std::thread::spawn(move || {
            assert!(!handle.cancel());
            ended.load(Ordering::SeqCst)
        });
        (0..100).for_each(|_| std::thread::yield_now());
        assert!(!cancels.is_finished());
        drop(go);
        assert!(cancels.join().unwrap());
    }
}

#[test]
fn a_callback_runs_or_is_cancelled_and_never_both() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        let mut cancelled = 0;
        for round in 0..2000 {
            let runs = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&runs);
            let handle = call_soon_threadsafe(move || {
                count.fetch_add(1, Ordering::SeqCst);
            });
            (0..round % 7).for_each(|_| std::thread::yield_now());
            let is_cancelled = handle.cancel();
            assert_eq!(handle.is_cancelled(), is_cancelled);
            let seen = runs.load(Ordering::SeqCst);
            assert_eq!(seen, usize::from(!is_cancelled));
            cancelled += usize::from(is_cancelled);
        }
        assert!(cancelled <= 2000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_callback_stops_nothing() {
    let log = Log::default();
    for number in 0..3 {
        let handle = call_soon_threadsafe(|| panic!("on purpose"));
        call_soon_threadsafe(log.note(number));
        turns().await;
        assert!(!handle.is_cancelled());
    }
    assert_eq!(log.so_far(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_closure_whose_destructor_panics_stops_nothing() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let log = Log::default();
    let panics = || {
        let panics = Panics;
        move || drop(panics)
    };
    assert!(call_later(SECOND, panics()).cancel());
    call_later(SECOND, panics());
    call_later(SECOND, log.note(1));
    sleep(HOUR).await;
    assert_eq!(log.so_far(), [1]);
}

#[tokio::test(start_paused = true)]
async fn other_tasks_run_between_callbacks_that_call_each_other_for_ever() {
    fn again(count: Arc<AtomicUsize>) {
        count.fetch_add(1, Ordering::SeqCst);
        call_soon_threadsafe(move || again(count));
    }
    let count = Arc::new(AtomicUsize::new(0));
    again(Arc::clone(&count));
    while count.load(Ordering::SeqCst) < 1000 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_callback_adds_runs_after_other_tasks_had_their_turn() {
    fn again(count: Arc<AtomicUsize>) {
        if count.fetch_add(1, Ordering::SeqCst) < 20 {
            call_soon_threadsafe(move || again(count));
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    again(Arc::clone(&count));
    // Not the test's own future, which has its turn less often than a task.
    let looks = tokio::spawn(async move {
        let mut before = count.load(Ordering::SeqCst);
        assert!(before <= 2, "{before}");
        while before <= 20 {
            to_the_back().await;
            let now = count.load(Ordering::SeqCst);
            assert!(now <= before + 1, "{now} after {before}");
            before = now;
        }
    });
    looks.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn other_tasks_run_between_many_callbacks() {
    let count = Arc::new(AtomicUsize::new(0));
    for _ in 0..10_000 {
        let count = Arc::clone(&count);
        call_soon_threadsafe(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
    }
    let looks = Arc::clone(&count);
    let early = tokio::spawn(async move {
        while looks.load(Ordering::SeqCst) == 0 {
            to_the_back().await;
        }
        looks.load(Ordering::SeqCst)
    });
    let early = early.await.unwrap();
    assert!(early < 1000, "{early}");
    while count.load(Ordering::SeqCst) < 10_000 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_callbacks_run_in_order_but_for_those_that_are_cancelled() {
    const N: u64 = 100_000;
    let log = Log::default();
    let start = Instant::now();
    // In no order: 7919 and N have no common divisor.
    let handles: Vec<_> = (0..N)
        .map(|i| i * 7919 % N)
        .map(|ms| (ms, call_at(start + Duration::from_millis(ms), log.note(ms))))
        .collect();
    for (ms, handle) in &handles {
        assert!(ms % 3 != 0 || handle.cancel());
    }
    sleep(HOUR).await;
    assert!(log.so_far().into_iter().eq((0..N).filter(|ms| ms % 3 != 0)));
    assert!(handles.iter().all(|(ms, handle)| handle.is_cancelled() == (ms % 3 == 0)));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_callbacks_for_one_instant_run_in_the_order_of_the_calls() {
    const N: u64 = 100_000;
    let now = Instant::now();
    advance(HOUR).await;
    // Past, now, soon, and later than anybody waits for.
    let far = now + Duration::from_secs(30 * 365 * 24 * 3600);
    for when in [now, Instant::now(), Instant::now() + SECOND, far] {
        let log = Log::default();
        let handles: Vec<_> = (0..N).map(|n| call_at(when, log.note(n))).collect();
        assert!((0..N).step_by(2).all(|n| handles[usize::try_from(n).unwrap()].cancel()));
        sleep_until(when + 2 * HOUR).await;
        assert!(log.so_far().into_iter().eq((0..N).skip(1).step_by(2)));
        assert!(handles.iter().all(|handle| handle.when() == when && !handle.cancel()));
    }
}

#[test]
fn a_hundred_thousand_callbacks_are_dropped_with_their_runtime() {
    for make in [current_thread, multi_thread] {
        let (runtime, census) = (make(), Census::default());
        let handles = runtime.block_on(async {
            let call = |n| {
                let token = census.token();
                call_later(HOUR + n * SECOND, move || drop(token))
            };
            let handles: Vec<_> = (0..100_000).map(|n| call(n % 7)).collect();
            turns().await;
            handles
        });
        drop(runtime);
        assert_eq!(census.alive(), 0);
        assert!(handles.iter().all(TimerHandle::is_cancelled));
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_advanced_or_goes_on_runs_what_is_due() {
    let log = Log::default();
    for n in 1..=4 {
        call_later(n * HOUR, log.note(n));
    }
    advance(2 * HOUR).await;
    turns().await;
    assert_eq!(log.so_far(), [1, 2]);
    tokio::time::resume();
    let soon = Log::default();
    call_later(Duration::from_millis(1), soon.note(0));
    while soon.so_far().is_empty() {
        yield_now().await;
    }
    tokio::time::pause();
    advance(2 * HOUR).await;
    turns().await;
    assert_eq!(log.so_far(), [1, 2, 3, 4]);
}

#[test]
fn a_runtime_may_be_dropped_while_a_callback_runs_and_another_thread_waits_for_it() {
    let (runtime, log) = (multi_thread(), Log::default());
    let ((started, has_started), (go, gone)) = (channel(), channel::<()>());
    let (first, second) = runtime.block_on(async {
        let first = call_soon_threadsafe(move || {
            started.send(()).unwrap();
            gone.recv().unwrap_err();
        });
        (first, call_soon_threadsafe(log.note(2)))
    });
    has_started.recv().unwrap();
    let (waiting, handle) = (channel(), first.clone());
    let cancels = std::thread::spawn(move || {
        waiting.0.send(()).unwrap();
        handle.cancel()
    });
    waiting.1.recv().unwrap();
    let drops = std::thread::spawn(move || drop(runtime));
    drop(go);
    assert!(!cancels.join().unwrap());
    drops.join().unwrap();
    assert!(!first.is_cancelled(), "it ran");
    assert!(second.is_cancelled() || log.so_far() == [2]);
}

#[test]
fn a_callback_may_drop_the_last_handle_of_its_portal() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        for portal in [Portal::start(), Portal::current()] {
            let census = Census::default();
            let (token, (sender, receiver)) = (census.token(), channel());
            let never = portal.call_later(HOUR, move || drop(token));
            let last = Arc::new(Mutex::new(None));
            let own = Arc::clone(&last);
            let (go, gone) = channel::<()>();
            portal.call_soon(move || {
                gone.recv().unwrap_err();
                drop(own.lock().unwrap().take());
                sender.send(()).unwrap();
            });
            *last.lock().unwrap() = Some(portal);
            drop(go);
            receiver.recv().unwrap();
            assert!(never.is_cancelled());
            assert_eq!(census.alive(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_has_the_variables_and_the_scope_of_its_caller() {
    let log = Log::default();
    let scope = Scope::new();
    let see = |log: &Log<_>| {
        let log = log.clone();
        move || log.note((USER.get(), checkpoint().is_ok()))()
    };
    call_soon_threadsafe(see(&log));
    scope.enter(|| USER.sync_scope("ada", || call_soon_threadsafe(see(&log))));
    call_soon_threadsafe(see(&log));
    turns().await;
    scope.enter(|| call_soon_threadsafe(see(&log)));
    scope.handle().cancel("enough");
    turns().await;
    let expected = [(None, true), (Some("ada"), true), (None, true), (None, false)];
    assert_eq!(log.so_far(), expected, "it is told, and runs");
}

#[test]
fn a_closure_is_dropped_with_the_variables_of_its_caller() {
    struct Asks(Log<Option<&'static str>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.note(USER.get())();
        }
    }
    let log = Log::default();
    let runtime = current_thread();
    runtime.block_on(async {
        let call = || {
            let asks = Asks(log.clone());
            call_later(HOUR, move || drop(asks))
        };
        assert!(USER.sync_scope("ada", call).cancel());
        USER.sync_scope("grace", call);
    });
    drop(runtime);
    assert_eq!(log.so_far(), [Some("ada"), Some("grace")]);
}

#[test]
fn a_runtime_that_goes_away_drops_its_callbacks_and_says_so() {
    for make in [current_thread, multi_thread] {
        let (runtime, census) = (make(), Census::default());
        let call = || {
            let token = census.token();
            call_later(HOUR, move || drop(token))
        };
        // Before the loop was polled, and after.
        let mut handles = vec![runtime.block_on(async { call() })];
        runtime.block_on(turns());
        handles.push(runtime.block_on(async { call() }));
        let handle = runtime.handle().clone();
        drop(runtime);
        assert_eq!(census.alive(), 0);
        let _inside = handle.enter();
        handles.push(call());
        assert_eq!(census.alive(), 0, "dropped at once");
        for handle in handles {
            assert!(handle.is_cancelled());
            assert!(!handle.cancel());
        }
    }
}

#[test]
fn a_closure_that_is_dropped_with_its_runtime_may_call_again() {
    struct Again(Census);
    impl Drop for Again {
        fn drop(&mut self) {
            if tokio::runtime::Handle::try_current().is_ok() {
                let token = self.0.token();
                assert!(call_later(HOUR, move || drop(token)).is_cancelled());
            }
        }
    }
    let (runtime, census) = (current_thread(), Census::default());
    runtime.block_on(async {
        let again = Again(census.clone());
        call_later(HOUR, move || drop(again));
        turns().await;
    });
    drop(runtime);
    assert_eq!(census.alive(), 0);
}

#[test]
fn threads_that_have_entered_a_runtime_may_call_into_it() {
    for runtime in Elsewhere::both() {
        let log = Log::default();
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (handle, log) = (runtime.handle().clone(), log.clone());
                std::thread::spawn(move || {
                    let _inside = handle.enter();
                    (0..100)
                        .for_each(|number| drop(call_soon_threadsafe(log.note((thread, number)))));
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        until(|| log.so_far().len() == 800);
        for thread in 0..8 {
            let of_thread = log.so_far().into_iter().filter(|&(of, _)| of == thread);
            assert!(of_thread.map(|(_, number)| number).eq(0..100), "in the order of its calls");
        }
    }
}

#[test]
fn there_is_one_loop_for_all_threads_of_a_runtime() {
    let runtime = multi_thread();
    let tasks = || runtime.metrics().num_alive_tasks();
    runtime.block_on(async {
        let calls = (0..100).map(|_| tokio::spawn(async { drop(call_later(HOUR, || ())) }));
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
        drop(call_later(HOUR, || ()));
    });
    until(|| tasks() == 1);
}

#[test]
#[should_panic = "there is no reactor running"]
fn outside_of_a_runtime_there_is_no_loop() {
    call_later(SECOND, || ());
}

#[test]
fn a_runtime_without_timers_says_so_to_the_caller() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..2 {
        let call = || runtime.block_on(async { drop(call_later(SECOND, || ())) });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err());
    }
    runtime.block_on(turns());
}

#[test]
fn a_portal_calls_soon_later_and_in_order() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        for portal in [Portal::start(), Portal::current()] {
            let (sender, receiver) = channel();
            let send = |what| {
                let sender = sender.clone();
                move || sender.send(what).unwrap()
            };
            let now = Instant::now();
            portal.call_at(now + Duration::from_millis(2), send(3));
            portal.call_at(now + Duration::from_millis(1), send(2));
            portal.call_soon(send(1));
            let never = portal.call_later(HOUR, send(4));
            let got: Vec<_> = (0..3).map(|_| receiver.recv().unwrap()).collect();
            assert_eq!(got.len(), 3);
            assert!(never.cancel());
        }
    }
}

#[test]
fn a_portal_that_is_closed_drops_its_callbacks_and_those_that_come() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        for portal in [Portal::start(), Portal::current()] {
            let census = Census::default();
            let call = || {
                let token = census.token();
                portal.call_later(HOUR, move || drop(token))
            };
            let early = call();
            assert_eq!(census.alive(), 1);
            portal.close();
            let late = call();
            assert_eq!(census.alive(), 0);
            assert!(early.is_cancelled() && late.is_cancelled());
            assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
        }
        let other = call_later(HOUR, || ());
        assert!(other.cancel(), "the loop of the runtime is another");
    }
}

#[test]
fn a_portal_that_is_closed_by_a_callback_or_while_one_runs_begins_no_other() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        for portal in [Portal::start(), Portal::current()] {
            let ((started, has_started), (go, gone)) = (channel(), channel::<()>());
            let log = Log::default();
            let now = Instant::now();
            let first = portal.call_at(now, move || {
                started.send(()).unwrap();
                gone.recv().unwrap_err();
            });
            let second = portal.call_at(now, log.note(2));
            has_started.recv().unwrap();
            portal.close();
            assert!(second.is_cancelled() && !first.is_cancelled());
            drop(go);
            assert!(!first.cancel());
            assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
            assert!(log.so_far().is_empty());
        }
        let portal = Portal::current();
        let (log, inner) = (Log::default(), portal.clone());
        let (sender, receiver) = channel();
        portal.call_soon(move || {
            let after = inner.call_soon(log.note(1));
            inner.close();
            sender.send((after.is_cancelled(), log)).unwrap();
        });
        let (is_cancelled, log) = receiver.recv().unwrap();
        assert!(is_cancelled && log.so_far().is_empty());
    }
}

#[test]
fn a_runtime_that_is_long_gone_drops_what_it_is_given() {
    for make in [current_thread, multi_thread] {
        for used_before in [false, true] {
            let (runtime, census) = (make(), Census::default());
            if used_before {
                runtime.block_on(async { drop(call_soon_threadsafe(|| ())) });
            }
            let handle = runtime.handle().clone();
            drop(runtime);
            let _inside = handle.enter();
            for _ in 0..2 {
                let token = census.token();
                assert!(call_later(SECOND, move || drop(token)).is_cancelled());
                assert_eq!(census.alive(), 0);
            }
        }
    }
}

#[test]
fn a_callback_must_not_wait_for_a_task_of_its_runtime() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        let (sender, receiver) = channel();
        let portal = Portal::current();
        let inner = portal.clone();
        portal.call_soon(move || sender.send(inner.call(pending::<()>())).unwrap());
        let error = receiver.recv().unwrap().unwrap_err();
        assert!(matches!(error, tidegate_executor::WaitError::WouldDeadlock(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_is_shown_with_its_time() {
    let handle = call_later(SECOND, || ());
    handle.cancel();
    assert!(format!("{handle:?}").contains("is_cancelled: true"));
}
