//! Who starts children, and goes away in every way that there is.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use futures_util::future::join_all;
use tidegate_task_group::{Policy, Ready, StartError, TaskError, TaskGroup};
use tidegate_timeout::{cancel_scope, shield, timeout};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::support::*;

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
                    while group.len() <= 200 {
                        tokio::task::yield_now().await;
                    }
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
                while target.statistics().spawned == 0 {
                    tokio::task::yield_now().await;
                }
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
fn many_start_at_once_and_each_has_its_own_time() {
    paused(async {
        Group::scope(async |group| {
            let starts = (0..100_u32).map(|n| {
                let started = group.start(async move |ready| {
                    sleep(SECOND * n).await;
                    let _ = ready.set(n);
                    sleep(HOUR).await;
                    Ok(n)
                });
                timeout(SECOND * 50 + SECOND / 2, started)
            });
            let started = join_all(starts).await;
            assert_eq!(started.iter().filter(|started| started.is_ok()).count(), 51);
            assert_eq!(group.len(), 51);
            for started in started.into_iter().flatten() {
                let (n, task) = started?;
                assert_eq!(task.await?, n);
            }
            assert_eq!(group.statistics().cancelled, 49);
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
fn a_start_that_is_polled_by_reference_goes_on() {
    paused(async {
        Group::scope(async |group| {
            let mut started = Box::pin(group.start(|ready| async {
                sleep(5 * SECOND).await;
                serves(ready).await
            }));
            for _ in 0..4 {
                tokio::select! {
                    _ = &mut started => unreachable!(),
                    () = sleep(SECOND) => {}
                }
            }
            let (five, server) = started.await?;
            server.abort();
            assert_eq!(five, 5);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_shield_around_a_start_lets_it_finish() {
    paused(async {
        Group::scope(async |group| {
            let kept = Mutex::new(None);
            let starter = timeout(SECOND, async {
                let started = group.start(|ready| async {
                    sleep(5 * SECOND).await;
                    serves(ready).await
                });
                *kept.lock().unwrap() = Some(shield(started).await);
                sleep(HOUR).await;
            });
            assert!(starter.await.is_err());
            let (five, server) = kept.lock().unwrap().take().unwrap()?;
            assert_eq!((five, server.is_finished()), (5, false));
            server.abort();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn the_winner_of_a_group_ends_what_is_still_starting() {
    on_both(|| async {
        let builder = Group::builder().policy(Policy::FirstSuccess);
        let result = builder.scope(async |group| {
            let spawner = group.clone();
            drop(group.spawn(async move {
                while spawner.len() < 2 {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }));
            // The body is not cancelled, so it hears of it.
            let started: Started<u32> = group.start(hesitates).await;
            let Err(StartError::Cancelled(reason)) = started else { panic!("somebody won") };
            assert_eq!(reason, "another task succeeded".into());
            Ok(5)
        });
        assert_eq!(result.await.unwrap(), 5);
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
            while !group.is_empty() {
                tokio::task::yield_now().await;
            }
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
fn a_group_dropped_by_select_answers_those_who_start_in_it() {
    on_both(|| async {
        let (hand, handed) = oneshot::channel();
        let other = tokio::spawn(async move {
            let group: Group = handed.await.unwrap();
            let started: Started<u32> = group.start(hesitates).await;
            started.map(|(five, _)| five)
        });
        let group = Group::scope(async move |group| {
            let seen = group.clone();
            let _ = hand.send(group);
            while seen.statistics().spawned == 0 {
                tokio::task::yield_now().await;
            }
            breathe().await;
            Ok(())
        });
        tokio::select! {
            biased;
            _ = group => unreachable!(),
            () = async { while !other.is_finished() { tokio::task::yield_now().await } } => {
                unreachable!()
            }
            () = breathe_a_while() => {}
        }
        assert!(matches!(other.await.unwrap(), Err(StartError::Cancelled(_))));
    });
}

async fn breathe_a_while() {
    for _ in 0..200 {
        breathe().await;
    }
}

#[test]
fn a_ready_that_is_forgotten_or_kept_for_ever_does_not_matter() {
    on_both(|| async {
        Group::scope(async |group| {
            let started: Started<u32> = group
                .start(async |ready| {
                    std::mem::forget(ready);
                    breathe().await;
                    Ok(())
                })
                .await;
            assert!(matches!(started, Err(StartError::NeverReady)));

            let (keep, kept) = oneshot::channel();
            let started: Started<u32> = group
                .start(async |ready| {
                    let _ = keep.send(ready);
                    Ok(())
                })
                .await;
            assert!(matches!(started, Err(StartError::NeverReady)));
            let ready: Ready<u32> = kept.await?;
            assert_eq!(ready.set(5), Err(5));
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("fuse"));
        }
    }
}

#[test]
fn values_that_panic_when_dropped_do_not_hold_up_anybody() {
    on_both(|| async {
        Group::scope(async |group| {
            // The child's value, before it is ready.
            let started: Started<u32, Fuse> = group.start(async |_ready| Ok(Fuse)).await;
            assert!(matches!(started, Err(StartError::NeverReady)));
            // The value that nobody takes.
            let mut started = Box::pin(group.start(async |ready| {
                if let Err(fuse) = ready.set(Fuse) {
                    std::mem::forget(fuse);
                }
                Ok(())
            }));
            while group.statistics().spawned < 2 {
                let _ = tidegate_test::poll_once(started.as_mut());
            }
            while !group.is_empty() {
                tokio::task::yield_now().await;
            }
            drop(started);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Panics when it wakes.
struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: std::sync::Arc<Self>) {
        if !self.0.swap(true, Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("alarm"));
        }
    }
}

#[test]
fn a_waker_that_panics_leaves_the_answer_where_it_is() {
    paused(async {
        let builder = Group::builder().on_panic(tidegate_task_group::OnPanic::Capture);
        let builder = builder.policy(Policy::Supervise);
        let result = builder.scope(async |group| {
            let waker = Waker::from(std::sync::Arc::new(Alarm(AtomicBool::new(false))));
            let mut started = Box::pin(group.start(serves));
            assert!(tidegate_test::poll_with(started.as_mut(), &waker).is_pending());
            breathe().await;
            let (five, server) = started.await?;
            assert_eq!((five, server.await), (5, Err(TaskError::Panicked("alarm".into()))));

            let waker = Waker::from(std::sync::Arc::new(Alarm(AtomicBool::new(false))));
            let mut started =
                Box::pin(group.start(async |_ready: Ready<u32>| fails::<()>("no").await));
            assert!(tidegate_test::poll_with(started.as_mut(), &waker).is_pending());
            breathe().await;
            assert!(group.is_empty(), "it is counted out");
            assert!(matches!(started.await, Err(StartError::Failed(_))));
            Ok(())
        });
        result.await.unwrap();
    });
}

/// Looks how many children the group has when it wakes.
struct Looks(Group, Mutex<Option<usize>>);

impl Wake for Looks {
    fn wake(self: std::sync::Arc<Self>) {
        *self.1.lock().unwrap() = Some(self.0.len());
    }
}

#[test]
fn when_a_starter_is_woken_by_a_failure_the_child_is_gone() {
    paused(async {
        Group::scope(async |group| {
            let looks = std::sync::Arc::new(Looks(group.clone(), Mutex::new(None)));
            let waker = Waker::from(looks.clone());
            let mut started =
                Box::pin(group.start(async |_ready: Ready<u32>| fails::<()>("boom").await));
            assert!(tidegate_test::poll_with(started.as_mut(), &waker).is_pending());
            assert_eq!(group.len(), 1);
            breathe().await;
            assert_eq!(*looks.1.lock().unwrap(), Some(0));
            assert!(matches!(started.await, Err(StartError::Failed(_))));
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_closure_that_cancels_the_group_is_told() {
    paused(async {
        let result = Group::scope(async |group| {
            let started = group.start(|ready: Ready<u32>| {
                group.cancel("from within");
                serves(ready)
            });
            let Err(StartError::Cancelled(reason)) = shield(started).await else {
                panic!("it was cancelled")
            };
            assert_eq!(reason, "from within".into());
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn a_runtime_dropped_under_many_starters_neither_hangs_nor_leaks() {
    for workers in [0, 2] {
        for _ in 0..10 {
            let mut builder = match workers {
                0 => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            let runtime = builder.enable_time().build().unwrap();
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
