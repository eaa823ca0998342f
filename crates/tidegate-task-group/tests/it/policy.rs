//! What a failure means under each policy.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;
use tidegate_task_group::{OnPanic, Policy, TaskError};
use tidegate_timeout::CancelReason;

use crate::support::*;

#[test]
fn fail_fast_tells_the_others_that_a_sibling_failed() {
    on_both(|| async {
        let result = Group::scope(async |group| {
            let sibling = group.spawn(forever::<()>());
            drop(group.spawn(fails::<()>("boom")));
            assert_eq!(tidegate_timeout::cancelled().await, CancelReason::SiblingFailed);
            assert_eq!(sibling.await, Err(TaskError::Cancelled(CancelReason::SiblingFailed)));
            Ok(())
        });
        assert_eq!(messages(&result.await.unwrap_err()), ["boom"]);
    });
}

#[test]
fn collect_all_lets_everybody_finish() {
    on_both(|| async {
        let ended = Counter::default();
        let errors = Group::builder()
            .policy(Policy::CollectAll)
            .scope(async |group| {
                drop(group.spawn(fails::<()>("one")));
                let counter = ended.clone();
                drop(group.spawn(async move {
                    breathe().await;
                    counter.add();
                    fails::<()>("two").await
                }));
                breathe().await;
                ended.add();
                fails::<()>("body").await
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["body", "one", "two"]);
        assert_eq!(ended.get(), 2);
    });
}

#[test]
fn supervise_counts_failures_and_goes_on() {
    on_both(|| async {
        let result = Group::builder()
            .policy(Policy::Supervise)
            .scope(async |group| {
                let good = group.spawn(async {
                    breathe().await;
                    Ok(5)
                });
                for _ in 0..10 {
                    let bad = group.spawn(fails::<()>("boom"));
                    assert_eq!(bad.await, Err(TaskError::Failed));
                }
                let five = good.await?;
                let statistics = group.statistics();
                assert_eq!((statistics.failed, statistics.succeeded), (10, 1));
                Ok(five)
            })
            .await;
        assert_eq!(result.unwrap(), 5);
    });
}

#[test]
fn a_body_that_passes_on_a_failure_that_nobody_reports_reports_that() {
    on_both(|| async {
        let builder = Group::builder().policy(Policy::Supervise);
        let errors = builder.scope(async |group| {
            let child = group.spawn(fails::<()>("not reported"));
            Ok(child.await?)
        });
        assert_eq!(messages(&errors.await.unwrap_err()), ["the task failed"]);
    });
}

#[test]
fn a_supervising_body_that_fails_cancels_its_children() {
    on_both(|| async {
        let builder = Group::builder().policy(Policy::Supervise);
        let errors = builder.scope(async |group| {
            drop(group.spawn(forever::<()>()));
            drop(group.spawn(fails::<()>("not reported")));
            breathe().await;
            fails::<()>("body").await
        });
        assert_eq!(messages(&errors.await.unwrap_err()), ["body"]);
    });
}

#[test]
fn supervise_says_nothing_about_panics() {
    on_both(|| async {
        for on_panic in [OnPanic::Capture, OnPanic::Propagate] {
            let builder = Group::builder().policy(Policy::Supervise).on_panic(on_panic);
            let group = builder.scope(async |group| {
                drop(
                    group.spawn(async { if true { resume_unwind(Box::new(())) } else { Ok(()) } }),
                );
                breathe().await;
                Ok(5)
            });
            let result = AssertUnwindSafe(group).catch_unwind().await;
            match on_panic {
                OnPanic::Capture => assert_eq!(result.unwrap().unwrap(), 5),
                _ => assert!(result.is_err()),
            }
        }
    });
}

#[test]
fn the_first_success_cancels_the_other_children_and_forgets_errors() {
    on_both(|| async {
        let alive = Alive::default();
        let result = Group::builder()
            .policy(Policy::FirstSuccess)
            .scope(async |group| {
                let bad = group.spawn(fails::<u32>("boom"));
                assert_eq!(bad.await, Err(TaskError::Failed));
                let slow = alive.clone();
                let slow = group.spawn(async move {
                    let _slow = slow;
                    forever::<u32>().await
                });
                let good = group.spawn(async {
                    breathe().await;
                    Ok(5)
                });
                assert!(matches!(slow.await, Err(TaskError::Cancelled(CancelReason::Explicit(_)))));
                let late = group.spawn(async { Ok(6) });
                assert!(matches!(late.await, Err(TaskError::Cancelled(_))));
                breathe().await;
                Ok(good.await?)
            })
            .await;
        assert_eq!(result.unwrap(), 5);
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn without_a_success_all_errors_are_reported() {
    on_both(|| async {
        let errors = Group::builder()
            .policy(Policy::FirstSuccess)
            .scope(async |group| {
                drop(group.spawn(fails::<()>("one")));
                drop(group.spawn(fails::<()>("two")));
                Ok(())
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["one", "two"]);
    });
}

#[test]
fn a_success_does_not_excuse_the_body() {
    on_both(|| async {
        let errors = Group::builder()
            .policy(Policy::FirstSuccess)
            .scope(async |group| {
                drop(group.spawn(fails::<()>("child")));
                group.spawn(async { Ok(()) }).await?;
                fails::<()>("body").await
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["body"]);
    });
}

#[test]
fn the_body_of_a_first_success_group_is_cancelled_with_the_group() {
    on_both(|| async {
        let result = Group::builder()
            .policy(Policy::FirstSuccess)
            .scope(async |group| {
                let canceller = group.clone();
                drop(group.spawn(async move {
                    canceller.cancel("enough");
                    forever::<()>().await
                }));
                forever::<()>().await
            })
            .await;
        assert_eq!(messages(&result.unwrap_err()), ["cancelled: enough"]);
    });
}
