//! A child, or the body, that is ready while something that it left behind still cleans up.

use std::time::Duration;

use tidegate_task_group::{BoxError, Policy, Ready, TaskError};
use tidegate_timeout::{Cancelled, exit_stack};
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout};

use crate::support::*;

/// Leaves something behind that cleans up until `gone` is; how long that took is seen by the clock, which is paused.
async fn leaves_behind(gone: Receiver<()>) {
    let context = exit_stack(async |exits| {
        exits.defer(async move || drop(timeout(HOUR, gone).await));
        forever::<()>().await
    });
    tokio::select! {
        biased;
        _ = context => unreachable!("it waits for ever"),
        () = breathe() => {}
    }
}

async fn waits_with(held: Sender<()>) -> Result<(), BoxError> {
    let _held = held;
    forever().await
}

fn at_once(test: impl Future<Output = ()>) {
    paused(async {
        let start = Instant::now();
        test.await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn the_first_failure_cancels_the_rest_although_the_child_has_left_something_behind() {
    at_once(async {
        let (held, gone) = channel();
        let errors = Group::scope(async |group| {
            drop(group.spawn(async {
                leaves_behind(gone).await;
                fails::<()>("boom").await
            }));
            drop(group.spawn(waits_with(held)));
            forever::<()>().await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["boom"]);
    });
}

#[test]
fn a_failed_body_cancels_the_children_although_it_has_left_something_behind() {
    for policy in [Policy::FailFast, Policy::Supervise, Policy::FirstSuccess] {
        at_once(async {
            let (held, gone) = channel();
            let errors = Group::builder()
                .policy(policy)
                .scope(async |group| {
                    drop(group.spawn(waits_with(held)));
                    leaves_behind(gone).await;
                    fails::<()>("boom").await
                })
                .await
                .unwrap_err();
            assert_eq!(messages(&errors), ["boom"]);
        });
    }
}

#[test]
fn the_first_success_ends_the_others_although_the_child_has_left_something_behind() {
    at_once(async {
        let (held, gone) = channel();
        let value = Group::builder()
            .policy(Policy::FirstSuccess)
            .scope(async |group| {
                let first = group.spawn(async {
                    leaves_behind(gone).await;
                    Ok(5)
                });
                drop(group.spawn(waits_with(held)));
                Ok(first.await?)
            })
            .await;
        assert_eq!(value.unwrap(), 5);
    });
}

#[test]
fn a_child_that_was_started_counts_from_when_it_is_ready() {
    for is_ready in [true, false] {
        paused(async {
            let (held, gone) = channel();
            let start = Instant::now();
            let errors = Group::scope(async |group| {
                drop(group.spawn(waits_with(held)));
                let started = group.start(move |ready: Ready<u32>| async move {
                    let mut ready = Some(ready);
                    if is_ready {
                        ready.take().into_iter().for_each(|ready| ready.set(5).unwrap());
                    }
                    leaves_behind(gone).await;
                    let _until_the_end = ready;
                    fails::<()>("boom").await
                });
                assert_eq!(started.await.is_ok(), is_ready);
                // Not ready, it concerns nobody else.
                assert_eq!(start.elapsed(), if is_ready { Duration::ZERO } else { HOUR });
                if is_ready { forever().await } else { fails::<()>("body").await }
            })
            .await
            .unwrap_err();
            assert_eq!(messages(&errors), [if is_ready { "boom" } else { "body" }]);
            assert_eq!(start.elapsed(), if is_ready { Duration::ZERO } else { HOUR });
        });
    }
}

#[test]
fn who_passes_a_cancellation_on_is_not_blamed_for_it_although_it_left_something_behind() {
    paused(async {
        let (held, gone) = channel();
        let start = Instant::now();
        let errors = Group::scope(async |group| {
            let passes = group.spawn(async {
                leaves_behind(gone).await;
                Err::<(), BoxError>(Cancelled::new("elsewhere".into()).into())
            });
            drop(group.spawn(waits_with(held)));
            assert_eq!(passes.await, Err(TaskError::Failed));
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["cancelled: elsewhere"]);
        assert_eq!(start.elapsed(), HOUR, "whether it has failed is known at its end");
    });
}
