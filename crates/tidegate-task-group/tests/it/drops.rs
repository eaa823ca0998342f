//! Scopes and runtimes that are dropped from outside.

use std::time::Duration;

use tidegate_task_group::TaskError;
use tidegate_timeout::cancel_scope;
use tokio::runtime::RuntimeFlavor;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::support::*;

#[test]
fn a_scope_dropped_by_select_cancels_its_children_through_their_scopes() {
    on_both(|| async {
        let (alive, begun, done) = (Alive::default(), Counter::default(), Counter::default());
        let (child, all) = (alive.clone(), alive.clone());
        let (begins, cleaned) = (begun.clone(), done.clone());
        let group = Group::scope(async move |group| {
            let _body = all;
            drop(group.spawn(async move {
                let _child = child;
                cleans_up::<()>(begins, cleaned).await
            }));
            forever::<()>().await
        });
        tokio::select! {
            biased;
            _ = group => unreachable!(),
            () = until(|| begun.get() == 1) => {}
        }
        until(|| alive.count() == 0).await;
        assert_eq!(done.get(), 1, "the child cleaned up");
    });
}

#[test]
fn the_scope_around_waits_for_the_children_of_a_scope_dropped_by_select() {
    for body_has_ended in [false, true] {
        on_both(move || async move {
            let (alive, begun, done) = (Alive::default(), Counter::default(), Counter::default());
            let (child, begins, cleaned) = (alive.clone(), begun.clone(), done.clone());
            let group = Group::scope(async move |group| {
                drop(group.spawn(async move {
                    let _child = child;
                    cleans_up::<()>(begins, cleaned).await
                }));
                if body_has_ended { Ok(()) } else { forever::<()>().await }
            });
            let around = cancel_scope(async move |_| {
                tokio::select! {
                    biased;
                    _ = group => unreachable!(),
                    () = until(|| begun.get() == 1) => {}
                }
            });
            assert_eq!(around.await, Ok(()), "a value is kept while the scope waits");
            assert_eq!((alive.count(), done.get()), (0, 1), "the child had cleaned up by then");
        });
    }
}

#[test]
fn a_scope_around_does_not_wait_for_a_dropped_scope_without_children() {
    on_both(|| async {
        let around = cancel_scope(async |_| {
            tokio::select! {
                biased;
                _ = Group::scope(async |_| forever::<()>().await) => unreachable!(),
                () = breathe() => {}
            }
        });
        assert_eq!(around.await, Ok(()));
    });
}

#[test]
fn a_scope_dropped_before_its_first_poll_never_calls_its_body() {
    on_both(|| async {
        let runs = Counter::default();
        drop(Group::scope(async |_| {
            runs.add();
            Ok(())
        }));
        assert_eq!(runs.get(), 0);
    });
}

#[test]
fn an_aborted_tokio_task_takes_its_group_along() {
    on_both(|| async {
        let alive = Alive::default();
        let (child, body) = (alive.clone(), alive.clone());
        let (started, start) = oneshot::channel();
        let task = tokio::spawn(async move {
            let _ = Group::scope(async move |group| {
                let _body = body;
                drop(group.spawn(async move {
                    let _child = child;
                    let _ = started.send(());
                    forever::<()>().await
                }));
                forever::<()>().await
            })
            .await;
        });
        start.await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        until(|| alive.count() == 0).await;
    });
}

#[test]
fn the_tasks_of_a_dropped_scope_resolve() {
    on_both(|| async {
        let (send, receive) = oneshot::channel();
        let group = Group::scope(async move |group| {
            let _ = send.send((group.spawn(forever::<()>()), group.clone()));
            forever::<()>().await
        });
        tokio::select! {
            biased;
            _ = group => unreachable!(),
            () = breathe() => {}
        }
        let (task, group) = receive.await.unwrap();
        assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
        let late = group.spawn(async { Ok(()) });
        assert!(matches!(late.await, Err(TaskError::Cancelled(_))));
    });
}

#[test]
fn a_child_that_is_cleaning_up_for_a_dropped_scope_holds_the_scopes_around() {
    paused(async {
        let done = Counter::default();
        let start = tokio::time::Instant::now();
        let outer = tidegate_timeout::timeout(SECOND, async {
            let cleaning = done.clone();
            let inner = Group::scope(async |group| {
                drop(group.spawn(with_cleanup(async move {
                    sleep(5 * SECOND).await;
                    cleaning.add();
                })));
                forever::<()>().await
            });
            tokio::select! {
                biased;
                _ = inner => unreachable!(),
                () = breathe() => {}
            }
            sleep(HOUR).await;
        });
        assert!(outer.await.is_err());
        assert_eq!((done.get(), start.elapsed()), (1, 5 * SECOND));
    });
}

