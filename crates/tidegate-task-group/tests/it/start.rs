//! Children that say when they are ready, and who is concerned until then.

use std::sync::{Arc, Mutex};

use tidegate_task_group::{
    BoxError, OnPanic, Policy, Ready, StartError, Task, TaskError, TaskGroup,
};
use tidegate_test::cut_everywhere;
use tidegate_timeout::{CancelReason, Deadline, cancel_scope, shield, timeout};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::support::*;

fn failure<S, T>(started: Result<(S, Task<T>), StartError<BoxError>>) -> String {
    match started {
        Err(StartError::Failed(error)) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it is ready"),
    }
}

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
        assert!(origin.location().unwrap().file().ends_with("start.rs"));
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
fn a_panic_before_ready_goes_to_the_starter_and_is_captured() {
    on_both(|| async {
        let builder = Group::builder().on_panic(OnPanic::Capture);
        let result = builder.scope(async |group| {
            let started: Started<u32> = group
                .start(async |_ready| {
                    breathe().await;
                    if true {
                        std::panic::resume_unwind(Box::new("out of cheese"));
                    }
                    Ok(())
                })
                .await;
            let Err(StartError::Panicked(message)) = started else { panic!("it panicked") };
            assert_eq!(message, "out of cheese");
            assert_eq!(group.statistics().panicked, 1);
            Ok(5)
        });
        assert_eq!(result.await.unwrap(), 5);
    });
}

#[test]
fn a_panic_before_ready_ends_a_group_that_propagates_it() {
    on_both(|| async {
        let (tell, told) = oneshot::channel();
        let group = Group::scope(async |group| {
            let started: Started<u32> = group
                .start(async |_ready| {
                    breathe().await;
                    if true {
                        std::panic::resume_unwind(Box::new("out of cheese"));
                    }
                    Ok(())
                })
                .await;
            let _ = tell.send(matches!(started, Err(StartError::Panicked(_))));
            forever::<()>().await
        });
        let group = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(group));
        let panic = group.await.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of cheese"));
        assert!(told.await.unwrap(), "and the starter has its answer");
    });
}

