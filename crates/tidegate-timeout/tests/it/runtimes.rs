//! Current-thread, multi-thread, a local set; and tokio's cooperative budget.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tidegate_timeout::{ScopeExt, cancel_scope, current_scope, move_on_after, shield, timeout};
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
