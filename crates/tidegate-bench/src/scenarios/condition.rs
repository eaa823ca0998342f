//! A locked number that tasks wait to see changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::contenders::{Condition, conditions};
use crate::measure::Scenario;
use crate::poll::let_others_go;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "condition/ping-pong-two",
            "two tasks `notify_one` each other, per turn; two workers",
            conditions!(T => |stage, n| ping_pong::<T>(stage, On::Two, n)),
        )
        .with_tasks(),
        Scenario::new(
            "condition/ping-pong-one",
            "two tasks `notify_one` each other, per turn; one thread",
            conditions!(T => |stage, n| ping_pong::<T>(stage, On::Current, n)),
        )
        .counted()
        .with_tasks(),
        Scenario::new(
            "condition/all-10000-two",
            "10,000 tasks wait: `notify_all` until all have had the lock, per task; two workers",
            conditions!(T => |stage, n| all::<T>(stage, On::Two, n)),
        )
        .crowded(10_000),
        Scenario::new(
            "condition/all-10000-one",
            "10,000 tasks wait: `notify_all` until all have had the lock, per task; one thread",
            conditions!(T => |stage, n| all::<T>(stage, On::Current, n)),
        )
        .crowded(10_000),
    ]
}

/// The number says how many turns there have been: one task takes the even ones, the other the odd ones.
fn ping_pong<C: Condition>(stage: &Stage, on: On, n: u64) -> Duration {
    let condition = Arc::new(C::new());
    stage.runtime(on).block_on(async move {
        let start = Instant::now();
        let tasks = [0, 1].map(|own| {
            let condition = Arc::clone(&condition);
            tokio::spawn(async move {
                let mut guard = condition.lock().await;
                for turn in (own..n).step_by(2) {
                    while *guard != turn {
                        guard = condition.wait(guard).await;
                    }
                    *guard += 1;
                    condition.notify_one();
                }
            })
        });
        for task in tasks {
            task.await.expect("no task panics");
        }
        let took = start.elapsed();
        assert_eq!(*condition.lock().await, n);
        took
    })
}

/// So many wait for the number to be more than nothing, and each adds one.
fn all<C: Condition>(stage: &Stage, on: On, k: u64) -> Duration {
    let condition = Arc::new(C::new());
    let waiting = Arc::new(AtomicU64::new(0));
    stage.runtime(on).block_on(async {
        let (last, all_through) = oneshot::channel();
        let last = Arc::new(std::sync::Mutex::new(Some(last)));
        for _ in 0..k {
            let (condition, waiting, last) =
                (Arc::clone(&condition), Arc::clone(&waiting), Arc::clone(&last));
            tokio::spawn(async move {
                let mut guard = condition.lock().await;
                // With the lock held: who takes it after the last of these finds them all waiting.
                waiting.fetch_add(1, Ordering::Relaxed);
                while *guard == 0 {
                    guard = condition.wait(guard).await;
                }
                *guard += 1;
                if *guard == k + 1 {
                    let last = last.lock().expect("nobody panics").take();
                    let _ = last.expect("only the last one").send(Instant::now());
                }
            });
        }
        while waiting.load(Ordering::Relaxed) < k {
            let_others_go().await;
        }
        let mut guard = condition.lock().await;
        *guard = 1;
        let start = Instant::now();
        condition.notify_all();
        drop(guard);
        let end = all_through.await.expect("the last one tells");
        assert_eq!(*condition.lock().await, k + 1);
        end.duration_since(start)
    })
}
