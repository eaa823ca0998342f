//! Current-thread, multi-thread, a local set; and tokio's cooperative budget.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tidegate_timeout::scope::{Ended, Run, Scope};
use tidegate_timeout::{
    CancelReason, Deadline, ScopeExt, cancel_scope, cancelled, checkpoint, current_scope,
    move_on_after, shield, shield_for, timeout, timeout_at,
};
use tokio::sync::Barrier;
use tokio::task::{LocalSet, consume_budget, spawn_local};
use tokio::time::Instant;

use crate::support::{ms, paused};

#[test]
fn timeouts_work_in_a_local_set() {
    paused(LocalSet::new().run_until(async {
        let local = std::rc::Rc::new(5);
        let task = spawn_local(async move {
            assert!(timeout(ms(10), pending::<()>()).await.is_err());
            *local
        });
        assert_eq!(task.await.unwrap(), 5);
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_on_several_threads_end_with_their_own_scopes() {
    let barrier = Arc::new(Barrier::new(20));
    let tasks: Vec<_> = (0..20)
        .map(|index| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                timeout(Duration::from_secs(3600), async {
                    let mine = current_scope().unwrap();
                    mine.extend(Duration::from_secs(index));
                    let deadline = mine.deadline();
                    for _ in 0..50 {
                        tokio::task::yield_now().await;
                        assert_eq!(current_scope().unwrap().deadline(), deadline);
                    }
                    barrier.wait().await;
                    assert_eq!(move_on_after(Duration::ZERO, pending::<()>()).await, None);
                    index
                })
                .await
            })
        })
        .collect();
    for (index, task) in (0..).zip(tasks) {
        assert_eq!(task.await.unwrap(), Ok(index));
    }
}

#[test]
fn a_body_that_uses_up_the_budget_still_times_out() {
    paused(async {
        let start = Instant::now();
        // Never pending but for the budget: the clock is moved by hand, since nobody is ever idle.
        let rounds = AtomicUsize::new(0);
        let busy = async {
            loop {
                consume_budget().await;
                if rounds.fetch_add(1, Ordering::Relaxed) == 500 {
                    tokio::time::advance(ms(100)).await;
                }
            }
        };
        assert!(timeout(ms(50), busy).await.is_err());
        assert_eq!(start.elapsed(), ms(100));
    });
}

#[test]
fn timeouts_in_a_loop_let_others_run() {
    paused(async {
        let others = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&others);
        let other = tokio::spawn(async move {
            loop {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..1000 {
            assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
        }
        assert!(others.load(Ordering::Relaxed) > 2, "a loop of elapsed timeouts gives way");
        other.abort();
    });
}

#[test]
fn scopes_without_a_deadline_work_on_any_executor() {
    let ended = tidegate_test::block_on(cancel_scope(async |scope| {
        let handle = scope.clone();
        let thread = std::thread::spawn(move || handle.cancel("from a thread"));
        shield(async { thread.join().unwrap() }).await;
        pending::<()>().await;
    }));
    assert!(ended.is_err());
}

#[test]
fn a_scope_is_taken_along_between_runtimes() {
    paused(async {
        let seen = timeout(ms(100), async {
            let body = async {
                let mut first = true;
                poll_fn(move |cx| {
                    if std::mem::take(&mut first) {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Poll::Ready(current_scope().map(|scope| scope.deadline()))
                })
                .await
            }
            .in_current_scope();
            let here = current_scope().unwrap().deadline();
            let there = std::thread::spawn(|| tidegate_test::block_on(body)).join().unwrap();
            (Some(here), there)
        });
        let (here, there) = seen.await.unwrap();
        assert_eq!(here, there);
    });
}

#[test]
fn hours_pass_in_no_time_on_a_paused_clock() {
    const HOUR: Duration = Duration::from_secs(3600);
    paused(async {
        let start = Instant::now();
        let at = |n: u32| assert_eq!(start.elapsed(), n * HOUR);
        assert!(timeout(HOUR, pending::<()>()).await.is_err());
        at(1);
        assert!(timeout_at(Instant::now() + HOUR, pending::<()>()).await.is_err());
        at(2);
        assert_eq!(move_on_after(HOUR, pending::<()>()).await, None);
        at(3);
        let cancelled = cancel_scope(async |scope| {
            scope.reschedule(Deadline::after(HOUR));
            pending::<()>().await;
        });
        assert!(cancelled.await.is_err());
        at(4);
        assert!(shield_for(HOUR, pending::<()>()).await.is_err());
        at(5);
        assert!(timeout(HOUR, shield(pending::<()>())).grace(HOUR).await.is_err());
        at(7);
        let scope = Scope::new().with_deadline(Deadline::after(HOUR)).with_grace(HOUR);
        let guard = scope.guard();
        assert!(matches!(scope.run(pending::<()>()).await, Ended::Cancelled(_)));
        drop(guard);
        at(9);
        let run = Run::new(async {
            current_scope().unwrap().reschedule(Deadline::after(HOUR));
            shield(pending::<()>()).await;
        });
        assert!(matches!(run.with_grace(HOUR).await, Ended::Cancelled(_)));
        at(11);
        assert!(timeout(HOUR, pending::<()>()).deadline_first().await.is_err());
        at(12);
    });
}

/// Things that live in scopes, none of which ends by itself.
fn live(scope: &Scope) -> Vec<Pin<Box<dyn Future<Output = ()> + Send>>> {
    let guard = scope.guard();
    vec![
        Box::pin(async { drop(timeout(ms(3_600_000), pending::<()>()).await) }),
        Box::pin(async { drop(timeout(ms(3_600_000), shield(pending::<()>())).await) }),
        Box::pin(async { drop(cancel_scope(async |_| pending::<()>().await).await) }),
        Box::pin(async { drop(Run::new(pending::<()>()).await) }),
        Box::pin(async { drop(cancelled().await) }),
        Box::pin(async {
            let _guard = guard;
            pending::<()>().await;
        }),
    ]
}

#[test]
fn a_runtime_that_goes_takes_what_lives_in_scopes_along() {
    let current = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let several = || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
    };
    for (name, runtime) in [("current-thread", current()), ("multi-thread", several())] {
        let scope = Scope::new();
        let work = timeout(ms(3_600_000), pending::<()>());
        let handle = work.handle();
        runtime.block_on(async {
            scope.enter(|| {
                for one in live(&scope) {
                    tokio::spawn(one.in_current_scope());
                }
                tokio::spawn(async { drop(work.await) }.in_current_scope());
            });
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        });
        drop(runtime);
        // No guard, no waker and no body is left, and what outlives them works.
        handle.cancel("too late");
        assert!(!handle.is_cancelled(), "{name}");
        scope.handle().cancel("enough");
        let ended = tidegate_test::block_on(scope.run(pending::<()>()));
        assert!(matches!(ended, Ended::Cancelled(_)), "{name}");
    }
}

#[test]
fn the_scopes_of_a_thread_are_there_until_its_last_destructor() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            assert!(checkpoint().is_ok() && current_scope().is_none());
            let inside = Scope::new();
            inside.handle().cancel("enough");
            assert!(inside.enter(checkpoint).is_err());
            let outcome = timeout(Duration::ZERO, async { current_scope().is_some() });
            assert_eq!(tidegate_test::block_on(outcome), Ok(true));
        }
    }
    thread_local! {
        static LAST: Last = const { Last };
    }
    std::thread::spawn(|| LAST.with(|_| assert!(Scope::new().enter(checkpoint).is_ok())))
        .join()
        .unwrap();
}

#[test]
fn a_body_that_spends_the_budget_each_time_times_out_at_every_depth() {
    paused(async {
        let greedy = || async {
            loop {
                consume_budget().await;
            }
        };
        // Time passes although nobody is idle.
        let clock = tokio::spawn(async {
            loop {
                tokio::time::advance(ms(1)).await;
                tokio::task::yield_now().await;
            }
        });
        let inner = timeout(ms(50), timeout(ms(100), greedy()));
        assert!(timeout(ms(200), inner).await.unwrap().is_err());
        let run = move_on_after(ms(50), Run::new(greedy()));
        assert!(matches!(run.await, Some(Ended::Cancelled(CancelReason::Deadline))));
        let scope = Scope::new().with_deadline(Deadline::after(ms(50)));
        assert!(matches!(scope.run(greedy()).await, Ended::Cancelled(CancelReason::Deadline)));
        assert!(timeout(ms(50), greedy()).deadline_first().await.is_err());
        assert!(timeout(ms(10), shield(greedy())).grace(ms(50)).await.is_err());
        clock.abort();
    });
}
