//! Soft stop, then cancel, then drop.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_task_group::{Policy, TaskError};
use tidegate_test::{cut_everywhere, poll_once};
use tidegate_timeout::{
    CancelReason, Cancelled, Deadline, ScopeExt, cancel_scope, checkpoint, is_stopping, shield,
    stop_requested, timeout,
};
use tokio::time::{Instant, sleep};

use crate::support::*;

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
                            while !is_stopping() {
                                tokio::task::yield_now().await;
                            }
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
fn without_a_grace_the_group_waits_for_as_long_as_it_takes() {
    paused(async {
        let start = Instant::now();
        Group::scope(async |group| {
            group.request_stop();
            drop(group.spawn(async {
                sleep(100 * HOUR).await;
                Ok(())
            }));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(start.elapsed(), 100 * HOUR);
    });
}

#[test]
fn who_ends_within_the_grace_is_not_cancelled() {
    paused(async {
        let start = Instant::now();
        let value = Group::builder().grace(5 * SECOND).scope(async |group| {
            sleep(SECOND).await;
            let slow = group.spawn(async {
                stop_requested().await;
                sleep(4 * SECOND).await;
                Ok("in time")
            });
            group.request_stop();
            Ok(slow.await?)
        });
        assert_eq!(value.await.unwrap(), "in time");
        assert_eq!(start.elapsed(), 5 * SECOND);
    });
}

/// Cleans up for `clean_up` once it is cancelled; says when that began, and whether it was done.
async fn stubborn(
    start: Instant,
    clean_up: Duration,
    said: Said,
) -> Result<(), tidegate_task_group::BoxError> {
    with_cleanup(async move {
        said.0.lock().unwrap().push((start.elapsed(), checkpoint().unwrap_err().reason()));
        sleep(clean_up).await;
        said.0.lock().unwrap().push((start.elapsed(), CancelReason::from("clean")));
    })
    .await
}

#[derive(Clone, Default)]
struct Said(Arc<std::sync::Mutex<Vec<(Duration, CancelReason)>>>);

#[test]
fn who_is_still_there_is_cancelled_after_the_grace_and_dropped_after_another() {
    paused(async {
        let start = Instant::now();
        let (quick, slow) = (Said::default(), Said::default());
        let alive = Alive::default();
        let value = Group::builder().grace(5 * SECOND).scope(async |group| {
            drop(group.spawn(stubborn(start, SECOND, quick.clone())));
            let (slow, kept) = (slow.clone(), alive.clone());
            drop(group.spawn(async move {
                let _kept = kept;
                stubborn(start, HOUR, slow).await
            }));
            sleep(SECOND).await;
            group.request_stop();
            sleep(SECOND).await;
            // The first request counts.
            group.request_stop();
            Ok("the body had ended")
        });
        assert_eq!(value.await.unwrap(), "the body had ended");
        assert_eq!(start.elapsed(), 11 * SECOND);
        assert_eq!(alive.count(), 0);
        let cancelled = (6 * SECOND, CancelReason::Shutdown);
        let clean = (7 * SECOND, CancelReason::from("clean"));
        assert_eq!(*quick.0.lock().unwrap(), [cancelled.clone(), clean]);
        assert_eq!(*slow.0.lock().unwrap(), [cancelled]);
    });
}

#[test]
fn a_body_that_does_not_stop_is_cut_off_and_the_group_says_why() {
    paused(async {
        let start = Instant::now();
        let group = Group::builder().name("server").grace(SECOND).scope(async |group| {
            group.request_stop();
            forever::<()>().await
        });
        let errors = group.await.unwrap_err();
        assert_eq!(start.elapsed(), SECOND);
        let cancelled = errors.into_first();
        let reason = cancelled.downcast_ref::<Cancelled>().map(Cancelled::reason);
        assert_eq!(reason, Some(CancelReason::Shutdown));
    });
}

#[test]
fn no_grace_at_all_cancels_at_once() {
    paused(async {
        let start = Instant::now();
        let group = Group::builder().grace(Duration::ZERO).scope(async |group| {
            let task = group.spawn(forever::<()>());
            breathe().await;
            group.request_stop();
            Ok(task)
        });
        let task = group.await.unwrap();
        assert_eq!(task.await, Err(TaskError::Cancelled(CancelReason::Shutdown)));
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[test]
fn a_grace_that_no_clock_reaches_is_none() {
    paused(async {
        let group = Group::builder().grace(Duration::MAX).scope(async |group| {
            group.request_stop();
            sleep(HOUR).await;
            Ok(1)
        });
        assert_eq!(group.await.unwrap(), 1);
    });
}

#[test]
fn the_earlier_of_the_deadline_and_the_end_of_the_grace_cancels() {
    for (deadline, grace, reason) in [
        (3, 5, CancelReason::Deadline),
        (5, 3, CancelReason::Shutdown),
        (4, 4, CancelReason::Deadline),
    ] {
        paused(async {
            let start = Instant::now();
            let builder = Group::builder().grace(grace * SECOND);
            let group = builder.deadline(Deadline::after(deadline * SECOND)).scope(async |group| {
                let task = group.spawn(forever::<()>());
                breathe().await;
                group.request_stop();
                task.await?;
                Ok(())
            });
            let errors = group.await.unwrap_err();
            let found = errors.leaves().find_map(|error| error.downcast_ref::<Cancelled>());
            assert_eq!(found.map(Cancelled::reason), Some(reason));
            assert_eq!(start.elapsed(), deadline.min(grace) * SECOND);
        });
    }
}

// The scope around reports, and nobody sees a cancellation that is not its own.
#[test]
fn of_a_deadline_around_and_the_end_of_the_grace_at_once_the_former_reports() {
    paused(async {
        let start = Instant::now();
        let group = Group::builder().grace(SECOND).scope(async |group| {
            group.request_stop();
            forever::<()>().await
        });
        let around = timeout(SECOND, group);
        assert!(around.await.is_err());
        assert_eq!(start.elapsed(), SECOND);
    });
}

#[test]
fn the_grace_is_over_although_a_deadline_around_has_passed_unnoticed() {
    paused(async {
        let start = Instant::now();
        let carried = timeout(SECOND, async {
            let group = Group::builder().grace(2 * SECOND).scope(async |group| {
                group.request_stop();
                forever::<()>().await
            });
            Some(tokio::spawn(group.in_current_scope()))
        });
        let group = carried.await.unwrap().unwrap();
        let ended = tokio::time::timeout(HOUR, group).await.expect("within the hour");
        assert!(ended.unwrap().unwrap_err().contains::<Cancelled>());
        assert_eq!(start.elapsed(), 2 * SECOND);
    });
}

#[test]
fn the_grace_begins_although_the_scope_is_polled_by_nobody_else() {
    on_both(|| async {
        let group = Group::builder().grace(Duration::from_millis(1)).scope(async |group| {
            let asks = group.clone();
            drop(group.spawn(forever::<()>()));
            drop(group.spawn(async move {
                // The body has ended, and the scope only waits for its children.
                breathe().await;
                asks.request_stop();
                forever::<()>().await
            }));
            Ok("kept")
        });
        assert_eq!(group.await.unwrap(), "kept");
    });
}

#[test]
fn a_thread_outside_of_the_runtime_asks_by_the_clock_of_the_group() {
    paused(async {
        let start = Instant::now();
        let group = Group::builder().grace(3 * SECOND).scope(async |group| {
            sleep(HOUR).await;
            let asks = group.clone();
            std::thread::spawn(move || asks.request_stop()).join().unwrap();
            drop(group.spawn(forever::<()>()));
            Ok(())
        });
        group.await.unwrap();
        assert_eq!(start.elapsed(), HOUR + 3 * SECOND);
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
        let rounds = Counter::default();
        let errors = Group::scope(async |group| {
            let rounds = rounds.clone();
            let spins = group.spawn(async move {
                while !is_stopping() {
                    rounds.add();
                    std::thread::yield_now();
                    // Not an await that could end it.
                    let _ = poll_once(pin!(tokio::task::yield_now()));
                    tokio::task::yield_now().await;
                }
                Ok(())
            });
            breathe().await;
            group.cancel("enough");
            assert!(group.is_stopping());
            spins.await?;
            Ok(())
        });
        // Who is ready in time keeps its value; the body may have been cut off.
        let _ = errors.await;
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
fn a_stopping_group_that_is_dropped_anywhere_leaves_nothing_behind() {
    let runs = cut_everywhere(|cut| {
        paused(async {
            let alive = Alive::default();
            let group = Group::builder().grace(SECOND).scope(async |group| {
                for _ in 0..3 {
                    let alive = alive.clone();
                    drop(group.spawn(async move {
                        let _alive = alive;
                        stop_requested().await;
                        breathe().await;
                        Ok(())
                    }));
                }
                let kept = alive.clone();
                drop(group.spawn(async move {
                    let _kept = kept;
                    forever::<()>().await
                }));
                tokio::task::yield_now().await;
                group.request_stop();
                stop_requested().await;
                Ok("kept")
            });
            let around = cancel_scope(async |_| cut.short(group).await);
            if let Some(result) = around.await.unwrap() {
                assert_eq!(result.unwrap(), "kept");
            }
            assert_eq!(alive.count(), 0, "the scope around has waited");
        });
    });
    assert!(runs > 3, "{runs}");
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_runtime_that_goes_takes_a_stopping_group_along() {
    let asked = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&asked);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    drop(runtime.spawn(Group::builder().grace(SECOND).scope(async move |group| {
        let asks = group.clone();
        drop(group.spawn(async move {
            let _asks = OnDrop(move || {
                asks.request_stop();
                flag.store(asks.is_stopping(), Ordering::Relaxed);
            });
            forever::<()>().await
        }));
        forever::<()>().await
    })));
    runtime.block_on(breathe());
    drop(runtime);
    assert!(asked.load(Ordering::Relaxed));
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
            while !started.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
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

#[test]
fn whoever_is_woken_by_a_request_may_use_the_group() {
    struct Uses(Group);
    impl std::task::Wake for Uses {
        fn wake(self: Arc<Self>) {
            self.0.request_stop();
            let _ = (self.0.tree(), self.0.statistics(), self.0.is_stopping());
            self.0.cancel("from a waker");
        }
    }
    paused(async {
        let group = Group::builder().grace(SECOND).scope(async |group| {
            drop(group.spawn(forever::<()>()));
            breathe().await;
            let waker = std::task::Waker::from(Arc::new(Uses(group.clone())));
            let mut stop = pin!(stop_requested());
            assert!(tidegate_test::poll_with(stop.as_mut(), &waker).is_pending());
            group.request_stop();
            Ok("kept")
        });
        assert_eq!(group.await.unwrap(), "kept");
    });
}

#[test]
fn a_waker_that_panics_keeps_nobody_from_being_asked() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }
    paused(async {
        let start = Instant::now();
        let told = Counter::default();
        let group = Group::builder().grace(SECOND).scope(async |group| {
            let mut stop = pin!(stop_requested());
            let waker = std::task::Waker::from(Arc::new(Panics));
            assert!(tidegate_test::poll_with(stop.as_mut(), &waker).is_pending());
            let counter = told.clone();
            drop(group.spawn(async move {
                stop_requested().await;
                counter.add();
                forever::<()>().await
            }));
            breathe().await;
            let asks = group.clone();
            let asked =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| asks.request_stop()));
            assert!(asked.is_err());
            Ok(())
        });
        group.await.unwrap();
        assert_eq!((told.get(), start.elapsed()), (1, SECOND));
    });
}

#[test]
fn a_deep_tree_of_groups_is_asked_without_a_deep_stack() {
    fn chain(
        levels: usize,
        told: Counter,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), tidegate_task_group::BoxError>> + Send>>
    {
        Box::pin(async move {
            Group::scope(async |group| {
                if levels > 0 {
                    drop(group.spawn(chain(levels - 1, told.clone())));
                }
                stop_requested().await;
                told.add();
                Ok(())
            })
            .await?;
            Ok(())
        })
    }
    paused(async {
        let told = Counter::default();
        Group::scope(async |group| {
            drop(group.spawn(chain(5_000, told.clone())));
            sleep(SECOND).await;
            group.request_stop();
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(told.get(), 5_001);
    });
}

#[test]
fn ten_thousand_who_wait_for_a_request_are_all_told() {
    on_two_workers(async {
        let told = Counter::default();
        Group::builder()
            .grace(HOUR)
            .scope(async |group| {
                for i in 0..10_000 {
                    let told = told.clone();
                    drop(group.spawn(async move {
                        if i % 2 == 0 {
                            stop_requested().await;
                        } else {
                            timeout(HOUR, stop_requested()).await?;
                        }
                        told.add();
                        Ok(())
                    }));
                }
                // Some have not been polled by then.
                group.request_stop();
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(told.get(), 10_000);
    });
}

#[test]
fn a_group_that_is_kept_elsewhere_is_cancelled_at_its_time_all_the_same() {
    use futures_util::StreamExt;
    use futures_util::stream::FuturesUnordered;
    paused(async {
        let start = Instant::now();
        let mut kept = FuturesUnordered::new();
        let group = Group::builder().grace(3 * SECOND).scope(async |group| {
            group.request_stop();
            drop(group.spawn(forever::<()>()));
            Ok(())
        });
        kept.push(group.in_current_scope());
        // Polled in one timeout after the other.
        let mut pauses = 0;
        while timeout(SECOND / 2, kept.next()).await.is_err() {
            pauses += 1;
            assert!(pauses < 10, "it is woken");
        }
        assert_eq!(start.elapsed(), 3 * SECOND);
    });
}