#[test]
fn a_scope_dropped_by_a_body_that_reacts_to_its_cancellation_cleans_up_all_the_same() {
    paused(async {
        let done = Counter::default();
        let start = tokio::time::Instant::now();
        let outer = tidegate_timeout::timeout(SECOND, async {
            let cleaning = done.clone();
            let inner = Group::scope(async |group| {
                drop(group.spawn(with_cleanup(async move {
                    sleep(5 * SECOND).await;
                    cleaning.add();
                })));
                forever::<()>().await
            });
            tokio::select! {
                _ = inner => unreachable!(),
                _ = tidegate_timeout::cancelled() => {}
            }
            sleep(HOUR).await;
        });
        assert!(outer.await.is_err());
        assert_eq!((done.get(), start.elapsed()), (1, 6 * SECOND));
    });
}

#[test]
fn children_go_on_cleaning_up_when_the_timeout_that_cancelled_them_is_dropped() {
    paused(async {
        let done = Counter::default();
        let start = tokio::time::Instant::now();
        let around = cancel_scope(async |_| {
            let cleaning = done.clone();
            let group = Group::scope(async |group| {
                drop(group.spawn(with_cleanup(async move {
                    sleep(5 * SECOND).await;
                    cleaning.add();
                })));
                forever::<()>().await
            });
            tokio::select! {
                _ = tidegate_timeout::timeout(SECOND, group) => unreachable!("it cleans up"),
                () = sleep(2 * SECOND) => {}
            }
        });
        assert_eq!(around.await, Ok(()));
        assert_eq!((done.get(), start.elapsed()), (1, 6 * SECOND));
    });
}

#[test]
fn children_of_a_group_in_the_body_of_a_dropped_group_clean_up() {
    on_both(|| async {
        let (done, cleaning) = (Counter::default(), Counter::default());
        let (cleaned, begun) = (done.clone(), cleaning.clone());
        let around = cancel_scope(async move |_| {
            let ready = begun.clone();
            let group = Group::scope(async move |_| {
                let inner = Group::scope(async move |group| {
                    drop(group.spawn(async move {
                        let clean_up = with_cleanup(async move {
                            breathe().await;
                            cleaned.add();
                        });
                        tokio::join!(clean_up, async { _ = begun.add() }).0
                    }));
                    forever::<()>().await
                });
                Ok(inner.await?)
            });
            tokio::select! {
                _ = group => unreachable!("it waits"),
                () = async { while ready.get() == 0 { breathe().await } } => {}
            }
        });
        assert_eq!(around.await, Ok(()));
        assert_eq!((cleaning.get(), done.get()), (1, 1));
    });
}

#[test]
fn a_runtime_dropped_under_a_live_group_neither_hangs_nor_leaks() {
    for _ in 0..20 {
        for runtime in runtimes() {
            let alive = Alive::default();
            let (send, receive) = std::sync::mpsc::channel();
            let held = alive.clone();
            runtime.spawn(async move {
                let _ = Group::scope(async move |group| {
                    for _ in 0..10 {
                        let held = held.clone();
                        let spawner = group.clone();
                        let _ = send.send(group.spawn(async move {
                            let _held = held;
                            let _spawner = spawner;
                            forever::<()>().await
                        }));
                    }
                    let _held = held;
                    forever::<()>().await
                })
                .await;
            });
            if runtime.handle().runtime_flavor() == RuntimeFlavor::CurrentThread {
                runtime.block_on(breathe());
            }
            let first = receive.recv().unwrap();
            drop(runtime);
            assert_eq!(alive.count(), 0);
            // Their tasks can still be awaited, on another runtime.
            paused(async move {
                assert!(matches!(first.await, Err(TaskError::Cancelled(_))));
            });
        }
    }
}

#[test]
fn a_group_that_outlives_its_runtime_ends_on_another() {
    let first = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let second = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut group = Box::pin(Group::scope(async |group| {
        let task = group.spawn(forever::<()>());
        assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
        Ok(5)
    }));
    first.block_on(async {
        assert!(tidegate_test::poll_once(group.as_mut()).is_pending());
    });
    first.shutdown_timeout(Duration::from_secs(60));
    assert_eq!(second.block_on(group).unwrap(), 5);
}

#[test]
fn spawning_onto_a_runtime_that_is_gone_drops_the_future() {
    let first = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let second = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let mut group = Box::pin(Group::scope(async |group| {
        send.send(group.clone()).unwrap();
        tokio::task::yield_now().await;
        Ok(5)
    }));
    first.block_on(async {
        assert!(tidegate_test::poll_once(group.as_mut()).is_pending());
    });
    drop(first);
    let handle = receive.recv().unwrap();
    let task = handle.spawn(async { Ok(()) });
    second.block_on(async {
        assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
        assert_eq!(group.await.unwrap(), 5);
    });
}
