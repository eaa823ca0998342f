//! Who may wait for whom.

use std::time::Duration;

use tidegate_executor::{BlockingFuture, Portal, WaitError, run_coroutine_threadsafe};
use tokio::runtime::Handle;
use tokio::task::{block_in_place, spawn_blocking};

use crate::support::{Elsewhere, current_thread, multi_thread};

fn ask() -> BlockingFuture<u32> {
    run_coroutine_threadsafe(async { 5 }, &Handle::current())
}

/// A task that has not ended, on whatever thread it may run.
fn ask_for_ever() -> BlockingFuture<()> {
    run_coroutine_threadsafe(std::future::pending(), &Handle::current())
}

/// The line in which it would have waited; no task has ended yet.
fn refused<T>(result: Result<T, WaitError>) -> u32 {
    match result {
        Err(WaitError::WouldDeadlock(place)) => {
            assert_eq!(place.file(), file!());
            place.line()
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[test]
fn code_of_a_runtime_must_not_wait_for_a_task_of_it() {
    let waits = || async {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let future = run_coroutine_threadsafe(receiver, &Handle::current());
        assert_eq!(refused(future.result_timeout(Duration::from_secs(60))), line!());
        assert_eq!(refused(ask_for_ever().result()), line!());
        sender.send(5).unwrap();
        assert_eq!(future.await, Ok(Ok(5)), "the task goes on");
    };
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(waits());
        // A multi-thread runtime's task runs on a worker.
        runtime.block_on(async { tokio::spawn(waits()).await.unwrap() });
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, waits());
    }
}

#[test]
fn a_result_that_is_there_may_be_taken_anywhere() {
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            let future = ask();
            while !future.is_done() {
                tokio::task::yield_now().await;
            }
            assert_eq!(future.result(), Ok(5));
        });
    }
}

#[test]
fn a_task_that_has_used_up_its_budget_must_not_wait() {
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            while tokio::task::coop::has_budget_remaining() {
                let mut consume = std::pin::pin!(tokio::task::consume_budget());
                let _ = tidegate_test::poll_once(consume.as_mut()).is_ready();
            }
            refused(ask_for_ever().result());
        });
    }
}

#[test]
fn asking_takes_nothing_of_the_budget() {
    fn left() -> usize {
        let consume = || tidegate_test::poll_once(std::pin::pin!(tokio::task::consume_budget()));
        (0..1000).take_while(|_| consume().is_ready()).count()
    }
    for runtime in [current_thread(), multi_thread()] {
        let before = runtime.block_on(async { left() });
        let after = runtime.block_on(async {
            refused(ask_for_ever().result());
            left()
        });
        assert!(before > 0);
        assert_eq!(after, before);
    }
}

#[test]
fn blocking_code_of_a_runtime_may_wait() {
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            assert_eq!(spawn_blocking(|| ask().result()).await.unwrap(), Ok(5));
        });
    }
    multi_thread().block_on(async {
        assert_eq!(tokio::spawn(async { block_in_place(|| ask().result()) }).await.unwrap(), Ok(5));
    });
    let runtime = Elsewhere::of(current_thread());
    let _entered = runtime.handle().enter();
    assert_eq!(ask().result(), Ok(5), "only entered");
}

// trio #2191, anyio #525: not whether there is a runtime, but whether it is this one.
#[test]
fn code_of_one_runtime_may_wait_for_another() {
    for runtime in Elsewhere::both() {
        for here in [current_thread(), multi_thread()] {
            let handle = runtime.handle().clone();
            let waits = async move { run_coroutine_threadsafe(async { 5 }, &handle).result() };
            assert_eq!(here.block_on(waits), Ok(5));
        }
    }
}

#[test]
fn the_last_one_in_a_circle_of_runtimes_is_refused() {
    let (one, two, three) = (Portal::start(), Portal::start(), Portal::start());
    for _ in 0..100 {
        let (first, second, third) = (one.clone(), two.clone(), three.clone());
        let innermost = async move { first.call(async { 1 }) };
        let inner = async move { third.call(innermost) };
        let outer = async move { second.call(inner) };
        let result = one.call(outer);
        // However fast the others are, it is known who waits.
        assert!(matches!(result, Ok(Ok(Ok(Err(WaitError::WouldDeadlock(_)))))), "{result:?}");
    }
    // The three are as good as before.
    for portal in [one, two, three] {
        assert_eq!(portal.call(async { 7 }), Ok(7));
    }
}

#[test]
fn who_has_waited_may_be_waited_for() {
    let (one, two) = (Portal::start(), Portal::start());
    for _ in 0..3 {
        let other = two.clone();
        assert_eq!(one.call(async move { other.call(async { 1 }) }), Ok(Ok(1)));
        let other = one.clone();
        assert_eq!(two.call(async move { other.call(async { 2 }) }), Ok(Ok(2)));
    }
}

// Who waits is free as soon as there is a result, not when the thread has noticed.
#[test]
fn who_has_a_result_may_be_waited_for_though_it_sleeps_yet() {
    let (one, two) = (Portal::start(), Portal::start());
    for _ in 0..200 {
        let (first, second) = (one.clone(), two.clone());
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let called_back = two.spawn(async move {
            gone.await.unwrap_err();
            first.call(async { 7 })
        });
        let calls = one.spawn(async move { second.call(async move { drop(go) }) });
        assert_eq!(called_back.result(), Ok(Ok(7)));
        assert_eq!(calls.result(), Ok(Ok(())));
    }
}

