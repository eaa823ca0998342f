//! Who learns of a request, and that nobody is cancelled by it.

use super::*;

const POLICIES: [Policy; 4] =
    [Policy::FailFast, Policy::CollectAll, Policy::Supervise, Policy::FirstSuccess];

#[test]
fn everybody_learns_of_a_request_and_nobody_is_cancelled() {
    on_both(|| async {
        for policy in POLICIES {
            let told = Counter::default();
            let value = Group::builder().policy(policy).scope(async |group| {
                for i in 0..4 {
                    let (told, group) = (told.clone(), group.clone());
                    drop(group.clone().spawn(async move {
                        if i % 2 == 0 {
                            stop_requested().await;
                        } else {
                            until(is_stopping).await;
                        }
                        assert!(checkpoint().is_ok() && group.is_stopping());
                        told.add();
                        // The first success would cancel the others.
                        if told.get() < 4 && policy == Policy::FirstSuccess {
                            fails("wound down").await
                        } else {
                            Ok(())
                        }
                    }));
                }
                breathe().await;
                assert!(!group.is_stopping());
                group.request_stop();
                stop_requested().await;
                assert!(group.is_stopping() && is_stopping());
                Ok("served")
            });
            assert_eq!(value.await.unwrap(), "served", "{policy:?}");
            assert!(told.get() == 4, "{policy:?}");
        }
    });
}

