//! Both kinds of runtime, and tokio's budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate_task_group::{as_completed, gather, gather_settled, race};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use crate::support::{on_two_workers, paused};

#[test]
fn children_are_woken_by_other_threads() {
    for _ in 0..20 {
        on_two_workers(async {
            let squares = (0..500_u64).map(|it| async move {
                tokio::spawn(async move { it * it }).await.map_err(|it| it.to_string())
            });
            let all = gather(squares).limit(100).await.unwrap();
            assert!(all.into_iter().eq((0..500).map(|it| it * it)));

            let mut tasks = as_completed((0..500).map(|it| tokio::spawn(async move { it })));
            let mut sum = 0;
            while let Some((position, value)) = tasks.next().await {
                let value: usize = value.unwrap();
                assert_eq!(position, value);
                sum += value;
            }
            assert_eq!(sum, 499 * 500 / 2);
        });
    }
}

#[test]
fn a_paused_clock_moves_them() {
    paused(async {
        let start = tokio::time::Instant::now();
        let naps = (1..=10).map(|it| async move {
            sleep(Duration::from_secs(it)).await;
            it
        });
        assert_eq!(gather_settled(naps.clone()).limit(1).await.len(), 10);
        assert_eq!(start.elapsed(), Duration::from_secs(55));
        assert_eq!(race(naps).await, 1);
        assert_eq!(start.elapsed(), Duration::from_secs(56));
    });
}

/// How often a task beside `future` runs until it is done.
fn turns_of_others<T>(future: impl Future<Output = T>) -> usize {
    paused(async {
        let turns = Arc::new(AtomicUsize::new(0));
        let other = {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move {
                loop {
                    turns.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        };
        future.await;
        other.abort();
        turns.load(Ordering::Relaxed)
    })
}

#[test]
fn others_have_their_turn_when_the_budget_is_gone() {
    // Children that are ready at once and use no budget themselves.
    let ready = turns_of_others(gather_settled((0..16_000).map(|it| async move { it })));
    assert!((100..1000).contains(&ready), "{ready}");

    // A child that never has to wait, were it not for the budget; and a hundred of them.
    let semaphore = Semaphore::new(1000);
    let takes = || async {
        for _ in 0..1000 {
            drop(semaphore.acquire().await);
        }
    };
    let one = turns_of_others(gather_settled([takes()]));
    assert!((5..100).contains(&one), "{one}");
    let hundred = turns_of_others(gather_settled((0..100).map(|_| takes())));
    assert!((500..10_000).contains(&hundred), "{hundred}");
}

#[test]
fn a_child_whose_budget_is_gone_is_not_polled_in_a_circle() {
    // What a livelock looks like: every child is polled again and again within one budget.
    let polls = Arc::new(AtomicUsize::new(0));
    paused(async {
        let (send, receive) = mpsc::unbounded_channel();
        (0..10_000).for_each(|it| send.send(it).unwrap());
        drop(send);
        let receive = Arc::new(tokio::sync::Mutex::new(receive));
        let children = (0..100).map(|_| {
            let (receive, polls) = (Arc::clone(&receive), Arc::clone(&polls));
            let mut child =
                Box::pin(async move { while receive.lock().await.recv().await.is_some() {} });
            std::future::poll_fn(move |cx| {
                polls.fetch_add(1, Ordering::Relaxed);
                child.as_mut().poll(cx)
            })
        });
        gather_settled(children).await;
    });
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls < 50_000, "{polls}");
}
