//! Cancellation and clean-up: guards, grace, shields, timeouts, nesting.

use std::time::Duration;

use tidegate_task_group::TaskError;
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{CancelReason, ScopeExt, cancel_scope, shield, timeout};
use tokio::time::{Instant, sleep};

use crate::support::*;

#[test]
fn children_clean_up_before_the_group_returns() {
    paused(async {
        let done = Counter::default();
        let start = Instant::now();
        let errors = Group::scope(async |group| {
            for seconds in 1..=3 {
                let done = done.clone();
                drop(group.spawn(with_cleanup(async move {
                    sleep(seconds * SECOND).await;
                    done.add();
                })));
            }
            breathe().await;
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["body"]);
        assert_eq!((done.get(), start.elapsed()), (3, 3 * SECOND));
    });
}

// It has left its end to that scope, and would be pending for ever.
#[test]
#[should_panic = "a group that a scope has ended is not polled outside of that scope"]
fn a_group_that_a_scope_has_ended_says_so_where_it_is_polled_again() {
    paused(async {
        let mut group =
            Box::pin(Group::scope(async |group| Ok(group.spawn(forever::<()>()).await?)));
        let _ = timeout(SECOND, &mut group).await;
        let _ = timeout(SECOND, group).await;
    });
}

#[test]
fn the_body_cleans_up_when_a_child_fails() {
    paused(async {
        let done = Counter::default();
        let start = Instant::now();
        let errors = Group::scope(async |group| {
            drop(group.spawn(fails::<()>("boom")));
            let done = done.clone();
            with_cleanup(async move {
                sleep(SECOND).await;
                done.add();
            })
            .await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["boom"]);
        assert_eq!((done.get(), start.elapsed()), (1, SECOND));
    });
}

#[test]
fn the_grace_of_the_group_bounds_the_clean_up() {
    paused(async {
        let (done, alive) = (Counter::default(), Alive::default());
        let start = Instant::now();
        let errors = Group::builder()
            .grace(2 * SECOND)
            .scope(async |group| {
                for time in [SECOND, HOUR] {
                    let (done, alive) = (done.clone(), alive.clone());
                    drop(group.spawn(with_cleanup(async move {
                        let _alive = alive;
                        sleep(time).await;
                        done.add();
                    })));
                }
                drop(group.spawn(async {
                    shield(sleep(HOUR)).await;
                    Ok(())
                }));
                breathe().await;
                fails::<()>("body").await
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["body"]);
        assert_eq!((done.get(), alive.count()), (1, 0));
        assert_eq!(start.elapsed(), 2 * SECOND);
    });
}

#[test]
fn the_grace_bounds_the_clean_up_of_the_body_too() {
    paused(async {
        let start = Instant::now();
        let errors = Group::builder()
            .grace(2 * SECOND)
            .scope(async |group| {
                drop(group.spawn(fails::<()>("boom")));
                with_cleanup(sleep(HOUR)).await
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["boom"]);
        assert_eq!(start.elapsed(), 2 * SECOND);
    });
}

#[test]
fn when_the_grace_around_is_over_the_children_drop_what_they_have() {
    paused(async {
        let alive = Alive::default();
        let start = Instant::now();
        // A group in a group: it is the inner one whose child does not end.
        let result = timeout(SECOND, async {
            let child = alive.clone();
            let _ = Group::scope(async |group| {
                drop(group.spawn(async {
                    let inner = Group::scope(async |group| {
                        drop(group.spawn(with_cleanup(async move {
                            let _child = child;
                            sleep(HOUR).await;
                        })));
                        forever::<()>().await
                    });
                    inner.await?;
                    Ok(())
                }));
                forever::<()>().await
            })
            .await;
        })
        .grace(SECOND);
        assert!(result.await.is_err());
        assert_eq!(start.elapsed(), 2 * SECOND);
        breathe().await;
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn when_the_grace_around_is_over_an_aborted_child_drops_what_it_has_too() {
    paused(async {
        let alive = Alive::default();
        let child = alive.clone();
        let result = timeout(SECOND, async {
            let _ = Group::scope(async |group| {
                let task = group.spawn(with_cleanup(async move {
                    let _child = child;
                    sleep(HOUR).await;
                }));
                breathe().await;
                task.abort();
                forever::<()>().await
            })
            .await;
        })
        .grace(SECOND);
        assert!(result.await.is_err());
        breathe().await;
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_second_cancellation_is_not_lost_on_a_stubborn_child() {
    // B-G16: escalation is what a grace is for.
    paused(async {
        let start = Instant::now();
        let result = timeout(SECOND, async {
            let _ = Group::builder()
                .grace(10 * SECOND)
                .scope(async |group| {
                    drop(group.spawn(with_cleanup(sleep(HOUR))));
                    breathe().await;
                    group.cancel("enough");
                    forever::<()>().await
                })
                .await;
            unreachable!("the scope around takes over");
        });
        assert!(result.await.is_err());
        assert_eq!(start.elapsed(), 10 * SECOND);
    });
}

#[test]
fn who_cancels_from_around_is_heard_while_a_stubborn_child_has_its_grace() {
    // B-G16
    on_both(|| async {
        let (alive, begun) = (Alive::default(), Counter::default());
        let around = cancel_scope(async |scope| {
            let group = Group::builder().grace(Duration::from_millis(1)).scope(async |group| {
                let (held, begins) = (alive.clone(), begun.clone());
                drop(group.spawn(async move {
                    let _held = held;
                    let stubborn = with_cleanup(std::future::pending());
                    tokio::join!(biased; stubborn, async { begins.add() }).0
                }));
                until(|| begun.get() > 0).await;
                group.cancel("enough");
                scope.cancel("now");
                forever::<()>().await
            });
            let _ = group.await;
            unreachable!("the scope around takes over");
        });
        assert_eq!(around.await.unwrap_err().reason(), CancelReason::from("now"));
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_group_in_a_timeout_in_a_shield_ends_by_the_timeout_alone() {
    paused(async {
        let alive = Alive::default();
        let start = Instant::now();
        let outer = timeout(SECOND, async {
            let child = alive.clone();
            shield(async move {
                let inner = timeout(3 * SECOND, async move {
                    let _ = Group::scope(async |group| {
                        drop(group.spawn(async move {
                            let _child = child;
                            forever::<()>().await
                        }));
                        forever::<()>().await
                    })
                    .await;
                });
                assert!(inner.await.is_err());
            })
            .await;
            sleep(HOUR).await;
        });
        assert!(outer.await.is_err());
        assert_eq!(start.elapsed(), 3 * SECOND);
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn children_are_cancelled_although_the_body_is_shielded() {
    // trio 38, anyio #642
    paused(async {
        let start = Instant::now();
        let mut child_ended = None;
        let outer = timeout(SECOND, async {
            let _ = Group::scope(async |group| {
                let child = group.spawn(forever::<()>());
                shield(async {
                    assert_eq!(child.await, Err(TaskError::Cancelled(CancelReason::Deadline)));
                    child_ended = Some(start.elapsed());
                    sleep(5 * SECOND).await;
                })
                .await;
                Ok(())
            })
            .await;
            sleep(HOUR).await;
        });
        assert!(outer.await.is_err());
        assert_eq!(child_ended, Some(SECOND));
        assert_eq!(start.elapsed(), 6 * SECOND);
    });
}

#[test]
fn who_shields_the_body_sees_children_that_were_cancelled_from_around() {
    // trio 38, anyio #642
    on_both(|| async {
        let ended = Counter::default();
        let around = cancel_scope(async |scope| {
            let group = Group::scope(async |group| {
                let child = group.spawn(forever::<()>());
                breathe().await;
                scope.cancel("enough");
                shield(async {
                    let why = CancelReason::from("enough");
                    assert_eq!(child.await, Err(TaskError::Cancelled(why)));
                    breathe().await;
                    ended.add();
                })
                .await;
                forever::<()>().await
            });
            let _ = group.await;
            unreachable!("the scope around takes over");
        });
        assert!(around.await.is_err());
        assert_eq!(ended.get(), 1);
    });
}

#[test]
fn a_shielded_child_finishes_and_is_waited_for() {
    paused(async {
        let done = Counter::default();
        let start = Instant::now();
        let errors = Group::scope(async |group| {
            let counter = done.clone();
            drop(group.spawn(async move {
                shield(async {
                    sleep(SECOND).await;
                    counter.add();
                })
                .await;
                forever::<()>().await
            }));
            breathe().await;
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["body"]);
        assert_eq!((done.get(), start.elapsed()), (1, SECOND));
    });
}

#[test]
fn a_cancellation_flows_down_nested_groups_and_they_end_inside_out() {
    on_both(|| async {
        let alive = Alive::default();
        let scope = tidegate_timeout::scope::Scope::new();
        let handle = scope.handle();
        let (body, all) = (alive.clone(), alive.clone());
        let run = tokio::spawn(scope.run(async move {
            let _ = nest(5, body).await;
        }));
        until(|| all.count() >= 7).await;
        drop(all);
        handle.cancel("enough");
        assert!(matches!(run.await.unwrap(), tidegate_timeout::scope::Ended::Cancelled(_)));
        assert_eq!(alive.count(), 0);
    });
}

/// A group in a child of a group in a child of a group …
fn nest(
    depth: u32,
    alive: Alive,
) -> std::pin::Pin<Box<dyn Future<Output = Result<(), tidegate_task_group::BoxError>> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            return forever().await;
        }
        Group::scope(async move |group| {
            let below = alive.clone();
            drop(group.spawn(async move { nest(depth - 1, below).await }));
            let _alive = alive;
            forever().await
        })
        .await?;
        Ok(())
    })
}

#[test]
fn a_timeout_inside_a_child_is_the_childs_own_affair() {
    paused(async {
        let value = Group::scope(async |group| {
            let child = group.spawn(async { Ok(timeout(SECOND, forever::<()>()).await.is_err()) });
            Ok(child.await?)
        });
        assert!(value.await.unwrap());
    });
}

#[test]
fn the_first_reason_stays() {
    // trio 33
    on_both(|| async {
        let errors = Group::scope(async |group| {
            group.cancel("first");
            group.cancel("second");
            assert_eq!(tidegate_timeout::cancelled().await, CancelReason::from("first"));
            forever::<()>().await
        });
        assert_eq!(messages(&errors.await.unwrap_err()), ["cancelled: first"]);
    });
}

#[test]
fn a_group_in_a_scope_that_drops_nothing_reports_its_cancellation() {
    paused(async {
        // In a task that was carried into a scope.
        let carried = timeout(SECOND, async {
            let body = Group::scope(async |group| {
                drop(group.spawn(forever::<()>()));
                forever::<()>().await
            });
            shield(tokio::spawn(body.in_current_scope())).await.unwrap()
        });
        let errors = timeout(HOUR, carried).await.unwrap().unwrap().unwrap_err();
        assert_eq!(errors.len(), 1);

        // Below a timeout of its own there, which does not end by a cancellation from around either.
        let scope = Scope::new();
        let group = scope.enter(|| {
            timeout(2 * HOUR, Group::scope(async |_| forever::<()>().await)).in_current_scope()
        });
        let task = tokio::spawn(group);
        breathe().await;
        scope.handle().cancel("enough");
        let ended = timeout(HOUR, task).await.expect("within the hour").unwrap();
        assert_eq!(messages(&ended.unwrap().unwrap_err()), ["cancelled: enough"]);
    });
}

#[test]
fn a_group_in_the_job_of_a_thread_reports_the_cancellation_of_the_job() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let scope = Scope::new();
    scope.handle().cancel("enough");
    let errors = scope.enter(|| {
        runtime.block_on(Group::scope(async |group| {
            drop(group.spawn(forever::<()>()));
            forever::<()>().await
        }))
    });
    assert_eq!(messages(&errors.unwrap_err()), ["cancelled: enough"]);
}