#[test]
fn groups_inside_learn_of_it_three_deep_and_in_the_body_as_well() {
    on_both(|| async {
        let told = Counter::default();
        let nested = |told: Counter| async move {
            Group::scope(async |outer| {
                let told = told.clone();
                drop(outer.spawn(async move {
                    Group::scope(async |group| {
                        let told = told.clone();
                        drop(group.spawn(async move {
                            stop_requested().await;
                            told.add();
                            Ok(())
                        }));
                        stop_requested().await;
                        Ok(())
                    })
                    .await?;
                    Ok(())
                }));
                stop_requested().await;
                Ok(())
            })
            .await
        };
        Group::scope(async |group| {
            drop(group.spawn({
                let told = told.clone();
                async move { Ok(nested(told).await?) }
            }));
            let asks = group.clone();
            drop(group.spawn(async move {
                breathe().await;
                asks.request_stop();
                Ok(())
            }));
            nested(told.clone()).await?;
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(told.get(), 2);
    });
}

#[test]
fn a_request_from_around_reaches_a_group_and_cancels_it_never() {
    paused(async {
        let start = Instant::now();
        let work = cancel_scope(async |scope| {
            let group = Group::builder().grace(SECOND).scope(async |group| {
                let slow = group.spawn(async {
                    stop_requested().await;
                    sleep(10 * SECOND).await;
                    Ok(7)
                });
                scope.request_stop();
                assert!(group.is_stopping());
                Ok(slow.await?)
            });
            group.await.unwrap()
        });
        assert_eq!(work.await.unwrap(), 7);
        assert_eq!(start.elapsed(), 10 * SECOND);
    });
}

#[test]
fn who_winds_down_may_spawn_what_it_takes() {
    paused(async {
        let saved = Counter::default();
        Group::scope(async |group| {
            group.request_stop();
            let (saved, spawns) = (saved.clone(), group.clone());
            drop(group.spawn(async move {
                assert!(is_stopping(), "from the start");
                stop_requested().await;
                let saving = spawns.try_spawn(async move {
                    sleep(SECOND).await;
                    saved.add();
                    Ok(())
                });
                saving.unwrap().await?;
                Ok(())
            }));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(saved.get(), 1);
    });
}

#[test]
fn an_inner_group_that_is_asked_leaves_the_outer_one_alone() {
    paused(async {
        Group::scope(async |outer| {
            let beside = outer.spawn(async {
                sleep(10 * SECOND).await;
                Ok(is_stopping())
            });
            let inner = Group::builder().grace(SECOND).scope(async |inner| {
                inner.request_stop();
                drop(inner.spawn(forever::<()>()));
                Ok(())
            });
            inner.await?;
            assert!(!outer.is_stopping() && !is_stopping());
            assert!(!beside.await?);
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn clean_up_in_a_shield_is_not_asked_to_leave_off() {
    paused(async {
        Group::scope(async |group| {
            group.request_stop();
            shield(async { assert!(!is_stopping()) }).await;
            // A group in there is a world of its own.
            shield(Group::scope(async |inner| {
                assert!(!inner.is_stopping());
                Ok(())
            }))
            .await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_cancelled_group_is_stopping_and_a_child_that_looks_ends_either_way() {
    on_both(|| async {
        let (looks, sees) = (Counter::default(), Counter::default());
        let group = Group::scope(async |group| {
            let (looked, saw) = (looks.clone(), sees.clone());
            drop(group.spawn(async move {
                while !is_stopping() {
                    looked.add();
                    tokio::task::yield_now().await;
                }
                saw.add();
                Ok(())
            }));
            until(|| looks.get() > 0).await;
            group.cancel("enough");
            assert!(group.is_stopping());
            Ok(())
        });
        group.await.unwrap();
        assert_eq!(sees.get(), 1, "it is polled once more");
    });
}

#[test]
fn a_handle_that_outlives_the_group_asks_nobody() {
    paused(async {
        let mut kept = None;
        let group = Group::builder().grace(SECOND).scope(async |group| {
            kept = Some(group.clone());
            Ok(())
        });
        group.await.unwrap();
        let kept = kept.unwrap();
        kept.request_stop();
        assert!(!kept.is_stopping());
    });
}

#[test]
fn a_failure_after_a_request_is_a_failure() {
    paused(async {
        let errors = Group::builder().grace(HOUR).scope(async |group| {
            drop(group.spawn(async {
                stop_requested().await;
                fails::<()>("could not save").await
            }));
            breathe().await;
            group.request_stop();
            forever::<()>().await
        });
        assert_eq!(messages(&errors.await.unwrap_err()), ["could not save"]);
    });
}

#[test]
fn children_that_wait_for_their_turn_begin_all_the_same() {
    paused(async {
        let done = Counter::default();
        Group::builder()
            .limit(1)
            .scope(async |group| {
                for _ in 0..5 {
                    let done = done.clone();
                    drop(group.spawn(async move {
                        stop_requested().await;
                        done.add();
                        Ok(())
                    }));
                }
                sleep(SECOND).await;
                group.request_stop();
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(done.get(), 5);
    });
}

#[test]
fn a_blocking_child_winds_down() {
    on_both(|| async {
        let started = Arc::new(AtomicBool::new(false));
        let rounds = Group::scope(async |group| {
            let flag = Arc::clone(&started);
            let child = group.spawn_blocking(move |cx| {
                flag.store(true, Ordering::Relaxed);
                let mut rounds = 0_u64;
                while !cx.is_stopping() {
                    rounds += 1;
                    std::thread::yield_now();
                }
                assert!(is_stopping() && !cx.is_cancelled());
                Ok(rounds)
            });
            until(|| started.load(Ordering::Relaxed)).await;
            group.request_stop();
            Ok(child.await?)
        });
        rounds.await.unwrap();
    });
}

// As a periodic child is written: one future for the request, polled in one timeout after the other.
#[test]
fn one_wait_for_a_request_outlives_the_timeouts_in_which_it_is_polled() {
    on_both(|| async {
        Group::scope(async |group| {
            let ticks = Counter::default();
            let (counter, asks) = (ticks.clone(), group.clone());
            let child = group.spawn(async move {
                let mut stop = pin!(stop_requested());
                while timeout(Duration::from_millis(1), stop.as_mut()).await.is_err() {
                    if counter.add() == 3 {
                        asks.request_stop();
                    }
                }
                Ok(())
            });
            child.await?;
            assert_eq!(ticks.get(), 3);
            Ok(())
        })
        .await
        .unwrap();
    });
}