#[test]
fn who_gave_a_wait_up_may_be_waited_for() {
    let (one, two) = (Portal::start(), Portal::start());
    let (first, second) = (one.clone(), two.clone());
    let stopped = one.call(async move {
        let slow = second.spawn(std::future::pending::<()>());
        assert_eq!(slow.result_timeout(Duration::from_millis(1)), Err(WaitError::Timeout));
        // Kept: it is not the end of the future that ends the wait.
        (slow, 5)
    });
    let (slow, _) = stopped.unwrap();
    assert_eq!(two.call(async move { first.call(async { 7 }) }), Ok(Ok(7)));
    assert!(slow.cancel());
}

fn one_worker() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_time().build().unwrap()
}

/// Not before somebody waits for it.
async fn soon() -> u32 {
    tokio::time::sleep(Duration::from_millis(5)).await;
    5
}

#[test]
fn a_circle_through_all_workers_of_two_runtimes_is_refused_once() {
    let (one, two) = (one_worker(), multi_thread());
    let (one, two) = (one.handle(), two.handle());
    for _ in 0..50 {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (inside, are_inside) = std::sync::mpsc::channel();
        // Both workers of the second wait for the first, whose only worker waits for the second.
        for _ in 0..2 {
            let (sender, inside, back) = (sender.clone(), inside.clone(), one.clone());
            let waits = async move {
                let (go, gone) = std::sync::mpsc::channel::<()>();
                inside.send(go).unwrap();
                gone.recv().unwrap_err();
                sender.send(run_coroutine_threadsafe(async { 1 }, &back).result()).unwrap();
            };
            drop(run_coroutine_threadsafe(waits, two));
        }
        let there = two.clone();
        let waits = async move {
            let go = [(); 2].map(|()| are_inside.recv().unwrap());
            drop(go);
            sender.send(run_coroutine_threadsafe(async { 1 }, &there).result()).unwrap();
        };
        drop(run_coroutine_threadsafe(waits, one));
        let got: Vec<_> = (0..3).map(|_| receiver.recv().unwrap()).collect();
        let refused = got.iter().filter(|it| matches!(it, Err(WaitError::WouldDeadlock(_))));
        assert_eq!(refused.count(), 1, "{got:?}");
        assert_eq!(got.iter().filter(|it| **it == Ok(1)).count(), 2, "{got:?}");
    }
}

#[test]
fn a_runtime_with_a_worker_to_spare_may_be_waited_for() {
    let (one, two) = (Portal::start(), multi_thread());
    let (inner, there) = (one.clone(), two.handle().clone());
    let result = two.block_on(async move {
        let waits = async move {
            let back = there.clone();
            inner.call(async move { run_coroutine_threadsafe(soon(), &back).result() })
        };
        tokio::spawn(waits).await.unwrap()
    });
    assert_eq!(result, Ok(Ok(5)));
}

#[test]
fn what_block_on_polls_keeps_no_worker_from_work() {
    let (portal, runtime) = (Portal::start(), one_worker());
    let back = runtime.handle().clone();
    let result = runtime.block_on(async {
        portal.call(async move { run_coroutine_threadsafe(soon(), &back).result() })
    });
    assert_eq!(result, Ok(Ok(5)));
}

#[test]
fn a_thread_that_polled_another_task_in_between_still_polls_its_own() {
    let (portal, runtime) = (Portal::start(), Elsewhere::of(multi_thread()));
    let (give, given) = std::sync::mpsc::channel::<BlockingFuture<()>>();
    let (tell, told) = std::sync::mpsc::channel();
    let task = async move {
        block_in_place(|| {
            let inner = current_thread();
            let five = run_coroutine_threadsafe(async { 5 }, inner.handle());
            assert_eq!(inner.block_on(five), Ok(5));
        });
        tell.send(portal.call(async move { given.recv().unwrap().result() })).unwrap();
    };
    give.send(run_coroutine_threadsafe(task, runtime.handle())).unwrap();
    let refused = told.recv().unwrap();
    assert!(matches!(refused, Ok(Err(WaitError::WouldDeadlock(_)))), "{refused:?}");
}

#[test]
fn a_callback_must_not_wait_for_the_result_that_it_is_shown() {
    let portal = Portal::start();
    let future = std::sync::Arc::new(portal.spawn(async { 5 }));
    while !future.is_done() {
        std::thread::yield_now();
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    // On this thread, which is no runtime's.
    let again = std::sync::Arc::clone(&future);
    future.on_done(move |_| sender.send(again.result_timeout(Duration::MAX)).unwrap());
    refused(receiver.recv().unwrap());
    assert_eq!(future.result_timeout(Duration::MAX), Ok(5));
}

#[test]
fn a_blocking_job_of_a_portal_must_not_wait_for_its_thread() {
    let (portal, (sender, receiver)) = (Portal::start(), std::sync::mpsc::channel());
    let inner = portal.clone();
    let job = move || sender.send(inner.shutdown(Duration::MAX)).unwrap();
    portal.call(async { drop(spawn_blocking(job)) }).unwrap();
    refused(receiver.recv().unwrap());
    assert!(portal.shutdown(Duration::MAX).unwrap().is_clean());
}

#[test]
fn the_error_names_the_place() {
    let error = current_thread().block_on(async { ask_for_ever().result().unwrap_err() });
    assert!(error.to_string().contains("deadlock.rs:"), "{error}");
}
