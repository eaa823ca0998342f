//! Tasks that want the lock all the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::contenders::{Lock, locks, machine};
use crate::measure::Scenario;
use crate::poll::{let_others_go, now};
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    let short = |id, what, on, tasks| {
        let run =
            locks!(T => move |stage, n| crowd::<T>(stage, on, tasks, n, false); machine::Lock);
        Scenario::new(id, what, run).with_tasks()
    };
    // Who blocks its thread would wait for a task that waits for the thread.
    let yields = |id, what, on, tasks| {
        let run = locks!(T => move |stage, n| crowd::<T>(stage, on, tasks, n, true));
        Scenario::new(id, what, run).with_tasks()
    };
    let (one, two) = (On::Current, On::Two);
    vec![
        short("lock/crowd-two-2-short", "2 tasks add one in turn; two workers", two, 2),
        short("lock/crowd-two-8-short", "8 tasks add one in turn; two workers", two, 8),
        short("lock/crowd-two-64-short", "64 tasks add one in turn; two workers", two, 64),
        yields(
            "lock/crowd-two-2-yield",
            "2 tasks, others go first with the lock held; two workers",
            two,
            2,
        ),
        yields(
            "lock/crowd-two-8-yield",
            "8 tasks, others go first with the lock held; two workers",
            two,
            8,
        ),
        yields(
            "lock/crowd-two-64-yield",
            "64 tasks, others go first with the lock held; two workers",
            two,
            64,
        ),
        yields(
            "lock/crowd-one-8-yield",
            "8 tasks, others go first with the lock held; one thread",
            one,
            8,
        ),
        yields(
            "lock/crowd-one-64-yield",
            "64 tasks, others go first with the lock held; one thread",
            one,
            64,
        ),
    ]
}

fn crowd<L: Lock>(stage: &Stage, on: On, tasks: u64, n: u64, yields: bool) -> Duration {
    let lock = Arc::new(L::new());
    let took = stage.runtime(on).block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..tasks)
            .map(|task| {
                let lock = Arc::clone(&lock);
                tokio::spawn(async move {
                    for _ in 0..n / tasks + u64::from(task < n % tasks) {
                        let mut guard = lock.lock().await;
                        *guard += 1;
                        if yields {
                            let_others_go().await;
                        }
                        drop(guard);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
        start.elapsed()
    });
    assert_eq!(*now(lock.lock()), n);
    took
}
