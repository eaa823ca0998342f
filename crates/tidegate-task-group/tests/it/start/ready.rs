//! Ready, failed before, failed after, never ready.

use super::*;

#[test]
fn a_child_that_is_ready_gives_its_value_and_goes_on() {
    // Trio 36
    on_both(|| async {
        let sum = Group::scope(async |group| {
            let (stop, stopped) = oneshot::channel::<()>();
            let (five, task) = group
                .start(async |ready| {
                    breathe().await;
                    ready.set(5).unwrap();
                    stopped.await?;
                    Ok(String::from("stopped"))
                })
                .await?;
            assert_eq!((five, task.is_finished(), group.len()), (5, false, 1));
            stop.send(()).unwrap();
            assert_eq!(task.await?, "stopped");
            let statistics = group.statistics();
            assert_eq!((statistics.spawned, statistics.succeeded, statistics.live), (1, 1, 0));
            Ok(five)
        });
        assert_eq!(sum.await.unwrap(), 5);
    });
}

#[test]
fn what_a_child_fails_with_before_it_is_ready_concerns_its_starter_alone() {
    // Trio 36
    for policy in [Policy::FailFast, Policy::CollectAll, Policy::Supervise] {
        on_both(move || async move {
            let builder = Group::builder().policy(policy);
            let result = builder.scope(async |group| {
                let sibling = group.spawn(async {
                    breathe().await;
                    Ok(5)
                });
                let started: Started<()> = group
                    .start(async |_ready| {
                        breathe().await;
                        fails("no paper").await
                    })
                    .await;
                assert_eq!(failure(started), "no paper");
                let statistics = group.statistics();
                assert_eq!((statistics.spawned, statistics.failed), (2, 1));
                Ok(sibling.await?)
            });
            assert_eq!(result.await.unwrap(), 5);
        });
    }
}

