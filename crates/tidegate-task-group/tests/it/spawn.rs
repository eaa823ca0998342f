//! Spawning: from where, when, and what the handle says.

use tidegate_task_group::{TaskError, TaskGroup};
use tidegate_timeout::CancelReason;
use tokio::sync::oneshot;

use crate::support::*;

#[test]
fn spawning_into_a_group_that_is_over_drops_the_future() {
    // B-G8, trio 38: already closed.
    on_both(|| async {
        let alive = Alive::default();
        let mut kept = None;
        Group::scope(async |group| {
            kept = Some(group.clone());
            Ok(())
        })
        .await
        .unwrap();
        let group = kept.unwrap();
        let held = alive.clone();
        let task = group.spawn(async move {
            let _held = held;
            Ok(5)
        });
        assert_eq!(alive.count(), 0, "dropped at once");
        assert!(task.is_finished());
        task.abort();
        assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
        let bounded = group.spawn_bounded(async { Ok(5) }).await;
        assert!(bounded.await.is_err());
        assert!(group.try_spawn(async { Ok(5) }).is_err());
        assert!(group.is_empty());
        group.cancel("too late");
    });
}

#[test]
fn spawning_into_a_cancelled_group_drops_the_future() {
    // B-G1, trio 38: cancelled.
    on_both(|| async {
        let runs = Counter::default();
        let result = Group::scope(async |group| {
            group.cancel("enough");
            let runs = runs.clone();
            let task = group.spawn(async move {
                runs.add();
                Ok(5)
            });
            assert_eq!(task.await, Err(TaskError::Cancelled("enough".into())));
            Ok(())
        });
        result.await.unwrap();
        assert_eq!(runs.get(), 0);
    });
}

