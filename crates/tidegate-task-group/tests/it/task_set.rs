//! A set of tasks, and the stream of their results.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use tidegate_task_group::{SetTask, TaskError, TaskSet};
use tidegate_test::poll_once;
use tidegate_timeout::{CancelReason, cancel_scope, timeout};
use tokio::time::{Instant, sleep};

use crate::support::*;

async fn nap(millis: u64) -> u64 {
    sleep(Duration::from_millis(millis)).await;
    millis
}

async fn drain<T>(mut set: TaskSet<T>) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(result) = set.next().await {
        all.push(result.unwrap());
    }
    all
}

#[test]
fn results_come_as_tasks_end_or_in_the_order_of_spawning() {
    paused(async {
        for in_order in [false, true] {
            let set = if in_order { TaskSet::new().in_order() } else { TaskSet::new() };
            for millis in [30, 10, 20, 40] {
                set.spawn(nap(millis));
            }
            let expected = if in_order { [30, 10, 20, 40] } else { [10, 20, 30, 40] };
            assert_eq!(drain(set).await, expected);
        }
    });
}

#[test]
fn ten_thousand_tasks_all_deliver() {
    on_both(|| async {
        for in_order in [false, true] {
            let set = if in_order { TaskSet::new().in_order() } else { TaskSet::new() }.limit(100);
            for n in 0..10_000_u64 {
                set.spawn(async move {
                    if n % 3 == 0 {
                        tokio::task::yield_now().await;
                    }
                    n
                });
            }
            let mut all = drain(set).await;
            if !in_order {
                all.sort_unstable();
            }
            assert!(all.into_iter().eq(0..10_000));
        }
    });
}

#[test]
fn a_limit_lets_so_many_run_and_serves_the_others_in_order() {
    paused(async {
        let start = Instant::now();
        let set = TaskSet::new().limit(3);
        (0..10).for_each(|n| {
            set.spawn(async move {
                nap(10).await;
                n
            });
        });
        assert_eq!(drain(set).await, (0..10).collect::<Vec<_>>());
        assert_eq!(start.elapsed(), Duration::from_millis(40));
    });
}

#[test]
fn the_stream_ends_when_all_is_taken_and_goes_on_when_there_is_more() {
    paused(async {
        let mut set = TaskSet::new();
        assert_eq!(set.next().await, None);
        for n in 0..3 {
            set.spawn(async move { n });
            assert_eq!(set.next().await, Some(Ok(n)));
            assert_eq!(set.next().await, None);
        }
        set.close();
        set.spawn(async { 9 });
        let Some(Err(TaskError::Cancelled(why))) = set.next().await else { panic!("it is closed") };
        assert_eq!(why.to_string(), "the task set was closed");
        assert_eq!(set.next().await, None);
    });
}

#[test]
fn the_stream_waits_for_spawners_until_it_is_closed() {
    on_both(|| async {
        let mut set = TaskSet::new();
        let spawner = set.spawner();
        assert!(poll_once(pin!(set.next())).is_pending());
        let (child, again) = (spawner.clone(), spawner.clone());
        child.spawn(async move {
            again.spawn(async { 2 });
            1
        });
        drop(child);
        let mut got = [set.next().await, set.next().await].map(|it| it.unwrap().unwrap());
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
        let ends = tokio::spawn(async move { (set.next().await, set) });
        breathe().await;
        drop(spawner);
        let (end, set) = ends.await.unwrap();
        assert_eq!(end, None);

        let mut set = set;
        let _spawner = set.spawner();
        set.close();
        assert_eq!(set.next().await, None);
    });
}

#[test]
fn panics_and_aborts_are_results_like_others() {
    on_both(|| async {
        let mut set = TaskSet::<()>::new().in_order();
        set.spawn(async { panic!("out of cheese") });
        let early = set.spawn(std::future::pending());
        early.abort();
        let late = set.spawn(std::future::pending());
        breathe().await;
        late.abort();
        assert_eq!(
            set.next_with_id().await,
            Some((0, Err(TaskError::Panicked("out of cheese".into()))))
        );
        for id in [1, 2] {
            let (of, result) = set.next_with_id().await.unwrap();
            assert_eq!(of, id);
            assert!(matches!(result, Err(TaskError::Cancelled(CancelReason::Explicit(_)))));
        }
        assert_eq!(set.next().await, None);
        until(|| [&early, &late].into_iter().all(SetTask::is_finished)).await;
        early.abort();
    });
}

