//! Who is still there when the grace is over.

use super::*;

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
