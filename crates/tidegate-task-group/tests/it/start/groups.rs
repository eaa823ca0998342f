//! What a start that waits is to its group.

use super::*;

#[test]
fn a_start_that_waits_holds_the_group_open() {
    // Trio 37
    on_both(|| async {
        let (hand, handed) = oneshot::channel();
        let starter = tokio::spawn(async move {
            let group: Group = handed.await.unwrap();
            let (five, _) = group
                .start(async |ready| {
                    breathe().await;
                    breathe().await;
                    let _ = ready.set(5);
                    breathe().await;
                    Ok(())
                })
                .await?;
            Ok::<_, StartError<BoxError>>(five)
        });
        let statistics = Arc::new(Mutex::new(None));
        let seen = statistics.clone();
        Group::scope(async move |group| {
            let _ = hand.send(group.clone());
            until(|| group.statistics().spawned > 0).await;
            *seen.lock().unwrap() = Some(group);
            Ok(())
        })
        .await
        .unwrap();
        let group = statistics.lock().unwrap().take().unwrap();
        assert_eq!(group.statistics().succeeded, 1, "it was waited for");
        assert_eq!(starter.await.unwrap().unwrap(), 5);
    });
}

#[test]
fn a_group_that_is_cancelled_mid_start_ends_whoever_starts() {
    // Trio 37 (trio deadlocks)
    for who in ["the body", "a child", "somebody else"] {
        on_both(move || async move {
            let (hand, handed) = oneshot::channel();
            let other = tokio::spawn(async move {
                match handed.await {
                    Ok(group) => {
                        let group: Group = group;
                        let started: Started<u32> = group.start(hesitates).await;
                        matches!(started, Err(StartError::Cancelled(reason)) if reason == "enough".into())
                    }
                    Err(_) => true,
                }
            });
            let result = Group::scope(async move |group| {
                let canceller = group.clone();
                drop(group.spawn(async move {
                    until(|| canceller.len() >= 2).await;
                    breathe().await;
                    canceller.cancel("enough");
                    Ok(())
                }));
                match who {
                    "the body" => {
                        let _: Started<u32> = group.start(hesitates).await;
                    }
                    "a child" => {
                        let starter = group.clone();
                        drop(group.spawn(async move {
                            let _: Started<u32> = starter.start(hesitates).await;
                            Ok(())
                        }));
                    }
                    _ => drop(hand.send(group.clone())),
                }
                forever::<()>().await
            });
            assert_eq!(messages(&result.await.unwrap_err()), ["cancelled: enough"]);
            assert!(other.await.unwrap());
        });
    }
}

#[test]
fn a_cancellation_is_not_taken_for_a_child_that_was_never_ready() {
    // Trio 36 (tractor #464)
    on_both(|| async {
        let (hand, handed) = oneshot::channel();
        let other = tokio::spawn(async move {
            let group: Group = handed.await.unwrap();
            let started: Started<u32> = group
                .start(async |_ready| {
                    tidegate_timeout::cancelled().await;
                    Ok(())
                })
                .await;
            started.map(drop)
        });
        Group::scope(async move |group| {
            let _ = hand.send(group.clone());
            until(|| group.statistics().spawned > 0).await;
            breathe().await;
            group.cancel("enough");
            Ok(())
        })
        .await
        .unwrap();
        let Err(StartError::Cancelled(reason)) = other.await.unwrap() else { panic!("it was") };
        assert_eq!(reason, "enough".into());
    });
}

#[test]
fn starting_in_a_group_that_is_closed_is_cancelled() {
    // Trio 38
    on_both(|| async {
        let mut kept = None;
        Group::scope(async |group| {
            kept = Some(group.clone());
            Ok(())
        })
        .await
        .unwrap();
        let over: Started<u32> = kept.unwrap().start(serves).await;
        assert!(matches!(over, Err(StartError::Cancelled(CancelReason::ParentCancelled))));

        let result = Group::scope(async |group| {
            group.cancel("enough");
            let cancelled: Started<u32> = shield(group.start(serves)).await;
            let Err(StartError::Cancelled(reason)) = cancelled else { panic!("it is cancelled") };
            assert_eq!((reason, group.statistics().spawned), ("enough".into(), 0));
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn children_start_each_other_where_the_limit_is_one() {
    on_both(|| async {
        let result = Group::builder().limit(1).scope(async |group| {
            let starter = group.clone();
            let outer = group.spawn(async move {
                let inner = starter.clone();
                let (five, _) = starter
                    .start(async move |ready| {
                        let (five, _) = inner.start(serves).await?;
                        let _ = ready.set(five);
                        Ok(())
                    })
                    .await?;
                Ok(five)
            });
            assert_eq!(outer.await?, 5);
            // The server does not take the place of those who work.
            assert_eq!(group.spawn(async { Ok(6) }).await?, 6);
            group.cancel("enough");
            Ok(())
        });
        result.await.unwrap();
    });
}

#[test]
fn the_winner_of_a_group_ends_what_is_still_starting() {
    on_both(|| async {
        let builder = Group::builder().policy(Policy::FirstSuccess);
        let result = builder.scope(async |group| {
            let spawner = group.clone();
            drop(group.spawn(async move {
                until(|| spawner.len() >= 2).await;
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
            until(|| seen.statistics().spawned > 0).await;
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