#[test]
fn a_cancelled_set_cleans_up_and_says_so() {
    on_both(|| async {
        let (begun, done) = (Counter::default(), Counter::default());
        let mut set = TaskSet::<()>::new().limit(1);
        let (begins, cleaned) = (begun.clone(), done.clone());
        set.spawn(async move { _ = cleans_up::<()>(begins, cleaned).await });
        set.spawn(async { unreachable!("its turn never comes") });
        until(|| begun.get() == 1).await;
        set.cancel("closing time");
        set.cancel("later");
        set.spawn(async { unreachable!("nobody gets in any more") });
        let mut results = Vec::new();
        while let Some(result) = set.next().await {
            results.push(result);
        }
        assert_eq!(results, vec![Err(TaskError::Cancelled("closing time".into())); 3]);
        assert_eq!(done.get(), 1);
    });
}

#[test]
fn a_set_that_is_dropped_cancels_its_tasks_and_the_scope_around_waits_for_them() {
    on_both(|| async {
        let (alive, begun, done) = (Alive::default(), Counter::default(), Counter::default());
        let (held, cleaned) = (alive.clone(), done.clone());
        cancel_scope(async move |_| {
            let mut set = TaskSet::new();
            for _ in 0..10 {
                let (held, begins, cleaned) = (held.clone(), begun.clone(), cleaned.clone());
                set.spawn(async move {
                    let _held = held;
                    _ = cleans_up::<()>(begins, cleaned).await;
                });
            }
            drop(held);
            until(|| begun.get() == 10).await;
            assert!(poll_once(pin!(set.next())).is_pending());
        })
        .await
        .unwrap();
        assert_eq!((alive.count(), done.get()), (0, 10));
    });
}

