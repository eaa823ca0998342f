//! Runtimes that go away under live groups, and groups that have none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tidegate_task_group::{BoxError, Policy, Task, TaskError, TaskSet};
use tidegate_test::{block_on, poll_once};
use tidegate_timeout::{Deadline, shield, timeout};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use crate::support::*;

#[derive(Clone, Copy, Debug)]
enum Kind {
    CurrentThread,
    MultiThread,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Dropped,
    InTheBackground,
    WithinASecond,
}

fn runtime(kind: Kind) -> Runtime {
    let mut builder = match kind {
        Kind::CurrentThread => Builder::new_current_thread(),
        Kind::MultiThread => Builder::new_multi_thread(),
    };
    builder.worker_threads(2).thread_name(DOOMED).enable_time().build().unwrap()
}

fn end(runtime: Runtime, how: End) {
    match how {
        End::Dropped => drop(runtime),
        End::InTheBackground => runtime.shutdown_background(),
        End::WithinASecond => runtime.shutdown_timeout(Duration::from_secs(1)),
    }
}

/// Waits for what happens in the background.
fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A start that waits, a place that is waited for, and a set whose results are.
async fn live_waits(alive: Alive, begun: Counter) -> Result<(), BoxError> {
    let group = Group::builder().limit(1).scope(async |group| {
        let held = alive.clone();
        let starts = async {
            let _: Started<u32> = group
                .start(|ready| async move {
                    let _held = held;
                    hesitates(ready).await
                })
                .await;
        };
        let held = alive.clone();
        let comes_in = async {
            let child = async move {
                let _held = held;
                forever::<()>().await
            };
            drop(group.spawn_bounded(child).await);
        };
        let mut set = TaskSet::new().limit(2);
        for _ in 0..3 {
            let held = alive.clone();
            set.spawn(async move {
                let _held = held;
                forever::<()>().await
            });
        }
        let set = async {
            // Both of those before it have been polled by then.
            begun.add();
            set.next().await;
        };
        tokio::join!(biased; starts, comes_in, set);
        unreachable!("nobody ever ends")
    });
    group.await?
}

/// Groups in groups, with children that wait, wait for their turn, clean up, and would not stop.
async fn live_groups(policy: Policy, alive: Alive, begun: Counter, tasks: mpsc::Sender<Task<()>>) {
    let group = Group::builder().policy(policy).limit(7).scope(async |group| {
        let held = alive.clone();
        let _ = tasks.send(group.spawn(async move {
            let _held = held;
            forever().await
        }));
        let held = alive.clone();
        let _ = tasks.send(group.spawn(async move {
            let _held = held.clone();
            with_cleanup(async move {
                let _held = held;
                sleep(HOUR).await;
            })
            .await
        }));
        let held = alive.clone();
        let _ = tasks.send(group.spawn(async move {
            let _held = held;
            shield(sleep(HOUR)).await;
            Ok(())
        }));
        let (held, ready) = (alive.clone(), begun.clone());
        let _ = tasks.send(group.spawn(async move {
            let inner = Group::scope(async |group| {
                let child = held.clone();
                drop(group.spawn(with_cleanup(async move {
                    let _child = child;
                    sleep(HOUR).await;
                })));
                breathe().await;
                group.cancel("enough");
                let _held = held;
                ready.add();
                forever::<()>().await
            });
            let _ = timeout(HOUR, inner).await;
            Ok(())
        }));
        let _ = tasks.send(group.spawn(live_waits(alive.clone(), begun.clone())));
        for _ in 0..5 {
            let held = alive.clone();
            let _ = tasks.send(group.spawn(async move {
                let _held = held;
                forever().await
            }));
        }
        let _alive = alive.clone();
        begun.add();
        forever::<()>().await
    });
    let _ = timeout(HOUR, group).await;
}

#[test]
fn a_runtime_that_ends_under_live_groups_neither_hangs_nor_leaks_nor_panics() {
    assert_eq!(panics_of_the_doomed(), 0);
    let policies = [Policy::FailFast, Policy::CollectAll, Policy::Supervise, Policy::FirstSuccess];
    for kind in [Kind::CurrentThread, Kind::MultiThread] {
        for how in [End::Dropped, End::InTheBackground, End::WithinASecond] {
            for policy in policies {
                let case = format!("{kind:?}, {how:?}, {policy:?}");
                let (alive, begun) = (Alive::default(), Counter::default());
                let (send, tasks) = mpsc::channel();
                let (inside, ready) = (alive.clone(), begun.clone());
                // The runtime ends on a doomed thread, too.
                let thread = thread::Builder::new().name(DOOMED.to_owned());
                let ended = thread.spawn(move || {
                    let runtime = runtime(kind);
                    runtime.spawn(live_groups(policy, inside, ready.clone(), send));
                    runtime.block_on(async {
                        while ready.get() < 3 {
                            breathe().await;
                        }
                    });
                    end(runtime, how);
                });
                ended.unwrap().join().unwrap();
                until(&case, || alive.count() == 0);
                // Who awaits a child elsewhere is told.
                for task in tasks {
                    until(&case, || task.is_finished());
                    let ended = block_on(task);
                    assert!(matches!(ended, Err(TaskError::Cancelled(_))), "{case}: {ended:?}");
                }
            }
        }
    }
    assert_eq!(panics_of_the_doomed(), 0);
}

