use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate::prelude::*;
use tokio::time::{Instant, sleep};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn a_deadline_reaches_the_children_of_a_group_and_frees_what_they_hold() {
    let permits = Arc::new(Semaphore::new(2));
    let start = Instant::now();
    let group = TaskGroup::<BoxError>::scope({
        let permits = Arc::clone(&permits);
        async move |group| {
            for _ in 0..5 {
                let permits = Arc::clone(&permits);
                group.spawn(async move {
                    let _permit = permits.acquire_owned().await?;
                    assert_eq!(
                        Deadline::ambient().remaining().map(|it| it <= seconds(3)),
                        Some(true)
                    );
                    std::future::pending::<()>().await;
                    Ok(())
                });
            }
            Ok(())
        }
    });
    assert!(timeout(seconds(3), group).await.is_err());
    assert_eq!(start.elapsed(), seconds(3));
    assert_eq!((permits.available_permits(), permits.waiters()), (2, 0));
    assert_eq!(Arc::strong_count(&permits), 1, "no task is left that could hold a share");
}

#[tokio::test]
async fn a_group_that_fails_tells_the_thread_job_of_a_sibling_and_waits_for_it() {
    let ended = Arc::new(AtomicUsize::new(0));
    let started = Arc::new(Event::new());
    let result = TaskGroup::<BoxError>::scope({
        let (ended, started) = (Arc::clone(&ended), Arc::clone(&started));
        async move |group| {
            let running = Arc::clone(&started);
            group.spawn(async move {
                to_thread(move |cx| {
                    running.set();
                    while !cx.is_cancelled() {
                        std::thread::yield_now();
                    }
                    ended.fetch_add(1, Ordering::SeqCst);
                })
                .await?;
                Ok(())
            });
            started.wait().await;
            Err::<(), _>("the body has had enough".into())
        }
    })
    .await;
    assert_eq!(result.unwrap_err().len(), 1);
    assert_eq!(ended.load(Ordering::SeqCst), 1, "the job had ended when the group returned");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_at_a_shut_gate_than_their_deadline_allows() {
    let gate = TimeLock::new();
    gate.lock_for(seconds(60)).until.expect("it is shut for a time");
    let start = Instant::now();
    let pass = timeout(seconds(2), gate.acquire()).named("gate").await;
    assert_eq!(pass.unwrap_err().name(), Some("gate"));
    assert_eq!((start.elapsed(), gate.waiters()), (seconds(2), 0));
    gate.acquire().await.expect("it opens by itself").unknown();
    assert_eq!(start.elapsed(), seconds(60));
}

#[tokio::test(start_paused = true)]
async fn a_shielded_step_is_finished_though_the_group_around_it_fails() {
    let saved = Arc::new(AtomicUsize::new(0));
    let result = TaskGroup::<BoxError>::scope({
        let saved = Arc::clone(&saved);
        async move |group| {
            group.spawn(async move {
                shield(async {
                    sleep(seconds(2)).await;
                    saved.fetch_add(1, Ordering::SeqCst);
                })
                .await;
                Ok(())
            });
            sleep(seconds(1)).await;
            Err::<(), _>("too late for the rest".into())
        }
    })
    .await;
    assert!(result.is_err());
    assert_eq!(saved.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_at_a_barrier_takes_the_arrival_back() {
    let barrier = Barrier::new(2);
    assert!(timeout(seconds(1), barrier.wait()).await.is_err());
    assert!(timeout(seconds(1), barrier.wait()).await.is_err(), "the first is not there any more");
    let (one, other) = tokio::join!(timeout(seconds(1), barrier.wait()), barrier.wait());
    let turns = [one.expect("in time"), other].map(|it| it.expect("nobody aborts it"));
    assert_eq!(turns.map(|it| it.index()), [0, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_children_of_a_group_meet_at_each_step() {
    const CHILDREN: usize = 8;
    const STEPS: usize = 100;
    let barrier = Arc::new(Barrier::new(CHILDREN));
    let steps: Arc<[AtomicUsize; STEPS]> = Arc::new([const { AtomicUsize::new(0) }; STEPS]);
    TaskGroup::<BoxError>::scope({
        let steps = Arc::clone(&steps);
        async move |group| {
            for _ in 0..CHILDREN {
                let (barrier, steps) = (Arc::clone(&barrier), Arc::clone(&steps));
                group.spawn(async move {
                    for step in steps.iter() {
                        step.fetch_add(1, Ordering::Relaxed);
                        barrier.wait().await?;
                        assert_eq!(step.load(Ordering::Relaxed), CHILDREN);
                    }
                    Ok(())
                });
            }
            Ok(())
        }
    })
    .await
    .expect("every child takes every step");
}