#[test]
fn a_timeout_around_ends_the_tasks_before_it_returns() {
    paused(async {
        let alive = Alive::default();
        let held = alive.clone();
        let late = timeout(SECOND, async move {
            let mut set = TaskSet::new();
            for _ in 0..3 {
                let held = held.clone();
                set.spawn(async move {
                    let _held = held;
                    sleep(HOUR).await;
                });
            }
            drop(held);
            set.next().await
        });
        assert!(late.await.is_err());
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_set_that_nobody_polls_does_not_keep_the_scope_around() {
    paused(async {
        let start = Instant::now();
        for spawned in [0, 3] {
            let late = timeout(SECOND, async move {
                let set = TaskSet::<()>::new();
                for _ in 0..spawned {
                    set.spawn(std::future::pending());
                }
                std::future::pending::<()>().await
            });
            assert!(late.await.is_err());
        }
        assert_eq!(start.elapsed(), 2 * SECOND);
    });
}

#[test]
fn who_takes_results_does_not_see_a_cancellation_from_around() {
    paused(async {
        let late = timeout(SECOND, async move {
            let mut set = TaskSet::new();
            set.spawn(nap(10));
            set.spawn(nap(10_000));
            set.spawn(async {
                let _: Result<(), _> = with_cleanup(sleep(SECOND)).await;
                0
            });
            let mut results = Vec::new();
            while let Some(result) = set.next().await {
                assert_eq!(result, Ok(10));
                results.push(result);
            }
            results
        });
        assert!(late.await.is_err());
    });
}

#[test]
fn what_was_ready_in_time_is_delivered_also_after_a_cancellation() {
    paused(async {
        let all = cancel_scope(async move |scope| {
            let mut set = TaskSet::new();
            (0..3).for_each(|n| drop(set.spawn(async move { n })));
            breathe().await;
            scope.cancel("too late");
            let mut sum = 0;
            while let Some(n) = set.next().await {
                sum += n.unwrap();
            }
            sum
        });
        assert_eq!(all.await, Ok(3));
    });
}

#[test]
fn results_that_nobody_takes_are_dropped_before_the_scope_returns() {
    on_both(|| async {
        let alive = Alive::default();
        let held = alive.clone();
        cancel_scope(async move |_| {
            let set = TaskSet::new();
            for n in 0..10 {
                let held = held.clone();
                set.spawn(async move {
                    if n % 2 == 0 {
                        breathe().await;
                    }
                    held
                });
            }
            tokio::task::yield_now().await;
        })
        .await
        .unwrap();
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_result_that_panics_when_dropped_disturbs_nobody() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    on_both(|| async {
        cancel_scope(async move |_| {
            let set = TaskSet::new();
            for n in 0..4 {
                set.spawn(async move {
                    if n % 2 == 0 {
                        breathe().await;
                    }
                    Grenade
                });
            }
            tokio::task::yield_now().await;
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_runtime_that_goes_away_delivers_that() {
    for runtime in runtimes() {
        let mut set = runtime.block_on(async {
            let set = TaskSet::<()>::new();
            set.spawn(std::future::pending());
            breathe().await;
            set.spawn(std::future::pending());
            set
        });
        drop(runtime);
        paused(async {
            for _ in 0..2 {
                let gone = TaskError::Cancelled(CancelReason::Shutdown);
                assert_eq!(set.next().await, Some(Err(gone)));
            }
            assert_eq!(set.next().await, None);
        });
        set.spawn(std::future::pending());
        assert!(matches!(set.try_next(), Some(Err(_))));
    }
}

#[test]
fn it_is_a_stream_for_everybody() {
    paused(async {
        let set = TaskSet::new();
        (0..5).for_each(|n| drop(set.spawn(async move { n })));
        let all: Vec<_> = set.map(Result::unwrap).take(3).collect().await;
        assert_eq!(all, [0, 1, 2]);
    });
}

#[test]
fn next_that_is_dropped_anywhere_loses_nothing() {
    on_both(|| async {
        for in_order in [false, true] {
            let mut set = if in_order { TaskSet::new().in_order() } else { TaskSet::new() };
            for n in 0..50_u64 {
                set.spawn(async move {
                    for _ in 0..n % 7 {
                        tokio::task::yield_now().await;
                    }
                    n
                });
            }
            let mut all = Vec::new();
            while !set.is_empty() {
                // Polled once, and dropped.
                if let Poll::Ready(Some(n)) = poll_once(pin!(set.next())) {
                    all.push(n.unwrap());
                }
                tokio::task::yield_now().await;
            }
            if !in_order {
                all.sort_unstable();
            }
            assert!(all.into_iter().eq(0..50));
        }
    });
}

#[test]
fn a_loop_over_a_full_set_lets_others_go() {
    paused(async {
        let mut set = TaskSet::new();
        (0..10_000).for_each(|n| drop(set.spawn(async move { n })));
        breathe().await;
        let passed = Counter::default();
        let other = passed.clone();
        tokio::spawn(async move { other.add() });
        while set.next().await.is_some() {
            if passed.get() > 0 {
                assert!(!set.is_empty(), "it went before the set was empty");
                return;
            }
        }
        panic!("nobody else got a turn");
    });
}

#[test]
#[should_panic(expected = "before the first task is spawned")]
fn the_order_cannot_be_changed_later() {
    paused(async {
        let set = TaskSet::new();
        set.spawn(async {});
        let _ = set.in_order();
    });
}

#[test]
#[should_panic(expected = "limit is zero")]
fn a_limit_of_zero_is_refused() {
    let _ = TaskSet::<()>::new().limit(0);
}

#[test]
fn a_task_that_blocks_gives_its_value_or_its_panic_and_is_told_of_a_cancellation() {
    paused(async {
        let mut set = TaskSet::new().in_order();
        set.spawn_blocking(|_| 1);
        set.spawn_blocking(|_| -> i32 { panic!("boom") });
        assert_eq!(set.next().await, Some(Ok(1)));
        assert_eq!(set.next().await, Some(Err(TaskError::Panicked("boom".into()))));

        let (began, begins) = tokio::sync::oneshot::channel();
        let task = set.spawn_blocking(move |cx| {
            began.send(()).unwrap();
            while !cx.is_cancelled() {
                std::thread::yield_now();
            }
            2
        });
        begins.await.unwrap();
        task.abort();
        let told = set.next().await.unwrap();
        assert!(matches!(told, Ok(2) | Err(TaskError::Cancelled(_))), "{told:?}");
        set.close();
        set.spawn_blocking(|_| unreachable!("it was closed"));
        assert!(matches!(set.next().await, Some(Err(TaskError::Cancelled(_)))));
        assert_eq!(set.next().await, None);
    });
}

#[test]
fn a_local_task_of_a_set_shares_what_is_not_for_other_threads() {
    let local = tokio::task::LocalSet::new();
    paused(local.run_until(async {
        let mut set = TaskSet::new().limit(1);
        let count = std::rc::Rc::new(std::cell::Cell::new(0));
        for n in 1..=3 {
            let count = count.clone();
            set.spawn_local(async move {
                tokio::task::yield_now().await;
                count.set(count.get() + n);
                count
            });
        }
        while let Some(result) = set.next().await {
            drop(result.unwrap());
        }
        assert_eq!((count.get(), std::rc::Rc::strong_count(&count)), (6, 1));
    }));
}

#[test]
fn a_local_task_without_a_thread_to_stay_on_counts_as_cancelled() {
    paused(async {
        let mut set = TaskSet::new();
        crate::support::blamed("LocalSet", || set.spawn_local(async { 1 }));
        assert_eq!(set.next().await, Some(Err(TaskError::Cancelled(CancelReason::Shutdown))));
        assert_eq!(set.next().await, None);
    });
}
