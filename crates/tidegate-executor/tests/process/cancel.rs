use std::time::Duration;

use tidegate_executor::process::ProcessError;
use tidegate_executor::process_fn;
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{CancelReason, cancel_scope, timeout};

use crate::support::{add, begun, exists, file, hang, pool, quiet, until};

#[tokio::test]
async fn dropping_a_call_kills_its_worker_and_the_next_call_has_another() {
    let pool = pool(1).await;
    let path = file("dropped");
    let call = tokio::spawn(pool.run(hang, (path.clone(),)));
    let id = begun(&path).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    assert!(!exists(id));
    assert_eq!(pool.statistics().started, 2);
}

#[tokio::test]
async fn a_deadline_ends_the_process_before_it_is_reported() {
    let pool = pool(1).await;
    let path = file("deadline");
    // Begins, or else is over before: either way nobody is left.
    let late = timeout(Duration::from_millis(200), pool.run(hang, (path.clone(),))).await;
    late.unwrap_err();
    if let Ok(id) = std::fs::read_to_string(&path) {
        assert!(id.is_empty() || !exists(id.parse().unwrap()));
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
}

#[tokio::test]
async fn a_cancelled_scope_waits_until_the_process_is_gone() {
    let pool = pool(1).await;
    let path = file("scope");
    let id = std::sync::atomic::AtomicU32::new(0);
    let scoped = cancel_scope(async |scope| {
        let canceller = async {
            id.store(begun(&path).await, std::sync::atomic::Ordering::SeqCst);
            scope.cancel("enough");
            std::future::pending::<()>().await;
        };
        tokio::join!(pool.run(hang, (path.clone(),)), canceller).0
    });
    scoped.await.unwrap_err();
    let id = id.into_inner();
    assert!(id != 0 && !exists(id));
}

#[tokio::test]
async fn a_call_that_is_polled_in_a_scope_by_hand_is_over_when_the_process_is() {
    let pool = pool(1).await;
    let scope = Scope::new();
    let path = file("by-hand");
    let mut call = Box::pin(pool.run(hang, (path.clone(),)));
    let mut inside = std::future::poll_fn(|cx| scope.enter(|| call.as_mut().poll(cx)));
    let id = tokio::select! {
        ended = &mut inside => panic!("{ended:?}"),
        id = begun(&path) => id,
    };
    scope.handle().cancel("enough");
    assert!(matches!(inside.await, Err(ProcessError::Cancelled(_))));
    assert!(!exists(id));
}

#[tokio::test]
async fn a_call_that_leaves_the_line_costs_nothing() {
    let pool = pool(1).await;
    let path = file("line");
    let first = tokio::spawn(pool.run(hang, (path.clone(),)));
    begun(&path).await;
    let waiting = tokio::spawn(pool.run(add, (1, 2)));
    until(|| pool.statistics().waiting == 1).await;
    waiting.abort();
    assert!(waiting.await.is_err());
    assert_eq!(pool.statistics().waiting, 0);
    assert!(!first.is_finished());
    first.abort();
    drop(first.await);
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
}

#[tokio::test]
async fn a_call_that_was_never_polled_starts_nothing() {
    let pool = pool(1).await;
    drop(pool.run(hang, (file("never"),)));
    let statistics = pool.statistics();
    assert_eq!((statistics.workers, statistics.idle, statistics.started), (1, 1, 1));
}

/// Polls once, so that a call gets as far as it can without anybody else.
async fn begin<F: Future + Unpin>(call: &mut F) {
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        assert!(std::pin::Pin::new(&mut *call).poll(cx).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    assert_eq!(polls, 1);
}

#[tokio::test]
async fn a_worker_whose_start_nobody_waits_for_goes_to_the_next_call() {
    let pool = quiet(1).max_tasks_per_child(1).build().await.unwrap();
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    until(|| pool.statistics().workers == 0).await;
    let mut call = Box::pin(pool.run(add, (1, 2)));
    begin(&mut call).await;
    drop(call);
    assert_eq!(pool.run(add, (2, 2)).await, Ok(4));
    assert_eq!(pool.statistics().started, 2);
}

/// Polls as often as it is woken, but no more than `polls` times; whether that was the end of it.
async fn at_most<F: Future>(polls: usize, future: F) -> bool {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |cx| {
        if left == 0 {
            return std::task::Poll::Ready(false);
        }
        left -= 1;
        let poll = future.as_mut().poll(cx).map(|_| true);
        // Otherwise the last look would wait for a wake.
        if poll.is_pending() && left == 0 { std::task::Poll::Ready(false) } else { poll }
    })
    .await
}

#[tokio::test]
async fn a_call_can_be_dropped_after_any_number_of_polls() {
    let pool = quiet(1).max_tasks_per_child(2).build().await.unwrap();
    for round in 0..5 {
        let mut polls = 0;
        while !at_most(polls, pool.run(add, (1, 2))).await {
            polls += 1;
            assert!(pool.statistics().workers <= 1);
            if round % 2 == 0 {
                assert_eq!(pool.run(add, (polls as u64, 1)).await, Ok(polls as u64 + 1));
            }
        }
    }
    until(|| pool.statistics().workers == pool.statistics().idle).await;
}

#[tokio::test]
async fn a_build_and_a_shutdown_can_be_dropped_after_any_number_of_polls() {
    let mut polls = 0;
    while !at_most(polls, quiet(1).build()).await {
        polls += 1;
    }
    let pool = pool(1).await;
    let mut polls = 0;
    while !at_most(polls, pool.shutdown(Duration::MAX)).await {
        polls += 1;
    }
    assert_eq!(pool.statistics().workers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_stands_still_during_a_call() {
    process_fn! { fn nap() { std::thread::sleep(Duration::from_millis(30)) } }
    let before = tokio::time::Instant::now();
    let pool = timeout(Duration::from_millis(1), pool(1)).await.unwrap();
    timeout(Duration::from_millis(1), pool.run(nap, ())).await.unwrap().unwrap();
    timeout(Duration::from_millis(1), pool.shutdown(Duration::MAX)).await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_call_to_a_closed_pool_is_cancelled() {
    let pool = pool(1).await;
    assert_eq!(pool.shutdown(Duration::MAX).await, 0);
    let cancelled = Err(ProcessError::Cancelled(CancelReason::Shutdown));
    assert_eq!(pool.run(add, (1, 2)).await, cancelled);
}
