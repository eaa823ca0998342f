//! Children with a name and a deadline of their own.

use tidegate_task_group::{OnPanic, Policy, TaskError, TrySpawnError};
use tidegate_timeout::{CancelReason, Cancelled, Deadline, current_scope, shield, timeout};
use tokio::time::{Instant, sleep};

use crate::support::*;

const MISSED: Result<(), TaskError> = Err(TaskError::Cancelled(CancelReason::Deadline));
const PASSED: &str = "cancelled: the deadline passed";

#[test]
fn a_child_that_misses_its_deadline_fails_for_the_group() {
    on_both(|| async {
        let errors = Group::scope(async |group| {
            let soon = Deadline::after(SECOND / 1000);
            drop(group.task("slow").deadline(soon).spawn(forever::<()>()));
            forever::<()>().await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), [PASSED]);
        assert!(errors.contains::<Cancelled>());
        let origin = errors.details().next().unwrap().origin;
        assert_eq!((origin.name(), origin.id()), (Some("slow"), Some(0)));
    });
}

#[test]
fn who_misses_a_deadline_is_counted_as_failed() {
    for policy in [Policy::CollectAll, Policy::Supervise, Policy::FirstSuccess] {
        paused(async move {
            let result = Group::builder().policy(policy).scope(async |group| {
                let late = group.task("late").deadline(Deadline::after(SECOND));
                assert_eq!(late.spawn(forever()).await, MISSED);
                let statistics = group.statistics();
                assert_eq!((statistics.failed, statistics.cancelled), (1, 0));
                Ok(())
            });
            assert_eq!(result.await.is_ok(), policy == Policy::Supervise);
        });
    }
}

#[test]
fn a_body_that_passes_a_missed_deadline_on_says_nothing_new() {
    paused(async {
        let builder = Group::builder().policy(Policy::CollectAll);
        let errors = builder.scope(async |group| {
            let late = group.task("late").deadline(Deadline::after(SECOND));
            late.spawn(forever::<()>()).await?;
            Ok(())
        });
        assert_eq!(messages(&errors.await.unwrap_err()), [PASSED]);
    });
}

