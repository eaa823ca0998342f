//! Children that stay on their thread.

use std::cell::Cell;
use std::rc::Rc;

use tidegate_task_group::{Policy, TaskError};
use tidegate_timeout::{CancelReason, timeout};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use crate::support::*;

fn local<T>(test: impl Future<Output = T>) -> T {
    let set = LocalSet::new();
    paused(set.run_until(test))
}

#[test]
fn a_local_child_shares_what_is_not_for_other_threads() {
    local(async {
        let count = Rc::new(Cell::new(0));
        let total = Group::scope(async |group| {
            let mut tasks = Vec::new();
            for n in 1..=3 {
                let count = count.clone();
                tasks.push(group.spawn_local(async move {
                    breathe().await;
                    count.set(count.get() + n);
                    Ok(count)
                }));
            }
            let mut last = 0;
            for task in tasks {
                last = task.await?.get();
            }
            Ok(last)
        });
        assert_eq!((total.await.unwrap(), count.get()), (6, 6));
        assert_eq!(Rc::strong_count(&count), 1);
    });
}

#[test]
fn a_local_child_belongs_to_its_group_like_any_other() {
    local(async {
        let (alive, done, start) = (Alive::default(), Counter::default(), Instant::now());
        let errors = Group::scope(async |group| {
            let (held, cleaning) = (Rc::new(alive.clone()), done.clone());
            let child = group.task("local").spawn_local(async move {
                let _held = held;
                with_cleanup(async move {
                    sleep(SECOND).await;
                    cleaning.add();
                })
                .await
            });
            assert_eq!((group.len(), child.name()), (1, Some("local")));
            breathe().await;
            let thread = std::thread::current().id();
            drop(group.spawn_local(async move {
                assert_eq!(std::thread::current().id(), thread);
                fails::<()>("boom").await
            }));
            forever::<()>().await
        });
        assert_eq!(messages(&errors.await.unwrap_err()), ["boom"]);
        assert_eq!((alive.count(), done.get(), start.elapsed()), (0, 1, SECOND));
    });
}

#[test]
fn a_local_child_is_aborted_and_waits_for_its_turn() {
    local(async {
        let result = Group::builder().limit(1).scope(async |group| {
            let order = Rc::new(Cell::new(0));
            let first = group.spawn_local(forever::<Rc<()>>());
            let seen = order.clone();
            let second = group.spawn_local(async move {
                seen.set(1);
                Ok(())
            });
            breathe().await;
            assert_eq!((order.get(), group.statistics().waiting), (0, 1));
            first.abort();
            assert!(matches!(first.await, Err(TaskError::Cancelled(_))));
            second.await?;
            assert_eq!(order.get(), 1);
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn a_timeout_around_the_group_reaches_local_children() {
    local(async {
        let alive = Alive::default();
        let held = alive.clone();
        let group = Group::scope(async |group| {
            drop(group.spawn_local(async move {
                let _held = Rc::new(held);
                forever::<()>().await
            }));
            Ok(())
        });
        assert!(timeout(SECOND, group).await.is_err());
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_closed_group_drops_a_local_future() {
    local(async {
        Group::scope(async |group| {
            group.cancel("enough");
            let alive = Alive::default();
            let held = Rc::new(alive.clone());
            let task = group.spawn_local(async move { Ok(held) });
            assert_eq!(alive.count(), 0);
            assert_eq!(task.await.unwrap_err(), TaskError::Cancelled("enough".into()));
            Ok(())
        })
        .await
        .unwrap();
    });
}

// tokio points to a line of its own here, whoever the caller is.
#[test]
fn outside_of_a_local_set_the_caller_is_told_so_and_the_group_unhurt() {
    paused(async {
        let alive = Alive::default();
        Group::scope(async |group| {
            let held = alive.clone();
            blamed("LocalSet", || group.spawn_local(async move { Ok(held) }));
            blamed("LocalSet", || group.task("it").spawn_local(forever::<()>()));
            assert_eq!((group.len(), alive.count()), (0, 0));
            let statistics = group.statistics();
            assert_eq!((statistics.succeeded, statistics.failed), (0, 0));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_local_set_dropped_under_a_live_group_ends_its_children() {
    paused(async {
        let alive = Alive::default();
        let result = Group::builder().policy(Policy::Supervise).scope(async |group| {
            let set = LocalSet::new();
            let held = alive.clone();
            let mut task = None;
            set.run_until(async {
                task = Some(group.spawn_local(async move {
                    let _held = Rc::new(held);
                    forever::<()>().await
                }));
                breathe().await;
            })
            .await;
            assert_eq!(group.len(), 1);
            drop(set);
            assert_eq!((group.len(), alive.count()), (0, 0));
            let task = task.unwrap();
            assert_eq!(task.await, Err(TaskError::Cancelled(CancelReason::Shutdown)));
            Ok(())
        });
        result.await.unwrap();
    });
}
