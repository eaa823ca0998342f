//! Starters that are cancelled, dropped, or gone.

use super::*;

/// Starts a child that is never ready.
async fn starts_one_that_cleans_up(group: Group, begun: Counter, cleaned: Counter) {
    let _: Started<u32> = group
        .start(|ready| async move {
            let _ready = ready;
            cleans_up(begun, cleaned).await
        })
        .await;
}

#[test]
fn a_starter_that_is_cancelled_ends_when_the_child_has_cleaned_up() {
    // Trio 37
    on_both(|| async {
        Group::scope(async |group| {
            let (begun, cleaned) = (Counter::default(), Counter::default());
            let around = cancel_scope(async |scope| {
                let starts =
                    starts_one_that_cleans_up(group.clone(), begun.clone(), cleaned.clone());
                let cancels = async {
                    until(|| begun.get() > 0).await;
                    scope.cancel("enough");
                };
                tokio::join!(starts, cancels);
                unreachable!("the scope ends here")
            });
            assert!(around.await.is_err());
            assert_eq!(cleaned.get(), 1);
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
fn a_timeout_around_a_start_ends_when_the_child_has_cleaned_up() {
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
            assert!(group.is_empty());
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
            let (begun, cleaned) = (Counter::default(), Counter::default());
            let around = cancel_scope(async |_| {
                let starts =
                    starts_one_that_cleans_up(group.clone(), begun.clone(), cleaned.clone());
                tokio::select! {
                    biased;
                    () = starts => unreachable!(),
                    () = until(|| begun.get() > 0) => {}
                }
            });
            assert_eq!(around.await, Ok(()));
            assert_eq!(cleaned.get(), 1, "the child is gone");
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
            until(|| group.is_empty()).await;
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
    on_both(|| async {
        Group::scope(async |group| {
            let (tell, told) = oneshot::channel();
            let (go, gone) = oneshot::channel();
            let begun = Counter::default();
            let around = cancel_scope(async |scope| {
                let begins = begun.clone();
                let starts = async {
                    let started = group.start(|ready: Ready<u32>| {
                        shield(async move {
                            begins.add();
                            gone.await?;
                            let _ = tell.send(ready.set(5));
                            Ok(())
                        })
                    });
                    drop(started.await);
                };
                let cancels = async {
                    until(|| begun.get() > 0).await;
                    scope.cancel("enough");
                    breathe().await;
                    go.send(()).unwrap();
                };
                tokio::join!(starts, cancels);
                unreachable!("the scope ends here")
            });
            assert!(around.await.is_err());
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
