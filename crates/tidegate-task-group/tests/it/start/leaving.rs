//! Starters that leave: who waits for the child, and whose its failure is.

use super::*;

/// Starts a child that starts a child, and so on; the last one never ends.
fn chain(
    group: Group,
    depth: usize,
    held: Alive,
) -> std::pin::Pin<Box<dyn Future<Output = Started<u32>> + Send>> {
    Box::pin(async move {
        let next = group.clone();
        let started = group.start(|ready| async move {
            let _held = held.clone();
            if depth > 0 {
                let (value, _) = chain(next, depth - 1, held).await?;
                let _ = ready.set(value);
                Ok(())
            } else {
                hesitates(ready).await
            }
        });
        started.await
    })
}

#[test]
fn a_chain_of_starters_ends_from_its_end() {
    on_both(|| async {
        Group::scope(async |group| {
            let alive = Alive::default();
            let chained = chain(group.clone(), 200, alive.clone());
            let around = cancel_scope(async |scope| {
                let (last, _) = tokio::join!(chained, async {
                    until(|| group.len() > 200).await;
                    scope.cancel("enough");
                });
                last
            });
            assert!(around.await.is_err());
            assert_eq!((alive.count(), group.len()), (0, 0), "all of it is gone");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn who_starts_in_another_group_takes_the_child_along() {
    on_both(|| async {
        Group::scope(async |target| {
            let alive = Alive::default();
            let held = alive.clone();
            let errors = Group::scope(async |group| {
                let spawner = target.clone();
                drop(group.spawn(async move {
                    let _: Started<u32> = spawner
                        .start(|ready| async move {
                            let (_held, _ready) = (held, ready);
                            with_cleanup(breathe()).await
                        })
                        .await;
                    Ok(())
                }));
                until(|| target.statistics().spawned > 0).await;
                breathe().await;
                fails::<()>("boom").await
            });
            assert_eq!(messages(&errors.await.unwrap_err()), ["boom"]);
            assert_eq!((alive.count(), target.len()), (0, 0), "gone before that group ended");
            assert_eq!(target.spawn(async { Ok(5) }).await?, 5);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_child_is_ready_or_cancelled_when_both_happen_at_once() {
    on_both(|| async {
        Group::scope(async |group| {
            for _ in 0..50 {
                let (told, tells) = std::sync::mpsc::channel();
                let around = cancel_scope(async |scope| {
                    let cancel = scope.clone();
                    let started: Started<u32> = group
                        .start(async move |ready| {
                            let set = async move {
                                tokio::task::yield_now().await;
                                told.send(ready.set(5).is_ok()).unwrap();
                            };
                            let cancel = async move { cancel.cancel("enough") };
                            tokio::join!(tokio::spawn(set), tokio::spawn(cancel)).0?;
                            Ok(())
                        })
                        .await;
                    started.map(|(five, _)| five)
                });
                let started = around.await;
                // Both agree about it. A task that tokio runs is not the scope's, so it may come later.
                while let Err(std::sync::mpsc::TryRecvError::Empty) =
                    tells.try_recv().map(|ready| {
                        if ready {
                            assert!(matches!(started, Ok(Ok(5))), "{started:?}");
                        } else {
                            assert!(!matches!(started, Ok(Ok(_))), "{started:?}");
                        }
                    })
                {
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_a_child_fails_with_after_its_starter_left_is_nobodys() {
    paused(async {
        let alive = Alive::default();
        #[derive(Debug)]
        struct Failed(Alive);
        impl std::fmt::Display for Failed {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
        impl std::error::Error for Failed {}
        let result = TaskGroup::<Failed>::scope(async |group| {
            let held = alive.clone();
            let keep = Mutex::new(None);
            let started = group.start(|ready: Ready<u32>| {
                *keep.lock().unwrap() = Some(ready);
                async {
                    tidegate_timeout::cancelled().await;
                    Err::<(), _>(Failed(held))
                }
            });
            tokio::select! {
                biased;
                _ = started => unreachable!(),
                () = breathe() => {}
            }
            until(|| group.is_empty()).await;
            assert_eq!(alive.count(), 0, "although there is still a `Ready`");
            assert_eq!(keep.lock().unwrap().take().unwrap().set(5), Err(5));
            assert_eq!(group.statistics().failed, 1);
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn what_a_cancelled_starters_child_fails_with_is_the_starters() {
    paused(async {
        let mut seen = None;
        Group::scope(async |group| {
            let around = timeout(SECOND, async {
                let started: Started<u32> = group
                    .start(async |_ready| {
                        tidegate_timeout::cancelled().await;
                        fails("interrupted").await
                    })
                    .await;
                seen = Some(matches!(started, Err(StartError::Failed(_))));
                sleep(HOUR).await;
            });
            assert!(around.await.is_err());
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(seen, Some(true));
    });
}

#[test]
fn the_scope_around_a_starter_that_was_dropped_waits_in_its_own_time() {
    paused(async {
        let start = Instant::now();
        let done = Counter::default();
        Group::scope(async |group| {
            let cleaned = done.clone();
            let around = timeout(5 * SECOND, async {
                let started = group.start(|ready: Ready<u32>| async move {
                    let _ready = ready;
                    with_cleanup(async move {
                        sleep(2 * SECOND).await;
                        cleaned.add();
                    })
                    .await
                });
                assert!(tokio::time::timeout(SECOND, started).await.is_err());
                5
            });
            assert_eq!(around.await, Ok(5));
            assert_eq!((start.elapsed(), done.get()), (3 * SECOND, 1));
            Ok(())
        })
        .await
        .unwrap();
    });
}
