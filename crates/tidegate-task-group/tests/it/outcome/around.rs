//! The scope around is cancelled.

use super::*;

#[test]
fn an_outer_cancellation_cancels_the_children_and_is_left_to_the_outer_scope() {
    // trio 38: cancelled while it waits for its children.
    paused(async {
        let alive = Alive::default();
        for body_waits in [false, true] {
            let child = alive.clone();
            let result = timeout(SECOND, async {
                let group = Group::scope(async |group| {
                    drop(group.spawn(async move {
                        let _child = child;
                        forever::<()>().await
                    }));
                    if body_waits { forever().await } else { Ok(()) }
                });
                let _ = group.await;
                unreachable!("the scope around takes over");
            });
            assert!(result.await.is_err());
            assert_eq!(alive.count(), 0, "the timeout reported after the child had ended");
        }
    });
}

#[test]
fn an_outer_cancellation_and_a_childs_error_are_both_reported() {
    // B-G5
    paused(async {
        let mut seen = None;
        let result = timeout(SECOND, async {
            let group = Group::scope(async |group| {
                drop(group.spawn(async {
                    tidegate_timeout::cancelled().await;
                    fails::<()>("clean-up").await
                }));
                forever::<()>().await
            });
            seen = Some(messages(&group.await.unwrap_err()));
            sleep(HOUR).await;
        });
        assert!(result.await.is_err(), "the cancellation is still there at the next await");
        assert_eq!(seen.unwrap(), ["clean-up"]);
    });
}

#[test]
fn a_value_that_is_ready_survives_an_outer_cancellation() {
    on_both(|| async {
        let scope = tidegate_timeout::scope::Scope::new();
        let handle = scope.handle();
        let run = scope.run(async move {
            Group::scope(async |group| {
                let child = group.spawn(async { Ok(5) });
                let five = child.await?;
                handle.cancel("too late");
                Ok(five)
            })
            .await
        });
        let tidegate_timeout::scope::Ended::Value(value) = run.await else { panic!("cut off") };
        assert_eq!(value.unwrap(), 5);
    });
}

#[test]
fn an_outer_timeout_that_fires_while_a_cancelled_group_cleans_up_is_a_timeout() {
    paused(async {
        let result = timeout(SECOND, async {
            let _ = Group::scope(async |group| {
                drop(group.spawn(with_cleanup(sleep(2 * SECOND))));
                breathe().await;
                group.cancel("enough");
                forever::<()>().await
            })
            .await;
            unreachable!("the scope around takes over");
        });
        assert!(result.await.is_err());
    });
}

#[test]
fn that_a_nested_group_was_cancelled_by_the_outer_one_is_no_error() {
    // trio 35: cancellations are no errors of any group on the way.
    on_both(|| async {
        let alive = Alive::default();
        let held = alive.clone();
        let errors = Group::scope(async move |group| {
            let (begun, begins) = oneshot::channel();
            drop(group.spawn(nested(async move {
                let _held = held;
                let _ = begun.send(());
                forever().await
            })));
            drop(group.spawn(nested(async {
                begins.await?;
                fails("leaf").await
            })));
            forever::<()>().await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["leaf"]);
        assert_eq!(alive.count(), 0);
    });
}

/// A group with one child, and a body that waits.
async fn nested(
    child: impl Future<Output = Result<(), BoxError>> + Send + 'static,
) -> Result<(), BoxError> {
    let group = Group::scope(async |group| {
        drop(group.spawn(child));
        forever().await
    });
    Ok(group.await?)
}