#[test]
fn what_a_child_fails_with_after_it_is_ready_concerns_the_group() {
    // Trio 36
    on_both(|| async {
        let errors = Group::scope(async |group| {
            let (_, task) = group
                .task("server")
                .start(async |ready| {
                    ready.set(()).unwrap();
                    fails::<()>("boom").await
                })
                .await?;
            assert_eq!(task.name(), Some("server"));
            forever::<()>().await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["boom"]);
        let origin = errors.details().next().unwrap().origin;
        assert_eq!((origin.name(), origin.id()), (Some("server"), Some(0)));
        assert_eq!(origin.location().unwrap().file(), file!());
    });
}

#[test]
fn who_fails_in_the_step_in_which_it_is_ready_fails_for_the_group() {
    paused(async {
        let errors = Group::scope(async |group| {
            let started = group.start(|ready: Ready<()>| async move {
                ready.set(()).unwrap();
                fails::<()>("boom").await
            });
            let ((), task) = shield(started).await?;
            assert_eq!(task.await, Err(TaskError::Failed));
            Ok(())
        });
        assert_eq!(messages(&errors.await.unwrap_err()), ["boom"]);
    });
}

#[test]
fn a_child_that_ends_without_being_ready_was_never_ready() {
    // Trio 36
    on_both(|| async {
        Group::scope(async |group| {
            let alive = Alive::default();
            let value = alive.clone();
            let ended: Started<u32, Alive> = group
                .start(async |_ready| {
                    breathe().await;
                    Ok(value)
                })
                .await;
            assert!(matches!(ended, Err(StartError::NeverReady)));
            assert_eq!(alive.count(), 0, "the value is dropped");

            let held = alive.clone();
            let dropped: Started<u32> = group
                .start(|ready| async move {
                    let _held = held;
                    drop(ready);
                    forever().await
                })
                .await;
            assert!(matches!(dropped, Err(StartError::NeverReady)));
            assert_eq!((alive.count(), group.len()), (0, 0), "the child is gone");
            let statistics = group.statistics();
            assert_eq!((statistics.succeeded, statistics.cancelled), (1, 1));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_ready_that_another_thread_drops_ends_the_child() {
    on_both(|| async {
        for _ in 0..20 {
            Group::scope(async |group| {
                let dropped: Started<u32> = group
                    .start(async |ready| {
                        std::thread::spawn(move || drop(ready));
                        forever().await
                    })
                    .await;
                assert!(matches!(dropped, Err(StartError::NeverReady)));
                Ok(())
            })
            .await
            .unwrap();
        }
    });
}

#[test]
fn a_ready_that_is_dropped_elsewhere_before_the_child_begins_ends_it() {
    paused(async {
        Group::scope(async |group| {
            let elsewhere = std::cell::Cell::new(None);
            let mut started = Box::pin(group.start(|ready: Ready<u32>| {
                elsewhere.set(Some(ready));
                forever::<()>()
            }));
            assert!(tidegate_test::poll_once(started.as_mut()).is_pending());
            drop(elsewhere.take());
            assert!(matches!(started.await, Err(StartError::NeverReady)));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_ready_that_another_thread_sets_is_enough() {
    on_both(|| async {
        Group::scope(async |group| {
            let (five, task) = group
                .start(async |ready| {
                    std::thread::spawn(move || ready.set(5));
                    breathe().await;
                    Ok(6)
                })
                .await
                .or_else(|error| match error {
                    // It may well be late.
                    StartError::NeverReady => Ok((5, group.spawn(async { Ok(6) }))),
                    error => Err(error),
                })?;
            assert_eq!((five, task.await?), (5, 6));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_that_never_took_its_ready_along_is_waited_for() {
    on_both(|| async {
        Group::scope(async |group| {
            let started: Started<u32> = group
                .start(|_| async {
                    breathe().await;
                    fails("no paper").await
                })
                .await;
            assert_eq!(failure(started), "no paper");
            let started: Started<u32> = group
                .start(|_| async {
                    breathe().await;
                    Ok(())
                })
                .await;
            assert!(matches!(started, Err(StartError::NeverReady)));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_ready_that_is_ignored_takes_any_value() {
    paused(async {
        let alive = Alive::default();
        assert!(Ready::ignored().set(alive.clone()).is_ok());
        drop(Ready::<Alive>::ignored());
        assert_eq!(alive.count(), 0);
        assert_eq!(format!("{:?}", Ready::<u32>::ignored()), "Ready { ignored: true }");
    });
}

#[test]
fn a_child_that_misses_its_deadline_before_it_is_ready_tells_its_starter() {
    paused(async {
        Group::scope(async |group| {
            let deadline = Deadline::after(SECOND);
            let late: Started<u32> = group.task("slow").deadline(deadline).start(hesitates).await;
            assert!(matches!(late, Err(StartError::Cancelled(CancelReason::Deadline))));
            let statistics = group.statistics();
            assert_eq!((statistics.failed, statistics.cancelled), (1, 0));
            Ok(())
        })
        .await
        .unwrap();

        let errors = Group::scope(async |group| {
            let deadline = Deadline::after(SECOND);
            let (_, task) = group.task("slow").deadline(deadline).start(serves).await?;
            assert_eq!(
                shield(task).await,
                Err(TaskError::Cancelled(CancelReason::Deadline)),
                "after that it concerns the group"
            );
            Ok(())
        });
        assert_eq!(messages(&errors.await.unwrap_err()), ["cancelled: the deadline passed"]);
    });
}

#[test]
fn an_error_to_start_is_an_error_for_the_question_mark() {
    paused(async {
        let errors = Group::scope(async |group| {
            let failed = group.start(async |_ready: Ready<()>| {
                Err::<(), BoxError>(std::io::Error::other("no paper").into())
            });
            let _ = failed.await?;
            Ok(())
        });
        let errors = errors.await.unwrap_err();
        assert_eq!(messages(&errors), ["the task failed to start: no paper"]);
        assert!(errors.contains::<std::io::Error>());

        let errors = TaskGroup::<anyhow::Error>::scope(async |group| {
            group.start(async |_ready: Ready<()>| anyhow::Ok(())).await?;
            Ok(())
        });
        assert_eq!(messages(&errors.await.unwrap_err()), ["the task was never ready"]);
    });
}