#[test]
fn a_group_that_is_polled_elsewhere_ends_when_the_runtime_of_its_children_does() {
    assert_eq!(panics_of_the_doomed(), 0);
    for kind in [Kind::CurrentThread, Kind::MultiThread] {
        for how in [End::Dropped, End::InTheBackground, End::WithinASecond] {
            let case = format!("{kind:?}, {how:?}");
            let alive = Alive::default();
            let runtime = runtime(kind);
            let held = alive.clone();
            let mut group = Box::pin(Group::scope(async move |group| {
                for _ in 0..3 {
                    let held = held.clone();
                    drop(group.spawn(with_cleanup(async move {
                        let _held = held;
                        sleep(HOUR).await;
                    })));
                }
                Ok(5)
            }));
            runtime.block_on(async {
                assert!(poll_once(group.as_mut()).is_pending());
                breathe().await;
                assert!(poll_once(group.as_mut()).is_pending());
            });
            end(runtime, how);
            // No runtime is needed to see the end of it.
            assert_eq!(block_on(group).unwrap(), 5, "{case}");
            assert_eq!(alive.count(), 0, "{case}");
        }
    }
    assert_eq!(panics_of_the_doomed(), 0);
}

#[test]
fn a_child_that_holds_up_its_thread_is_waited_for_when_its_runtime_ends() {
    let runtime = runtime(Kind::MultiThread);
    let alive = Alive::default();
    let held = alive.clone();
    let (finish, finished) = mpsc::channel::<()>();
    let (start, started) = mpsc::channel();
    let mut group = Box::pin(Group::scope(async move |group| {
        drop(group.spawn(async move {
            let _held = held;
            start.send(()).unwrap();
            finished.recv().unwrap();
            forever::<()>().await
        }));
        Ok(5)
    }));
    runtime.block_on(async { assert!(poll_once(group.as_mut()).is_pending()) });
    started.recv().unwrap();
    runtime.shutdown_background();
    assert!(poll_once(group.as_mut()).is_pending(), "the child is there");
    finish.send(()).unwrap();
    assert_eq!(block_on(group).unwrap(), 5);
    assert_eq!(alive.count(), 0);
}

#[test]
fn a_group_that_is_dropped_after_its_runtime_leaves_nothing() {
    for kind in [Kind::CurrentThread, Kind::MultiThread] {
        let alive = Alive::default();
        let runtime = runtime(kind);
        let held = alive.clone();
        let deadline = Deadline::after(HOUR);
        let mut group = Box::pin(Group::builder().deadline(deadline).scope(async move |group| {
            let child = held.clone();
            drop(group.spawn(async move {
                let _child = child;
                forever::<()>().await
            }));
            let _held = held;
            forever::<()>().await
        }));
        runtime.block_on(async { assert!(poll_once(group.as_mut()).is_pending()) });
        drop(runtime);
        drop(group);
        assert_eq!(alive.count(), 0);
    }
}

#[test]
fn a_group_needs_no_runtime_until_it_spawns() {
    let five = block_on(Group::scope(async |group| {
        assert!(group.is_empty());
        let inner = Group::builder().limit(1).scope(async |_| Ok(5));
        Ok(inner.await?)
    }));
    assert_eq!(five.unwrap(), 5);
}

#[test]
fn who_spawns_without_a_runtime_is_told_so_and_the_group_goes_on() {
    let alive = Alive::default();
    let result = block_on(Group::builder().limit(1).scope(async |group| {
        for _ in 0..2 {
            let held = alive.clone();
            let child = async move {
                let _held = held;
                Ok(())
            };
            // There is room each time: who was not spawned holds no place.
            let spawn = || group.try_spawn(child).map_err(|_| "full").unwrap();
            let panic = catch_unwind(AssertUnwindSafe(spawn)).unwrap_err();
            let message = panic.downcast_ref::<String>().map(String::as_str);
            let message = message.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            assert!(message.contains("runtime"), "{message}");
            assert!(group.is_empty());
        }
        // In one it can.
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let task = {
            let _inside = runtime.enter();
            group.spawn(async { Ok(5) })
        };
        let five = task.await?;
        drop(runtime);
        Ok(five)
    }));
    assert_eq!(result.unwrap(), 5);
    assert_eq!(alive.count(), 0);
}