#[test]
fn the_last_child_may_spawn_after_the_body_has_ended() {
    on_both(|| async {
        let ended = Counter::default();
        let counter = ended.clone();
        Group::scope(async move |group| {
            let spawner = group.clone();
            drop(group.spawn(async move {
                breathe().await;
                let task = spawner.spawn(async move {
                    counter.add();
                    Ok(())
                });
                Ok(task.await?)
            }));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(ended.get(), 1);
    });
}

#[test]
fn a_thread_outside_of_the_runtime_may_spawn() {
    on_both(|| async {
        let five = Group::scope(async |group| {
            let (send, receive) = oneshot::channel();
            let spawner = group.clone();
            let thread = std::thread::spawn(move || {
                let _ = send.send(spawner.spawn(async { Ok(5) }));
            });
            let task = receive.await?;
            thread.join().unwrap();
            Ok(task.await?)
        });
        assert_eq!(five.await.unwrap(), 5);
    });
}

#[test]
fn dropping_a_task_neither_stops_nor_detaches_it() {
    // B-G3
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
fn a_task_outlives_its_group_with_its_value() {
    on_both(|| async {
        let mut kept = Vec::new();
        Group::scope(async |group| {
            kept.push(group.spawn(async { Ok(String::from("later")) }));
            Ok(())
        })
        .await
        .unwrap();
        let task = kept.pop().unwrap();
        assert!(task.is_finished());
        assert_eq!(task.await.unwrap(), "later");
    });
}

/// A waker that looks whether a task has ended.
#[derive(Default)]
struct Asks {
    task: std::sync::Mutex<Option<tidegate_task_group::Task<()>>>,
    finished: Counter,
}

impl std::task::Wake for Asks {
    fn wake(self: std::sync::Arc<Self>) {
        if self.task.lock().unwrap().as_ref().is_some_and(|task| task.is_finished()) {
            self.finished.add();
        }
    }
}

#[test]
fn when_the_scope_is_woken_its_tasks_have_ended() {
    paused(async {
        let asks = std::sync::Arc::new(Asks::default());
        let mut scope = Box::pin(Group::scope(async |group| {
            *asks.task.lock().unwrap() = Some(group.spawn(async { Ok(()) }));
            Ok(())
        }));
        let waker = std::task::Waker::from(asks.clone());
        assert!(tidegate_test::poll_with(scope.as_mut(), &waker).is_pending());
        breathe().await;
        assert_eq!(asks.finished.get(), 1);
        scope.await.unwrap();
    });
}

#[test]
fn a_task_knows_its_name_and_number() {
    paused(async {
        Group::scope(async |group| {
            let first = group.spawn(async { Ok(()) });
            let second = group.task(String::from("second")).spawn(async { Ok(()) });
            assert_eq!((first.id(), first.name()), (0, None));
            assert_eq!((second.id(), second.name()), (1, Some("second")));
            assert!(!first.is_finished());
            first.await?;
            assert!(second.is_finished());
            assert_eq!(
                format!("{second:?}"),
                r#"Task { id: Some(1), name: Some("second"), finished: true }"#
            );
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_task_polled_by_reference_keeps_its_value() {
    paused(async {
        Group::scope(async |group| {
            let (send, receive) = oneshot::channel::<u32>();
            let mut task = group.spawn(async { Ok(receive.await?) });
            assert!(tokio::time::timeout(SECOND, &mut task).await.is_err());
            send.send(5).unwrap();
            assert_eq!((&mut task).await?, 5);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn len_and_statistics_count_the_children() {
    paused(async {
        let result = Group::scope(async |group| {
            assert!(group.is_empty());
            let wait = group.spawn(forever::<()>());
            let good = group.spawn(async { Ok(()) });
            assert_eq!(group.len(), 2);
            good.await?;
            assert_eq!(group.len(), 1);
            wait.abort();
            let _ = wait.await;
            let statistics = group.statistics();
            assert_eq!((statistics.spawned, statistics.live), (2, 0));
            assert_eq!((statistics.succeeded, statistics.cancelled), (1, 1));
            assert!(format!("{group:?}").contains("len: 0"));
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn an_aborted_child_cleans_up_and_the_group_waits_for_it() {
    paused(async {
        let done = Counter::default();
        let start = tokio::time::Instant::now();
        Group::scope(async |group| {
            let counter = done.clone();
            let child = group.spawn(with_cleanup(async move {
                tokio::time::sleep(SECOND).await;
                counter.add();
            }));
            breathe().await;
            child.abort();
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!((done.get(), start.elapsed()), (1, SECOND));
    });
}

#[test]
fn an_abort_before_the_first_poll_keeps_the_child_from_running() {
    paused(async {
        let runs = Counter::default();
        Group::scope(async |group| {
            let runs = runs.clone();
            let child = group.spawn(async move {
                runs.add();
                Ok(())
            });
            child.abort();
            assert_eq!(
                child.await,
                Err(TaskError::Cancelled(CancelReason::from("the task was aborted")))
            );
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(runs.get(), 0);
    });
}

#[test]
fn an_abort_while_waiting_for_the_limit_keeps_the_child_from_running() {
    on_both(|| async {
        Group::builder()
            .limit(1)
            .scope(async |group| {
                let first = group.spawn(forever::<()>());
                let second = group.spawn(fails::<()>("runs"));
                breathe().await;
                second.abort();
                first.abort();
                assert!(matches!(second.await, Err(TaskError::Cancelled(_))));
                Ok(())
            })
            .await
            .unwrap();
    });
}

#[test]
fn a_child_may_abort_itself() {
    on_both(|| async {
        Group::scope(async |group| {
            for polled_before in [false, true] {
                let (send, receive) = oneshot::channel::<tidegate_task_group::Task<()>>();
                let (aborted, report) = oneshot::channel();
                let task = group.spawn(async move {
                    if polled_before {
                        breathe().await;
                    }
                    let myself = receive.await?;
                    myself.abort();
                    let _ = aborted.send(myself);
                    forever().await
                });
                send.send(task).unwrap();
                let task = report.await?;
                assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn abort_does_nothing_to_a_child_that_has_ended() {
    on_both(|| async {
        Group::scope(async |group| {
            let task = group.spawn(async { Ok(5) });
            until(|| task.is_finished()).await;
            task.abort();
            assert_eq!(task.await?, 5);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_group_of_groups_runs_in_parallel() {
    on_both(|| async {
        let total = TaskGroup::scope(async |group: Group| {
            let mut inner = Vec::new();
            for n in 0..4_u32 {
                inner.push(group.spawn(async move {
                    let sum = Group::scope(async |group| {
                        let tasks: Vec<_> =
                            (0..n).map(|n| group.spawn(async move { Ok(n) })).collect();
                        let mut sum = 0;
                        for task in tasks {
                            sum += task.await?;
                        }
                        Ok(sum)
                    });
                    Ok(sum.await?)
                }));
            }
            let mut total = 0;
            for task in inner {
                total += task.await?;
            }
            Ok(total)
        });
        assert_eq!(total.await.unwrap(), 1 + 3);
    });
}

#[test]
fn a_task_spawned_by_a_child_belongs_to_the_group_and_not_to_the_child() {
    on_both(|| async {
        let value = Group::scope(async |group| {
            let (send, receive) = oneshot::channel();
            let spawner = group.clone();
            let child = group.spawn(async move {
                let grandchild = spawner.spawn(async {
                    breathe().await;
                    Ok(5)
                });
                let _ = send.send(grandchild);
                forever::<()>().await
            });
            let grandchild = receive.await?;
            child.abort();
            assert!(matches!(child.await, Err(TaskError::Cancelled(_))));
            Ok(grandchild.await?)
        });
        assert_eq!(value.await.unwrap(), 5);
    });
}

#[test]
fn who_cleans_up_cannot_spawn_any_more() {
    // B-G1
    on_both(|| async {
        let (alive, refused) = (Alive::default(), Counter::default());
        let (held, counter) = (alive.clone(), refused.clone());
        let errors = Group::builder()
            .limit(2)
            .scope(async move |group| {
                let spawner = group.clone();
                let (waits, waiting) = oneshot::channel();
                drop(group.spawn(async move {
                    let clean_up = async {
                        tidegate_timeout::cancelled().await;
                        let late = || {
                            let held = held.clone();
                            async move {
                                let _held = held;
                                Ok(5)
                            }
                        };
                        let tasks = [
                            spawner.spawn(late()),
                            spawner.task("late").spawn(late()),
                            spawner.spawn_bounded(late()).await,
                        ];
                        for task in tasks {
                            assert!(task.is_finished());
                            let error = task.await.unwrap_err();
                            assert_eq!(error, TaskError::Cancelled(CancelReason::SiblingFailed));
                            counter.add();
                        }
                        assert!(spawner.try_spawn(late()).is_err());
                    };
                    let ready = async { waits.send(()) };
                    let ((), sent) = tokio::join!(clean_up, ready);
                    sent.unwrap();
                    Ok(())
                }));
                drop(group.spawn(async {
                    waiting.await?;
                    fails::<()>("boom").await
                }));
                forever::<()>().await
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["boom"]);
        assert_eq!((refused.get(), alive.count()), (3, 0));
    });
}