#[test]
fn a_closure_that_panics_leaves_no_child_behind() {
    paused(async {
        Group::scope(async |group| {
            #[expect(unreachable_code, reason = "the closure panics")]
            let started = group.start(|_: Ready<u32>| {
                std::panic::resume_unwind(Box::new("closure"));
                async { Ok(()) }
            });
            let started = std::panic::AssertUnwindSafe(started);
            let panic = futures_util::FutureExt::catch_unwind(started).await.unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"closure"));
            assert!(group.is_empty());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_starter_that_is_cancelled_ends_when_the_child_has_cleaned_up() {
    // Trio 37
    paused(async {
        Group::scope(async |group| {
            let (alive, done) = (Alive::default(), Counter::default());
            let (held, cleaned) = (alive.clone(), done.clone());
            let start = Instant::now();
            let started = group.start(|ready: Ready<u32>| async move {
                let (_held, _ready) = (held, ready);
                with_cleanup(async move {
                    sleep(5 * SECOND).await;
                    cleaned.add();
                })
                .await
            });
            assert!(timeout(SECOND, started).await.is_err());
            assert_eq!((alive.count(), done.get(), start.elapsed()), (0, 1, 6 * SECOND));
            assert!(group.is_empty(), "and it is unhurt");
            assert_eq!(group.statistics().cancelled, 1);
            assert_eq!(group.spawn(async { Ok(5) }).await?, 5);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_starter_that_is_dropped_is_waited_for_by_the_scope_around() {
    // Trio 37
    on_both(|| async {
        Group::scope(async |group| {
            let (alive, done) = (Alive::default(), Counter::default());
            let (held, cleaned) = (alive.clone(), done.clone());
            let around = cancel_scope(async |_| {
                let started = group.start(|ready: Ready<u32>| async move {
                    let (_held, _ready) = (held, ready);
                    with_cleanup(async move {
                        breathe().await;
                        cleaned.add();
                    })
                    .await
                });
                tokio::select! {
                    biased;
                    _ = started => unreachable!(),
                    () = breathe() => {}
                }
            });
            assert_eq!(around.await, Ok(()));
            assert_eq!(alive.count(), 0, "the child is gone");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn the_grace_of_the_scope_around_a_starter_bounds_its_wait() {
    paused(async {
        let start = Instant::now();
        let done = Counter::default();
        Group::scope(async |group| {
            let cleaned = done.clone();
            let started = group.start(|ready: Ready<u32>| async move {
                let _ready = ready;
                with_cleanup(async move {
                    sleep(10 * SECOND).await;
                    cleaned.add();
                })
                .await
            });
            assert!(timeout(SECOND, started).grace(2 * SECOND).await.is_err());
            assert_eq!((start.elapsed(), done.get()), (3 * SECOND, 0));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!((start.elapsed(), done.get()), (11 * SECOND, 1), "the group waits for it");
    });
}

#[test]
fn an_aborted_starter_takes_its_child_along() {
    on_both(|| async {
        Group::scope(async |group| {
            let alive = Alive::default();
            let (begun, begin) = oneshot::channel();
            let (held, spawner) = (alive.clone(), group.clone());
            let starter = tokio::spawn(async move {
                let _: Started<u32> = spawner
                    .start(|ready| async move {
                        let (_held, _ready) = (held, ready);
                        begun.send(()).unwrap();
                        forever().await
                    })
                    .await;
            });
            begin.await?;
            starter.abort();
            assert!(starter.await.unwrap_err().is_cancelled());
            while !group.is_empty() {
                tokio::task::yield_now().await;
            }
            assert_eq!(alive.count(), 0);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_whose_starter_is_gone_before_it_began_does_not_begin() {
    paused(async {
        let runs = Counter::default();
        Group::scope(async |group| {
            let counter = runs.clone();
            let mut started = Box::pin(group.start(|ready: Ready<u32>| async move {
                counter.add();
                serves(ready).await
            }));
            assert!(tidegate_test::poll_once(started.as_mut()).is_pending());
            drop(started);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(runs.get(), 0);
    });
}

#[test]
fn a_child_learns_that_nobody_takes_its_value() {
    // Trio 37
    paused(async {
        Group::scope(async |group| {
            let (tell, told) = oneshot::channel();
            let started = group.start(|ready: Ready<u32>| {
                shield(async {
                    sleep(2 * SECOND).await;
                    let _ = tell.send(ready.set(5));
                    Ok(())
                })
            });
            assert!(timeout(SECOND, started).await.is_err());
            assert_eq!(told.await?, Err(5));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_starter_in_a_cancelled_scope_starts_nothing() {
    paused(async {
        Group::scope(async |group| {
            let runs = Counter::default();
            let result = cancel_scope(async |scope| {
                scope.cancel("enough");
                let _: Started<u32> = group
                    .start(|ready| {
                        runs.add();
                        serves(ready)
                    })
                    .await;
                unreachable!("the scope ends here")
            });
            assert!(result.await.is_err());
            assert_eq!((runs.get(), group.statistics().spawned), (0, 0));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_start_that_waits_holds_the_group_open() {
    // Trio 37
    on_both(|| async {
        let (hand, handed) = oneshot::channel();
        let starter = tokio::spawn(async move {
            let group: Group = handed.await.unwrap();
            let (five, _) = group
                .start(async |ready| {
                    breathe().await;
                    breathe().await;
                    let _ = ready.set(5);
                    breathe().await;
                    Ok(())
                })
                .await?;
            Ok::<_, StartError<BoxError>>(five)
        });
        let statistics = Arc::new(Mutex::new(None));
        let seen = statistics.clone();
        Group::scope(async move |group| {
            let _ = hand.send(group.clone());
            while group.statistics().spawned == 0 {
                tokio::task::yield_now().await;
            }
            *seen.lock().unwrap() = Some(group);
            Ok(())
        })
        .await
        .unwrap();
        let group = statistics.lock().unwrap().take().unwrap();
        assert_eq!(group.statistics().succeeded, 1, "it was waited for");
        assert_eq!(starter.await.unwrap().unwrap(), 5);
    });
}

#[test]
fn a_group_that_is_cancelled_mid_start_ends_whoever_starts() {
    // Trio 37 (trio deadlocks)
    for who in ["the body", "a child", "somebody else"] {
        on_both(move || async move {
            let (hand, handed) = oneshot::channel();
            let other = tokio::spawn(async move {
                match handed.await {
                    Ok(group) => {
                        let group: Group = group;
                        let started: Started<u32> = group.start(hesitates).await;
                        matches!(started, Err(StartError::Cancelled(reason)) if reason == "enough".into())
                    }
                    Err(_) => true,
                }
            });
            let result = Group::scope(async move |group| {
                let canceller = group.clone();
                drop(group.spawn(async move {
                    while canceller.len() < 2 {
                        tokio::task::yield_now().await;
                    }
                    breathe().await;
                    canceller.cancel("enough");
                    Ok(())
                }));
                match who {
                    "the body" => {
                        let _: Started<u32> = group.start(hesitates).await;
                    }
                    "a child" => {
                        let starter = group.clone();
                        drop(group.spawn(async move {
                            let _: Started<u32> = starter.start(hesitates).await;
                            Ok(())
                        }));
                    }
                    _ => drop(hand.send(group.clone())),
                }
                forever::<()>().await
            });
            assert_eq!(messages(&result.await.unwrap_err()), ["cancelled: enough"]);
            assert!(other.await.unwrap());
        });
    }
}

#[test]
fn a_cancellation_is_not_taken_for_a_child_that_was_never_ready() {
    // Trio 36 (tractor #464)
    on_both(|| async {
        let (hand, handed) = oneshot::channel();
        let other = tokio::spawn(async move {
            let group: Group = handed.await.unwrap();
            let started: Started<u32> = group
                .start(async |_ready| {
                    tidegate_timeout::cancelled().await;
                    Ok(())
                })
                .await;
            started.map(drop)
        });
        Group::scope(async move |group| {
            let _ = hand.send(group.clone());
            while group.statistics().spawned == 0 {
                tokio::task::yield_now().await;
            }
            breathe().await;
            group.cancel("enough");
            Ok(())
        })
        .await
        .unwrap();
        let Err(StartError::Cancelled(reason)) = other.await.unwrap() else { panic!("it was") };
        assert_eq!(reason, "enough".into());
    });
}

#[test]
fn starting_in_a_group_that_is_closed_is_cancelled() {
    // Trio 38
    on_both(|| async {
        let mut kept = None;
        Group::scope(async |group| {
            kept = Some(group.clone());
            Ok(())
        })
        .await
        .unwrap();
        let over: Started<u32> = kept.unwrap().start(serves).await;
        assert!(matches!(over, Err(StartError::Cancelled(CancelReason::ParentCancelled))));

        let result = Group::scope(async |group| {
            group.cancel("enough");
            let cancelled: Started<u32> = shield(group.start(serves)).await;
            let Err(StartError::Cancelled(reason)) = cancelled else { panic!("it is cancelled") };
            assert_eq!((reason, group.statistics().spawned), ("enough".into(), 0));
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn children_start_each_other_where_the_limit_is_one() {
    on_both(|| async {
        let result = Group::builder().limit(1).scope(async |group| {
            let starter = group.clone();
            let outer = group.spawn(async move {
                let inner = starter.clone();
                let (five, _) = starter
                    .start(async move |ready| {
                        let (five, _) = inner.start(serves).await?;
                        let _ = ready.set(five);
                        Ok(())
                    })
                    .await?;
                Ok(five)
            });
            assert_eq!(outer.await?, 5);
            // The server does not take the place of those who work.
            assert_eq!(group.spawn(async { Ok(6) }).await?, 6);
            group.cancel("enough");
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn a_ready_child_is_not_its_starters_any_more() {
    on_both(|| async {
        Group::scope(async |group| {
            let started = cancel_scope(async |scope| {
                let started = group.start(serves).await;
                scope.cancel("enough");
                started
            });
            let (five, task) = started.await.unwrap()?;
            breathe().await;
            assert_eq!((five, task.is_finished()), (5, false));
            task.abort();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_that_is_ready_as_its_starter_goes_stays_in_the_group() {
    paused(async {
        let result = Group::scope(async |group| {
            let alive = Alive::default();
            let value = alive.clone();
            let mut started = Box::pin(group.start(async |ready| {
                let _ = ready.set(value);
                forever::<()>().await
            }));
            assert!(tidegate_test::poll_once(started.as_mut()).is_pending());
            breathe().await;
            assert_eq!(alive.count(), 1);
            drop(started);
            assert_eq!((alive.count(), group.len()), (0, 1), "the value is lost, the child is not");
            group.cancel("enough");
            Ok(())
        });
        result.await.unwrap();
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

#[test]
fn a_start_dropped_anywhere_leaves_nothing_behind() {
    let runs = cut_everywhere(|cut| {
        paused(async {
            let (alive, opened, cleaned) =
                (Alive::default(), Counter::default(), Counter::default());
            Group::scope(async |group| {
                let (held, closing) = (alive.clone(), cleaned.clone());
                let opening = opened.clone();
                let started = group.start(async move |ready| {
                    let _held = held;
                    tokio::task::yield_now().await;
                    opening.add();
                    shield(async {
                        tokio::task::yield_now().await;
                        closing.add();
                    })
                    .await;
                    tokio::task::yield_now().await;
                    let _ = ready.set(5);
                    breathe().await;
                    Ok(6)
                });
                let around = cancel_scope(async |_| cut.short(started).await);
                if let Some(started) = around.await.unwrap() {
                    let (five, task) = started?;
                    assert_eq!((five, task.await?), (5, 6));
                }
                while !group.is_empty() {
                    tokio::task::yield_now().await;
                }
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!((alive.count(), opened.get()), (0, cleaned.get()));
        });
    });
    assert!(runs > 1, "{runs}");
}

#[test]
fn a_thousand_starts_at_a_time() {
    on_both(|| async {
        let result = Group::scope(async |group| {
            let mut starters = Vec::new();
            for n in 0..1000_u32 {
                let starter = group.clone();
                starters.push(group.spawn(async move {
                    let started = starter.start(async move |ready| {
                        tokio::task::yield_now().await;
                        match n % 4 {
                            0 => fails("boom").await,
                            1 => Ok(n),
                            _ => {
                                let _ = ready.set(n);
                                Ok(n)
                            }
                        }
                    });
                    match started.await {
                        Err(StartError::Failed(_)) => Ok(u32::from(n % 4 == 0)),
                        Err(StartError::NeverReady) => Ok(u32::from(n % 4 == 1)),
                        Err(error) => Err(error.into()),
                        Ok((value, task)) => {
                            Ok(u32::from(n % 4 > 1 && value == n && task.await? == n))
                        }
                    }
                }));
            }
            let mut right = 0;
            for starter in starters {
                right += starter.await?;
            }
            let statistics = group.statistics();
            assert_eq!((statistics.spawned, statistics.failed, statistics.live), (2000, 250, 0));
            Ok(right)
        });
        assert_eq!(result.await.unwrap(), 1000);
    });
}

#[test]
fn a_runtime_dropped_under_a_start_answers_it() {
    for workers in [0, 2] {
        let mut builder = match workers {
            0 => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = builder.enable_time().build().unwrap();
        let alive = Alive::default();
        let (hand, handed) = std::sync::mpsc::channel();
        let mut scope = Box::pin(Group::scope(async |group| {
            hand.send(group.clone()).unwrap();
            forever::<()>().await
        }));
        {
            let _inside = runtime.enter();
            assert!(tidegate_test::poll_once(scope.as_mut()).is_pending());
        }
        let group = handed.recv().unwrap();
        let held = alive.clone();
        let mut started = Box::pin(group.start(|ready: Ready<u32>| async move {
            let _held = held;
            hesitates(ready).await
        }));
        assert!(tidegate_test::poll_once(started.as_mut()).is_pending());
        runtime.block_on(breathe());
        drop(runtime);
        assert_eq!(alive.count(), 0);
        let started: Started<u32> = paused(started);
        assert!(matches!(started, Err(StartError::Cancelled(CancelReason::Shutdown))));
        drop(scope);
    }
}

// It has left its end to that scope, and would be pending for ever.
#[test]
#[should_panic = "a start that has ended is not polled again"]
fn a_start_that_a_scope_has_ended_says_so_where_it_is_polled_again() {
    paused(async {
        let _ = Group::scope(async |group| {
            let mut started = Box::pin(group.start(hesitates));
            let _ = timeout(SECOND, &mut started).await;
            let _ = timeout(SECOND, started).await;
            Ok(())
        })
        .await;
    });
}
