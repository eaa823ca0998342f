//! What comes out of a group, case by case; all of them in a table are in `matrix.rs`.

use std::time::Duration;

use tidegate_task_group::{BoxError, ErrorGroup, Task, TaskError, TaskGroup};
use tidegate_timeout::{
    CancelReason, Cancelled, Deadline, ScopeExt, cancel_scope, checkpoint, current_scope, timeout,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::support::*;

#[test]
fn body_and_children_succeed() {
    on_both(|| async {
        let value = Group::scope(async |group| {
            let one = group.spawn(async { Ok(1) });
            let two = group.spawn(async { Ok(2) });
            Ok(one.await? + two.await?)
        });
        assert_eq!(value.await.unwrap(), 3);
    });
}

#[test]
fn a_group_without_children_gives_the_bodys_value() {
    on_both(|| async {
        assert_eq!(Group::scope(async |_| Ok(5)).await.unwrap(), 5);
    });
}

#[test]
fn the_scope_returns_only_when_every_child_has_ended() {
    on_both(|| async {
        let ended = Counter::default();
        Group::scope(async |group| {
            for _ in 0..10 {
                let ended = ended.clone();
                drop(group.spawn(async move {
                    breathe().await;
                    ended.add();
                    Ok(())
                }));
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(ended.get(), 10);
    });
}

#[test]
fn children_may_add_children_while_the_scope_waits() {
    on_both(|| async {
        let ended = Counter::default();
        let outer = ended.clone();
        Group::scope(async move |group| {
            let spawner = group.clone();
            drop(group.spawn(async move {
                breathe().await;
                let again = spawner.clone();
                drop(spawner.spawn(async move {
                    breathe().await;
                    drop(again.spawn(async move {
                        breathe().await;
                        ended.add();
                        Ok(())
                    }));
                    Ok(())
                }));
                Ok(())
            }));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(outer.get(), 1);
    });
}

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
fn a_failing_child_cancels_the_waiting_body_and_its_siblings() {
    on_both(|| async {
        let alive = Alive::default();
        let (inner, sibling) = (alive.clone(), alive.clone());
        let errors = Group::scope(async move |group| {
            let _inner = inner;
            drop(group.spawn(async move {
                let _sibling = sibling;
                forever::<()>().await
            }));
            drop(group.spawn(fails::<()>("boom")));
            forever::<()>().await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["boom"]);
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_body_that_fails_alone_is_reported_in_a_group_too() {
    on_both(|| async {
        let alive = Alive::default();
        let child = alive.clone();
        let errors = Group::scope(async move |group| {
            drop(group.spawn(async move {
                let _child = child;
                forever::<()>().await
            }));
            breathe().await;
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["body"]);
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn errors_of_children_that_are_cleaning_up_come_before_the_bodys() {
    on_both(|| async {
        let errors = Group::scope(async |group| {
            drop(group.spawn(async {
                tidegate_timeout::cancelled().await;
                fails::<()>("clean-up").await
            }));
            breathe().await;
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        let in_order: Vec<_> = errors.leaves().map(ToString::to_string).collect();
        assert_eq!(in_order, ["clean-up", "body"]);
    });
}

#[test]
fn a_body_that_fails_after_a_child_did_is_reported_with_it() {
    on_both(|| async {
        let errors = Group::scope(async |group| {
            drop(group.spawn(fails::<()>("child")));
            tidegate_timeout::cancelled().await;
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["body", "child"]);
    });
}

#[test]
fn a_body_that_passes_a_childs_failure_on_does_not_report_it_twice() {
    on_both(|| async {
        let errors = Group::scope(async |group| {
            let child = group.spawn(fails::<()>("child"));
            child.await?;
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["child"]);
    });
}

#[test]
fn a_failure_of_another_groups_task_is_an_error_like_others() {
    on_both(|| async {
        let errors = Group::scope(async |outer| {
            let child = outer.spawn(fails::<()>("child"));
            let inner = Group::scope(async |_| {
                child.await?;
                Ok(())
            });
            inner.await?;
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["child", "the task failed"]);
    });
}

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
        let errors = Group::scope(async |group| {
            drop(group.spawn(async {
                tidegate_timeout::cancelled().await;
                fails::<()>("clean-up").await
            }));
            breathe().await;
            group.cancel("enough");
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["clean-up"]);
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
fn a_child_that_was_not_polled_before_the_body_failed_never_runs() {
    paused(async {
        let runs = Counter::default();
        let errors = Group::scope(async |group| {
            let runs = runs.clone();
            drop(group.spawn(async move {
                runs.add();
                Ok(())
            }));
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["body"]);
        assert_eq!(runs.get(), 0);
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

#[test]
fn errors_are_reported_with_name_and_place() {
    on_both(|| async {
        let errors = Group::scope(async |group| {
            drop(group.task("reader").spawn(fails::<()>("no paper")));
            Ok(())
        })
        .await
        .unwrap_err();
        let drawn = format!("{errors:?}");
        assert!(drawn.contains("[reader] no paper (at ") && drawn.contains("outcome.rs:"));
        let origin = errors.details().next().unwrap().origin;
        assert_eq!(origin.name(), Some("reader"));
    });
}

#[test]
fn nested_groups_report_a_tree() {
    // trio 35
    on_both(|| async {
        let errors = TaskGroup::builder()
            .name("outer")
            .scope(async |group: Group| {
                drop(group.task("nested").spawn(async {
                    TaskGroup::builder()
                        .name("inner")
                        .scope(async |group: Group| {
                            drop(group.spawn(fails::<()>("leaf")));
                            forever::<()>().await
                        })
                        .await?;
                    Ok(())
                }));
                forever::<()>().await
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["leaf"]);
        let drawn = format!("{errors:?}");
        assert!(drawn.starts_with("task group `outer` failed (1 error)\n└─ [nested] task group `inner` failed (1 error)\n   └─ [task 0] leaf"), "{drawn}");
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

#[test]
fn a_deadline_cancels_the_group_and_is_reported() {
    paused(async {
        let start = Instant::now();
        for body_waits in [false, true] {
            let result = Group::builder().deadline(Deadline::after(SECOND)).scope(async |group| {
                drop(group.spawn(forever::<()>()));
                if body_waits { forever().await } else { Ok(()) }
            });
            let errors = result.await.unwrap_err();
            assert_eq!(messages(&errors), ["cancelled: the deadline passed"]);
        }
        assert_eq!(start.elapsed(), 2 * SECOND);
    });
}

#[test]
fn a_deadline_in_the_past_lets_what_is_ready_pass() {
    paused(async {
        let past = Deadline::after(Duration::ZERO);
        let ready = Group::builder().deadline(past).scope(async |_| Ok(5));
        assert_eq!(ready.await.unwrap(), 5);
        let waits = Group::builder().deadline(past).scope(async |_| forever::<()>().await);
        assert!(waits.await.unwrap_err().contains::<Cancelled>());
    });
}

#[test]
fn of_two_equal_deadlines_the_outer_reports() {
    paused(async {
        for children in [0, 1] {
            let at = Instant::now() + SECOND;
            let result = tidegate_timeout::timeout_at(at, async {
                let _ = Group::builder()
                    .deadline(at.into())
                    .scope(async |group| {
                        (0..children).for_each(|_| drop(group.spawn(forever::<()>())));
                        forever::<()>().await
                    })
                    .await;
                unreachable!("the scope around takes over");
            });
            assert!(result.await.is_err());
        }
    });
}

// In a task that took its scope along, nobody minds the deadline around once the scope has ended.
#[test]
fn a_group_ends_at_its_deadline_although_an_earlier_one_around_has_passed_unnoticed() {
    paused(async {
        let start = Instant::now();
        let carried = timeout(SECOND, async {
            let builder = Group::builder().deadline(Deadline::after(2 * SECOND));
            let group = builder.scope(async |_| forever::<()>().await).in_current_scope();
            Some(tokio::spawn(group))
        });
        let group = carried.await.unwrap().unwrap();
        let errors = tokio::time::timeout(HOUR, group).await.expect("within the hour");
        assert_eq!(messages(&errors.unwrap().unwrap_err()), ["cancelled: the deadline passed"]);
        assert_eq!(start.elapsed(), 2 * SECOND);
    });
}

#[test]
fn a_deadline_around_that_is_moved_when_it_has_passed_does_not_keep_the_group() {
    paused(async {
        let start = Instant::now();
        let around = timeout(SECOND, async {
            let scope = current_scope().unwrap();
            let builder = Group::builder().deadline(Deadline::after(SECOND));
            let group = builder.scope(async |_| forever::<()>().await);
            // The group sees first that both have passed.
            tokio::join!(biased; group, async {
                sleep(SECOND).await;
                scope.extend(HOUR);
            })
        });
        assert!(around.await.is_err());
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn children_see_the_deadline_around_them() {
    paused(async {
        let deadline = Deadline::after(SECOND);
        let seen = Group::builder().deadline(deadline).scope(async |group| {
            let now = group.spawn(async { Ok(Deadline::ambient()) });
            let later = group.spawn(async {
                breathe().await;
                Ok(Deadline::ambient())
            });
            Ok([now.await?, later.await?, Deadline::ambient()])
        });
        assert_eq!(seen.await.unwrap(), [deadline; 3]);

        let seen = timeout(SECOND, async {
            Group::scope(async |group| {
                let child = group.spawn(async {
                    breathe().await;
                    Ok(Deadline::ambient().remaining())
                });
                Ok(child.await?)
            })
            .await
        });
        assert_eq!(seen.await.unwrap().unwrap(), Some(SECOND));
    });
}

#[test]
fn nothing_is_kept_alive_by_the_group_after_its_end() {
    // B-G15
    on_both(|| async {
        let alive = Alive::default();
        let (value, kept) = (alive.clone(), alive.clone());
        let mut handle = None;
        let errors: ErrorGroup = Group::scope(async |group| {
            handle = Some(group.clone());
            drop(group.spawn(async move {
                let _kept = kept;
                Err::<(), BoxError>("boom".into())
            }));
            drop(group.spawn(async move { Ok(value) }));
            Ok(())
        })
        .await
        .unwrap_err();
        drop(errors);
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn who_finds_out_that_it_was_cancelled_and_says_so_has_not_failed() {
    on_both(|| async {
        // A child and the body, which a sibling's failure cancels.
        let outcome = Group::scope(async |group| {
            let watches = async || loop {
                breathe().await;
                checkpoint()?;
            };
            let child: Task<()> = group.spawn(watches());
            drop(group.spawn(async {
                breathe().await;
                fails::<()>("no paper").await
            }));
            assert!(child.await.is_err());
            watches().await
        });
        let outcome: Result<(), _> = outcome.await;
        assert_eq!(messages(&outcome.unwrap_err()), ["no paper"]);

        // A child that is aborted, while nothing else is wrong.
        let outcome = Group::scope(async |group| {
            let child: Task<()> = group.spawn(async {
                loop {
                    breathe().await;
                    checkpoint()?;
                }
            });
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
