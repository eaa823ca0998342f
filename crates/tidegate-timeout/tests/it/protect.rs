//! What goes on although nobody waits for it any more.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tidegate_test::{Cut, cut_everywhere};
use tidegate_timeout::{
    Deadline, Protected, checkpoint, current_scope, exit_stack, move_on_after, protect, shield,
    timeout, with,
};
use tokio::time::{Instant, sleep};

use crate::door::{Log, Stuck};
use crate::support::{breathe, ms, on_both, panic_of, paused, until};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn it_begins_at_the_call_and_goes_on_when_it_is_dropped() {
    on_both(|| async {
        let log = Log::default();
        for awaited in [true, false] {
            let inside = log.clone();
            let protected = protect(async move {
                breathe().await;
                inside.add("done");
                5
            });
            if awaited {
                assert_eq!(protected.await, 5);
            } else {
                drop(protected);
            }
        }
        until(|| log.lines() == ["done", "done"]).await;
    });
}

#[test]
fn it_sees_no_cancellation_and_no_deadline_of_the_scopes_around() {
    paused(async {
        let start = Instant::now();
        let late = timeout(ms(10), async {
            let asks = protect(async {
                assert!(Deadline::ambient() == Deadline::NEVER && current_scope().is_none());
                sleep(ms(100)).await;
                assert!(checkpoint().is_ok());
                5
            });
            assert_eq!(asks.await, 5);
            pending::<()>().await;
        });
        assert!(late.await.is_err());
        assert_eq!(start.elapsed(), ms(100), "the scope waited for it");
    });
}

#[test]
fn the_scope_where_it_was_called_waits_for_it_also_with_a_value() {
    on_both(|| async {
        let log = Log::default();
        let value = timeout(HOUR, async {
            let inside = log.clone();
            drop(protect(async move {
                breathe().await;
                inside.add("done");
            }));
            5
        });
        assert_eq!(value.await, Ok(5));
        assert!(log.has("done"));
    });
}

#[test]
fn the_grace_bounds_the_wait_and_then_the_scope_around_waits() {
    paused(async {
        let start = Instant::now();
        let outer = timeout(HOUR, async {
            let inner = timeout(ms(10), async {
                drop(protect(sleep(ms(100))));
                pending::<()>().await;
            });
            assert!(inner.grace(ms(20)).await.is_err());
            assert_eq!(start.elapsed(), ms(30));
        });
        assert_eq!(outer.await, Ok(()));
        assert_eq!(start.elapsed(), ms(100));
    });
}

#[test]
fn a_timeout_around_the_wait_ends_the_wait_alone() {
    paused(async {
        let start = Instant::now();
        let mut protected = protect(async {
            sleep(ms(100)).await;
            5
        });
        assert!(timeout(ms(10), &mut protected).await.is_err());
        assert_eq!((start.elapsed(), protected.is_finished()), (ms(10), false));
        assert_eq!(protected.await, 5);
        assert_eq!(start.elapsed(), ms(100));
    });
}

// B-A3: the wait given up a thousand times. What the task holds is as it was, and its end is reported once.
#[test]
fn giving_up_the_wait_again_and_again_leaves_nothing_behind() {
    paused(async {
        let held = Arc::new(());
        let kept = Arc::clone(&held);
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let mut inner = protect(async move {
            let _kept = kept;
            let _ = ended.await;
            Err::<(), _>("no")
        });
        let (_, waker) = tidegate_test::CountingWaker::new();
        for _ in 0..1000 {
            assert!(move_on_after(Duration::ZERO, &mut inner).await.is_none());
            let mut dropped = Box::pin(move_on_after(HOUR, &mut inner));
            assert!(tidegate_test::poll_with(dropped.as_mut(), &waker).is_pending());
        }
        let counter = Arc::new(tidegate_test::CountingWaker::default());
        let mine = std::task::Waker::from(Arc::clone(&counter));
        for _ in 0..1000 {
            assert!(tidegate_test::poll_with(std::pin::pin!(&mut inner), &mine).is_pending());
        }
        assert_eq!((Arc::strong_count(&held), Arc::strong_count(&counter)), (2, 3));
        end.send(()).unwrap();
        breathe().await;
        assert_eq!(counter.count(), 1, "one waker is kept, the newest");
        assert_eq!(inner.await, Err("no"));
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

#[test]
fn it_may_wait_for_the_exit_of_a_context_that_it_was_called_in() {
    on_both(|| async {
        let log = Log::default();
        let outcome = timeout(HOUR, async {
            with(log.door("a"), async |_| {
                let log = log.clone();
                drop(protect(async move {
                    until(|| log.has("a is shut")).await;
                    log.add("done");
                }));
                Ok::<_, Stuck>(5)
            })
            .await
        });
        assert_eq!(outcome.await, Ok(Ok(5)));
        assert!(log.has("done"), "the timeout waited");
    });
}

#[test]
fn it_may_wait_for_that_also_when_it_was_called_in_a_shield_or_in_an_exit() {
    on_both(|| async {
        let log = Log::default();
        let wait = || {
            let log = log.clone();
            drop(protect(async move {
                until(|| log.has("a is shut")).await;
                log.add("done");
            }));
        };
        let outcome = timeout(HOUR, async {
            with(log.door("a"), async |_| {
                shield(async { wait() }).await;
                exit_stack(async |stack| {
                    let log = log.clone();
                    stack.defer(move || async move {
                        drop(protect(async move { until(|| log.has("a is shut")).await }));
                    });
                    Ok::<_, Stuck>(5)
                })
                .await
            })
            .await
        });
        assert_eq!(outcome.await, Ok(Ok(5)));
        assert!(log.has("done"), "the timeout waited");
    });
}

// Each stands in the scope of the first, not in the shield of the one before.
#[test]
fn one_may_protect_the_next_without_end() {
    fn next(left: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            if left > 0 {
                tokio::task::yield_now().await;
                drop(protect(next(left - 1)));
            }
        })
    }
    on_both(|| async {
        assert_eq!(timeout(HOUR, async { protect(next(20_000)).await }).await, Ok(()));
    });
}

#[test]
fn a_panic_resumes_where_it_is_awaited_and_lets_the_scope_go() {
    async fn breaks() {
        breathe().await;
        panic!("out of cheese");
    }
    on_both(|| async {
        let value = timeout(HOUR, async {
            drop(protect(breaks()));
            panic_of(protect(breaks())).await
        });
        assert_eq!(value.await.unwrap(), "out of cheese");
    });
}

#[test]
fn it_is_done_wherever_the_wait_is_cut() {
    cut_everywhere(|cut: &Cut| {
        paused(async {
            let log = Log::default();
            let inside = log.clone();
            let value = timeout(HOUR, async {
                let work = protect(async move {
                    breathe().await;
                    inside.add("done");
                });
                let _ = cut.short(work).await;
            });
            assert_eq!(value.await, Ok(()));
            assert!(log.has("done"));
        });
    });
}

#[test]
fn without_its_runtime_there_is_nothing_to_wait_for() {
    let runtime = crate::support::paused_runtime();
    let protected: Protected<()> = {
        let _inside = runtime.enter();
        protect(pending())
    };
    assert_eq!(format!("{protected:?}"), "Protected { finished: false }");
    drop(runtime);
    let said = tidegate_test::block_on(panic_of(protected));
    assert_eq!(said, "the runtime of a protected future was shut down");
    let said = tidegate_test::block_on(panic_of(async { protect(async {}).await }));
    assert_eq!(said, "protecting a future needs a tokio runtime");
}
