//! Many tasks, few permits.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::contenders::{Semaphore, semaphores};
use crate::measure::Scenario;
use crate::poll::let_others_go;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "semaphore/crowd-two-short",
            "64 tasks, 4 permits, held for an instant; two workers",
            semaphores!(T => |stage, n| crowd::<T>(stage, On::Two, n, false)),
        )
        .with_tasks(),
        Scenario::new(
            "semaphore/crowd-two-yield",
            "64 tasks, 4 permits, held while others go first; two workers",
            semaphores!(T => |stage, n| crowd::<T>(stage, On::Two, n, true)),
        )
        .with_tasks(),
        Scenario::new(
            "semaphore/crowd-one-yield",
            "64 tasks, 4 permits, held while others go first; one thread",
            semaphores!(T => |stage, n| crowd::<T>(stage, On::Current, n, true)),
        )
        .with_tasks(),
    ]
}

const TASKS: u64 = 64;
const PERMITS: usize = 4;

fn crowd<S: Semaphore>(stage: &Stage, on: On, n: u64, yields: bool) -> Duration {
    let semaphore = Arc::new(S::new(PERMITS));
    let turnstile = stage.turnstile(PERMITS);
    stage.runtime(on).block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let semaphore = Arc::clone(&semaphore);
                let turnstile = turnstile.clone();
                tokio::spawn(async move {
                    let turns = n / TASKS + u64::from(task < n % TASKS);
                    for _ in 0..turns {
                        let permit = semaphore.acquire().await;
                        turnstile.iter().for_each(|it| it.enter());
                        if yields {
                            let_others_go().await;
                        }
                        turnstile.iter().for_each(|it| it.leave());
                        drop(black_box(permit));
                    }
                    turns
                })
            })
            .collect();
        let mut turns = 0;
        for task in tasks {
            turns += task.await.expect("no task panics");
        }
        let took = start.elapsed();
        assert_eq!(turns, n);
        assert_eq!(semaphore.free(), PERMITS);
        took
    })
}
