//! Groups in which only so many children run at the same time.

use tidegate_task_group::{BoxError, TaskError, TrySpawnError};
use tokio::sync::oneshot;

use crate::support::*;

#[test]
fn no_more_children_run_than_the_limit_allows() {
    on_both(|| async {
        let (running, high, ended) = (Counter::default(), Counter::default(), Counter::default());
        Group::builder()
            .limit(3)
            .scope(async |group| {
                for _ in 0..20 {
                    let (running, high, ended) = (running.clone(), high.clone(), ended.clone());
                    drop(group.spawn(async move {
                        high.max(running.add());
                        breathe().await;
                        running.sub();
                        ended.add();
                        Ok(())
                    }));
                }
                Ok(())
            })
            .await
            .unwrap();
        assert!(high.get() <= 3, "{high:?}");
        assert_eq!(ended.get(), 20);
    });
}

#[test]
fn children_start_in_the_order_in_which_they_were_spawned() {
    paused(async {
        let order = std::sync::Mutex::new(Vec::new());
        let order = std::sync::Arc::new(order);
        Group::builder()
            .limit(1)
            .scope(async |group| {
                for n in 0..10 {
                    let order = order.clone();
                    drop(group.spawn(async move {
                        order.lock().unwrap().push(n);
                        breathe().await;
                        Ok(())
                    }));
                }
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
    });
}

/// One while it is there.
struct Held(Counter);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.sub();
    }
}

#[test]
fn a_child_starts_when_the_one_before_is_gone() {
    on_both(|| async {
        let held = Counter::default();
        Group::builder()
            .limit(1)
            .scope(async |group| {
                for _ in 0..10 {
                    let held = held.clone();
                    drop(group.spawn(async move {
                        assert_eq!(held.add(), 1, "what the one before held is dropped");
                        let _held = Held(held);
                        breathe().await;
                        Ok(())
                    }));
                }
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(held.get(), 0);
    });
}

#[test]
fn spawn_bounded_waits_for_room() {
    on_both(|| async {
        Group::builder()
            .limit(2)
            .scope(async |group| {
                for _ in 0..50 {
                    drop(
                        group
                            .spawn_bounded(async {
                                breathe().await;
                                Ok(())
                            })
                            .await,
                    );
                    assert!(group.len() <= 3, "the last one may still be on its way out");
                }
                Ok(())
            })
            .await
            .unwrap();
    });
}

#[test]
fn spawn_bounded_does_not_wait_for_room_in_a_cancelled_group() {
    on_both(|| async {
        let result = Group::builder()
            .limit(1)
            .scope(async |group| {
                let full = group.clone();
                let child = group.spawn(async move {
                    full.cancel("enough");
                    // This child is the one there is room for.
                    tidegate_timeout::shield(async {
                        let late = full.spawn_bounded(async { Ok(5) }).await;
                        assert_eq!(late.await, Err(TaskError::Cancelled("enough".into())));
                    })
                    .await;
                    Ok(6)
                });
                tidegate_timeout::shield(async { Ok(child.await?) }).await
            })
            .await;
        assert_eq!(result.unwrap(), 6);
    });
}

#[test]
fn try_spawn_gives_the_future_back() {
    on_both(|| async {
        let result = Group::builder()
            .limit(1)
            .scope(async |group| {
                let (finish, finished) = oneshot::channel::<()>();
                let first = group.try_spawn(async {
                    let _ = finished.await;
                    Ok(())
                });
                let Err(TrySpawnError::Full(future)) = group.try_spawn(async { Ok(5) }) else {
                    panic!("there is room for one");
                };
                finish.send(()).unwrap();
                first.unwrap().await?;
                let Ok(second) = group.try_spawn(future) else { panic!("there is room again") };
                assert_eq!(second.await?, 5);

                group.cancel("enough");
                let refused = group.try_spawn(async { Ok(6) });
                let Err(TrySpawnError::Closed(future)) = refused else { panic!("cancelled") };
                future.await
            })
            .await;
        assert_eq!(result.unwrap(), 6);
    });
}

#[test]
fn try_spawn_does_not_overtake_those_who_wait() {
    paused(async {
        Group::builder()
            .limit(1)
            .scope(async |group| {
                drop(group.spawn(breathe_once()));
                drop(group.spawn(breathe_once()));
                tokio::task::yield_now().await;
                assert!(group.try_spawn(breathe_once()).is_err());
                assert_eq!(group.statistics().waiting, 1);
                Ok(())
            })
            .await
            .unwrap();
    });
}

async fn breathe_once() -> Result<(), BoxError> {
    tokio::task::yield_now().await;
    Ok(())
}

#[test]
fn children_that_wait_for_their_turn_never_run_in_a_cancelled_group() {
    on_both(|| async {
        let (runs, alive) = (Counter::default(), Alive::default());
        let errors = Group::builder()
            .limit(1)
            .scope(async |group| {
                drop(group.spawn(async {
                    breathe().await;
                    fails::<()>("boom").await
                }));
                for _ in 0..10 {
                    let (runs, alive) = (runs.clone(), alive.clone());
                    drop(group.spawn(async move {
                        let _alive = alive;
                        runs.add();
                        Ok(())
                    }));
                }
                forever::<()>().await
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["boom"]);
        assert_eq!((runs.get(), alive.count()), (0, 0));
    });
}

#[test]
fn the_place_in_line_is_from_the_moment_of_spawning() {
    paused(async {
        let order = std::sync::Mutex::new(Vec::new());
        let order = std::sync::Arc::new(order);
        Group::builder()
            .limit(1)
            .scope(async |group| {
                let [first, second, third] = ["first", "second", "third"].map(|name| {
                    let order = order.clone();
                    async move {
                        order.lock().unwrap().push(name);
                        breathe().await;
                        Ok(())
                    }
                });
                drop(group.spawn(first));
                drop(group.spawn(second));
                // The body waits here before the second one was polled at all.
                drop(group.spawn_bounded(third).await);
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(*order.lock().unwrap(), ["first", "second", "third"]);
    });
}

/// Tries to spawn when it is dropped, which a supervisor does when it takes note of the failure.
struct Prober(tidegate_task_group::TaskGroup<Prober>, Counter);

impl Drop for Prober {
    fn drop(&mut self) {
        if matches!(self.0.try_spawn(async { Ok(()) }), Err(TrySpawnError::Full(_))) {
            self.1.add();
        }
    }
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prober")
    }
}

impl std::fmt::Display for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("prober")
    }
}

impl std::error::Error for Prober {}

#[test]
fn the_permit_is_given_back_after_the_outcome_is_known() {
    on_both(|| async {
        let full = Counter::default();
        let counter = full.clone();
        let builder = tidegate_task_group::TaskGroup::<Prober>::builder();
        let builder = builder.limit(1).policy(tidegate_task_group::Policy::Supervise);
        let result = builder.scope(async |group| {
            let prober = Prober(group.clone(), counter);
            drop(group.spawn(async move { Err::<(), _>(prober) }));
            Ok(())
        });
        assert!(result.await.is_ok());
        assert_eq!(full.get(), 1);
    });
}

#[test]
#[should_panic(expected = "a group whose limit is zero would never run a child")]
fn a_limit_of_zero_is_refused() {
    let _ = Group::builder().limit(0);
}
