//! Starts that are dropped anywhere, many of them, and what outlives them.

use super::*;

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
                until(|| group.is_empty()).await;
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
    for runtime in runtimes() {
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

#[test]
fn a_runtime_dropped_under_many_starters_neither_hangs_nor_leaks() {
    for _ in 0..10 {
        for runtime in runtimes() {
            let alive = Alive::default();
            let held = alive.clone();
            runtime.spawn(async move {
                let _ = Group::scope(async move |group| {
                    for n in 0..50 {
                        let (spawner, held) = (group.clone(), held.clone());
                        drop(group.spawn(async move {
                            let _: Started<u32> = spawner
                                .start(|ready| async move {
                                    let _held = held;
                                    match n % 3 {
                                        0 => serves(ready).await,
                                        1 => hesitates(ready).await,
                                        _ => with_cleanup(sleep(HOUR)).await,
                                    }
                                })
                                .await;
                            forever::<()>().await
                        }));
                    }
                    breathe().await;
                    group.cancel("enough");
                    forever::<()>().await
                })
                .await;
            });
            runtime.block_on(breathe());
            drop(runtime);
            assert_eq!(alive.count(), 0);
        }
    }
}

#[test]
fn ten_thousand_starts_leave_nothing_behind() {
    paused(async {
        let builder = Group::builder().policy(Policy::Supervise);
        let alive = Alive::default();
        let result = builder.scope(async |group| {
            for n in 0..10_000_u32 {
                let held = alive.clone();
                let started = group.start(async move |ready| {
                    match n % 4 {
                        0 => return fails("boom").await,
                        1 => return Ok(()),
                        2 => drop(ready.set(held)),
                        _ => return Err(format!("{ready:?}").into()),
                    }
                    Ok(())
                });
                if let Ok((_, task)) = started.await {
                    task.await?;
                }
            }
            assert_eq!(alive.count(), 0);
            let statistics = group.statistics();
            assert_eq!((statistics.failed, statistics.succeeded), (5_000, 5_000));
            Ok(())
        });
        result.await.unwrap();
    });
}