#[test]
fn a_child_that_is_in_time_does_not_feel_its_deadline() {
    paused(async {
        Group::scope(async |group| {
            let deadline = Deadline::after(SECOND);
            let in_time = group.task("quick").deadline(deadline).spawn(async move {
                assert_eq!(Deadline::ambient(), deadline, "it can look");
                sleep(SECOND / 2).await;
                Ok(5)
            });
            assert_eq!(in_time.await?, 5);
            sleep(SECOND).await;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_that_is_ready_at_its_deadline_gives_its_value() {
    paused(async {
        Group::scope(async |group| {
            let task = group.task("just").deadline(Deadline::after(SECOND));
            let value = task.spawn(async {
                sleep(SECOND).await;
                Ok(5)
            });
            assert_eq!(value.await?, 5);
            let task = group.task("at once").deadline(Deadline::at(Instant::now()));
            assert_eq!(task.spawn(async { Ok(6) }).await?, 6);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_that_misses_its_deadline_cleans_up_within_the_grace() {
    for (grace, cleaned) in [(None, 1), (Some(2 * SECOND), 0)] {
        paused(async move {
            let (done, start) = (Counter::default(), Instant::now());
            let builder = Group::builder().policy(Policy::Supervise);
            let builder = match grace {
                Some(grace) => builder.grace(grace),
                None => builder,
            };
            let result = builder.scope(async |group| {
                let cleaning = done.clone();
                let late = group.task("late").deadline(Deadline::after(SECOND));
                let late = late.spawn(with_cleanup(async move {
                    sleep(5 * SECOND).await;
                    cleaning.add();
                }));
                assert_eq!(late.await, MISSED);
                Ok(())
            });
            result.await.unwrap();
            let took = SECOND + grace.unwrap_or(5 * SECOND);
            assert_eq!((done.get(), start.elapsed()), (cleaned, took));
        });
    }
}

#[test]
fn of_two_deadlines_that_are_equal_the_groups_reports() {
    paused(async {
        for policy in [Policy::FailFast, Policy::CollectAll] {
            let deadline = Deadline::after(SECOND);
            let builder = Group::builder().policy(policy).deadline(deadline).name("outer");
            let mut kept = None;
            let errors = builder.scope(async |group| {
                kept = Some(group.clone());
                for _ in 0..3 {
                    drop(group.task("inner").deadline(deadline).spawn(forever::<()>()));
                }
                Ok(())
            });
            let errors = errors.await.unwrap_err();
            assert_eq!(messages(&errors), [PASSED]);
            assert_eq!(errors.details().next().unwrap().origin.name(), None, "not the child's");
            let statistics = kept.unwrap().statistics();
            assert_eq!((statistics.failed, statistics.cancelled), (0, 3), "{policy:?}");
        }
    });
}

#[test]
fn of_two_deadlines_that_are_equal_that_of_a_scope_around_reports() {
    paused(async {
        let deadline = Deadline::after(SECOND);
        let group = Group::scope(async |group| {
            drop(group.task("inner").deadline(deadline).spawn(forever::<()>()));
            Ok(())
        });
        let elapsed = timeout(SECOND, group).await.unwrap_err();
        assert_eq!(elapsed.after(), SECOND);
    });
}

#[test]
fn a_deadline_that_is_missed_before_the_groups_is_the_childs() {
    paused(async {
        let builder = Group::builder().policy(Policy::CollectAll);
        let mut kept = None;
        let errors = builder.deadline(Deadline::after(3 * SECOND)).scope(async |group| {
            kept = Some(group.clone());
            // It is still cleaning up when the group's deadline passes.
            let late = group.task("late").deadline(Deadline::after(SECOND));
            drop(late.spawn(with_cleanup(sleep(5 * SECOND))));
            Ok(())
        });
        let errors = errors.await.unwrap_err();
        let names: Vec<_> = errors.details().map(|it| it.origin.name().map(String::from)).collect();
        assert_eq!(names, [Some(String::from("late"))]);
        assert_eq!(kept.unwrap().statistics().failed, 1);
    });
}

#[test]
fn a_deadline_that_was_missed_is_not_forgotten_when_the_time_to_clean_up_is_over() {
    paused(async {
        let builder = Group::builder().policy(Policy::CollectAll).grace(2 * SECOND);
        let errors = builder.scope(async |group| {
            let late = group.task("late").deadline(Deadline::after(SECOND));
            drop(late.spawn(with_cleanup(sleep(HOUR))));
            sleep(2 * SECOND).await;
            group.cancel("enough");
            Ok(())
        });
        assert_eq!(messages(&errors.await.unwrap_err()), [PASSED]);

        // Dropped at once, by a scope around whose time is up.
        let mut kept = None;
        let builder = Group::builder().policy(Policy::CollectAll);
        let group = builder.scope(async |group| {
            kept = Some(group.clone());
            let late = group.task("late").deadline(Deadline::after(SECOND));
            drop(late.spawn(with_cleanup(sleep(HOUR))));
            forever::<()>().await
        });
        assert!(timeout(2 * SECOND, group).grace(SECOND).await.is_err());
        let group = kept.unwrap();
        until(|| group.is_empty()).await;
        assert_eq!((group.statistics().failed, group.statistics().cancelled), (1, 0));
    });
}

#[test]
fn a_child_moves_its_own_deadline() {
    paused(async {
        let start = Instant::now();
        let builder = Group::builder().policy(Policy::Supervise);
        let result = builder.scope(async |group| {
            let more = group.task("more").deadline(Deadline::after(SECOND));
            let more = more.spawn(async {
                current_scope().unwrap().extend(5 * SECOND);
                sleep(2 * SECOND).await;
                Ok(5)
            });
            assert_eq!((more.await?, start.elapsed()), (5, 2 * SECOND));
            let less = group.task("less").deadline(Deadline::after(HOUR)).spawn(async {
                current_scope().unwrap().reschedule(Deadline::after(SECOND));
                forever().await
            });
            assert_eq!(less.await, MISSED);
            assert_eq!((start.elapsed(), group.statistics().failed), (3 * SECOND, 1));
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn a_thousand_deadlines_pass_at_once() {
    paused(async {
        let builder = Group::builder().policy(Policy::CollectAll);
        let mut kept = None;
        let errors = builder.scope(async |group| {
            kept = Some(group.clone());
            let soon = Deadline::after(SECOND);
            for n in 0..1000 {
                let task = group.task(n.to_string()).deadline(soon);
                drop(task.spawn(async move {
                    sleep(SECOND * (n % 3)).await;
                    Ok(())
                }));
            }
            Ok(())
        });
        assert_eq!(errors.await.unwrap_err().len(), 333);
        let statistics = kept.unwrap().statistics();
        assert_eq!((statistics.succeeded, statistics.failed), (667, 333));
    });
}

#[test]
fn a_child_that_is_aborted_before_its_deadline_has_not_missed_it() {
    paused(async {
        Group::scope(async |group| {
            let task = group.task("late").deadline(Deadline::after(SECOND));
            let task = task.spawn(with_cleanup(sleep(5 * SECOND)));
            sleep(SECOND / 2).await;
            task.abort();
            let aborted = TaskError::Cancelled("the task was aborted".into());
            assert_eq!(task.await, Err(aborted));
            assert_eq!(group.statistics().cancelled, 1);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_deadline_passes_while_the_child_waits_for_its_turn() {
    paused(async {
        let (runs, start) = (Counter::default(), Instant::now());
        let errors = Group::builder().limit(1).policy(Policy::CollectAll).scope(async |group| {
            let first = group.spawn(async {
                sleep(5 * SECOND).await;
                Ok(())
            });
            let counter = runs.clone();
            let late = group.task("late").deadline(Deadline::after(SECOND)).spawn(async move {
                counter.add();
                Ok(())
            });
            assert_eq!(late.await, MISSED);
            assert_eq!((start.elapsed(), group.statistics().waiting), (SECOND, 0));
            first.await?;
            Ok(())
        });
        assert_eq!(messages(&errors.await.unwrap_err()), [PASSED]);
        assert_eq!(runs.get(), 0);
    });
}

#[test]
fn a_thread_outside_of_the_runtime_may_spawn_with_a_deadline() {
    on_both(|| async {
        let builder = Group::builder().limit(1).policy(Policy::Supervise);
        let result = builder.scope(async |group| {
            let spawner = group.clone();
            let deadline = Deadline::at(Instant::now());
            let tasks = std::thread::spawn(move || {
                [0, 1].map(|_| spawner.task("late").deadline(deadline).spawn(forever::<()>()))
            });
            for task in tasks.join().unwrap() {
                assert_eq!(task.await, MISSED);
            }
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn every_way_to_spawn_takes_the_name_and_the_deadline() {
    paused(async {
        let builder = Group::builder().policy(Policy::CollectAll).limit(1);
        let mut kept = None;
        let local = tokio::task::LocalSet::new();
        let errors = local.run_until(builder.scope(async |group| {
            kept = Some(group.clone());
            let soon = || Deadline::after(SECOND);
            let task = group.task("spawn").deadline(soon()).spawn(forever());
            assert_eq!(task.name(), Some("spawn"));
            assert_eq!(task.await, MISSED);
            let task = group.task("bounded").deadline(soon()).spawn_bounded(forever()).await;
            assert_eq!(task.name(), Some("bounded"));
            assert_eq!(task.await, MISSED);
            let task = group.task("try").deadline(soon()).try_spawn(forever()).unwrap();
            let full = group.task("full").try_spawn(forever::<()>());
            assert!(matches!(full, Err(TrySpawnError::Full(_))));
            assert_eq!(task.name(), Some("try"));
            assert_eq!(task.await, MISSED);
            let task = group.task("local").deadline(soon()).spawn_local(forever());
            assert_eq!(task.name(), Some("local"));
            assert_eq!(task.await, MISSED);
            let (_, task) = group
                .task("start")
                .deadline(soon())
                .start(async |ready| {
                    let _ = ready.set(());
                    forever().await
                })
                .await?;
            assert_eq!(task.name(), Some("start"));
            assert_eq!(task.await, MISSED);
            Ok(())
        }));
        let errors = errors.await.unwrap_err();
        let mut names: Vec<_> =
            errors.details().map(|it| it.origin.name().unwrap().to_owned()).collect();
        names.sort();
        assert_eq!(names, ["bounded", "local", "spawn", "start", "try"]);
        for detail in errors.details() {
            assert!(detail.origin.location().unwrap().file().ends_with("task_builder.rs"));
        }
        assert_eq!(kept.unwrap().statistics().failed, 5);
    });
}

#[test]
fn without_a_deadline_they_only_have_the_name() {
    paused(async {
        let local = tokio::task::LocalSet::new();
        let result = local.run_until(Group::scope(async |group| {
            let tasks = [
                group.task("spawn").spawn(async { Ok(5) }),
                group.task("bounded").spawn_bounded(async { Ok(5) }).await,
                group.task("try").try_spawn(async { Ok(5) }).unwrap(),
                group.task("local").spawn_local(async { Ok(5) }),
            ];
            for (task, name) in tasks.into_iter().zip(["spawn", "bounded", "try", "local"]) {
                assert_eq!(task.name(), Some(name));
                assert_eq!(task.await?, 5);
            }
            let builder = format!("{:?}", group.task("it"));
            assert!(builder.starts_with(r#"TaskBuilder { name: "it", deadline: "#), "{builder}");
            Ok(())
        }));
        result.await.unwrap();
    });
}

#[test]
fn a_panic_of_a_child_with_a_deadline_is_one_like_any_other() {
    paused(async {
        let builder = Group::builder().on_panic(OnPanic::Capture);
        let errors = builder.scope(async |group| {
            let task = group.task("it").deadline(Deadline::after(SECOND)).spawn(async {
                if true { std::panic::resume_unwind(Box::new("boom")) } else { Ok(()) }
            });
            assert_eq!(shield(task).await, Err(TaskError::Panicked("boom".into())));
            Ok(())
        });
        assert_eq!(messages(&errors.await.unwrap_err()), ["panicked: boom"]);
    });
}
