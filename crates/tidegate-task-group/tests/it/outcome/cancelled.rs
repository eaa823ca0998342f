//! Children that are aborted, and groups that somebody in them cancels.

use super::*;

#[test]
fn a_child_that_is_aborted_is_ignored_and_its_siblings_go_on() {
    on_both(|| async {
        let value = Group::scope(async |group| {
            let aborted = group.spawn(forever::<()>());
            let sibling = group.spawn(async {
                breathe().await;
                Ok(5)
            });
            breathe().await;
            aborted.abort();
            assert!(matches!(aborted.await, Err(TaskError::Cancelled(CancelReason::Explicit(_)))));
            Ok(sibling.await?)
        });
        assert_eq!(value.await.unwrap(), 5);
    });
}

#[test]
fn awaiting_a_child_that_was_cancelled_is_not_being_cancelled() {
    // B-G13
    on_both(|| async {
        Group::scope(async |group| {
            let child = group.spawn(forever::<()>());
            child.abort();
            assert!(matches!(child.await, Err(TaskError::Cancelled(_))));
            breathe().await;
            assert!(tidegate_timeout::checkpoint().is_ok());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn cancelling_the_group_from_a_child_ends_a_waiting_body() {
    on_both(|| async {
        let errors = Group::scope(async |group| {
            let canceller = group.clone();
            drop(group.spawn(async move {
                canceller.cancel("enough");
                Ok(())
            }));
            forever::<()>().await
        })
        .await
        .unwrap_err();
        assert!(errors.contains::<Cancelled>());
        assert_eq!(messages(&errors), ["cancelled: enough"]);
    });
}

#[test]
fn a_group_cancelled_after_its_body_had_ended_gives_the_bodys_value() {
    on_both(|| async {
        let alive = Alive::default();
        let child = alive.clone();
        let value = Group::scope(async move |group| {
            let canceller = group.clone();
            drop(group.spawn(async move {
                let _child = child;
                breathe().await;
                canceller.cancel("enough");
                forever::<()>().await
            }));
            Ok(5)
        });
        assert_eq!(value.await.unwrap(), 5);
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_body_that_cancels_its_group_and_returns_keeps_its_value() {
    on_both(|| async {
        let value = Group::scope(async |group| {
            group.cancel("enough");
            Ok(5)
        });
        assert_eq!(value.await.unwrap(), 5);
    });
}

#[test]
fn a_child_that_cancels_its_group_and_returns_keeps_its_value() {
    on_both(|| async {
        let (send, receive) = oneshot::channel();
        let result = Group::scope(async move |group| {
            let canceller = group.clone();
            let child = group.spawn(async move {
                canceller.cancel("enough");
                Ok(5)
            });
            let _ = send.send(child);
            forever::<()>().await
        });
        assert!(result.await.is_err());
        assert_eq!(receive.await.unwrap().await.unwrap(), 5);
    });
}

#[test]
fn errors_during_a_cancellation_are_reported() {
    on_both(|| async {
        let begun = Counter::default();
        let begins = begun.clone();
        let errors = Group::scope(async |group| {
            drop(group.spawn(async move {
                begins.add();
                tidegate_timeout::cancelled().await;
                fails::<()>("clean-up").await
            }));
            until(|| begun.get() == 1).await;
            group.cancel("enough");
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["clean-up"]);
    });
}

#[test]
fn a_child_that_cancels_the_group_at_its_first_poll_ends_it() {
    // B-G9
    on_both(|| async {
        let result = Group::scope(async |group| {
            let canceller = group.clone();
            drop(group.spawn(async move {
                canceller.cancel("at once");
                forever::<()>().await
            }));
            forever::<()>().await
        });
        assert_eq!(messages(&result.await.unwrap_err()), ["cancelled: at once"]);
    });
}

/// Looks whether it is cancelled each time that it is polled.
async fn watches() -> Result<(), BoxError> {
    loop {
        tokio::task::yield_now().await;
        checkpoint()?;
    }
}

#[test]
fn who_finds_out_that_it_was_cancelled_and_says_so_has_not_failed() {
    on_both(|| async {
        // A child and the body, which a sibling's failure cancels. They are polled once more.
        let mut kept = None;
        let outcome = Group::scope(async |group| {
            let child: Task<()> = group.spawn(watches());
            drop(group.spawn(async {
                breathe().await;
                fails::<()>("no paper").await
            }));
            kept = Some(child);
            watches().await
        });
        let outcome: Result<(), _> = outcome.await;
        assert_eq!(messages(&outcome.unwrap_err()), ["no paper"]);
        let why = CancelReason::SiblingFailed;
        assert_eq!(kept.unwrap().await, Err(TaskError::Cancelled(why)));

        // A child that is aborted, while nothing else is wrong.
        let outcome = Group::scope(async |group| {
            let child: Task<()> = group.spawn(watches());
            breathe().await;
            child.abort();
            assert!(matches!(child.await, Err(TaskError::Cancelled(_))));
            Ok(())
        });
        outcome.await.unwrap();

        // One that was cancelled by itself has failed.
        let outcome = Group::scope(async |group| {
            drop(group.spawn(async {
                cancel_scope(async |scope| {
                    scope.cancel("inside");
                    forever::<()>().await
                })
                .await?
            }));
            Ok(())
        });
        assert_eq!(messages(&outcome.await.unwrap_err()), ["cancelled: inside"]);
    });
}

#[test]
fn a_body_that_cancels_its_own_scope_ends_the_group_for_that_reason() {
    on_both(|| async {
        for policy in [Policy::FailFast, Policy::Supervise, Policy::FirstSuccess] {
            let alive = Alive::default();
            let result = Group::builder().policy(policy).scope(async |group| {
                let child = alive.clone();
                drop(group.spawn(async move {
                    let _child = child;
                    forever::<()>().await
                }));
                breathe().await;
                current_scope().unwrap().cancel("enough");
                forever::<()>().await
            });
            let errors = result.await.unwrap_err();
            assert_eq!(messages(&errors), ["cancelled: enough"], "{policy:?}");
            assert_eq!(alive.count(), 0, "{policy:?}");
        }
    });
}

#[test]
fn a_body_whose_own_deadline_has_passed_ends_the_group() {
    paused(async {
        let start = Instant::now();
        let result = Group::scope(async |group| {
            drop(group.spawn(forever::<()>()));
            current_scope().unwrap().reschedule(Deadline::after(SECOND));
            forever::<()>().await
        });
        assert_eq!(messages(&result.await.unwrap_err()), ["cancelled: the deadline passed"]);
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn who_collects_all_lets_children_finish_although_the_body_was_cancelled_alone() {
    on_both(|| async {
        let ended = Counter::default();
        let result = Group::builder().policy(Policy::CollectAll).scope(async |group| {
            let child = ended.clone();
            drop(group.spawn(async move {
                breathe().await;
                child.add();
                Ok(())
            }));
            current_scope().unwrap().cancel("enough");
            forever::<()>().await
        });
        assert_eq!(messages(&result.await.unwrap_err()), ["cancelled: enough"]);
        assert_eq!(ended.get(), 1);
    });
}
