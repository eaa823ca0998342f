//! Futures of one task that are waited for together.

use std::future::ready;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::contenders::{Together, futures_concurrency, togethers};
use crate::measure::Scenario;
use crate::stage::{On, Stage};

/// Looks at all of them with every wake: minutes, for 16,000.
type Scanning = futures_concurrency::Together;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "together/8",
            "8 futures that are ready at once, awaited together; per future, one thread",
            togethers!(T => |stage, n| at_once::<T>(stage, 8, n); Scanning),
        )
        .counted(),
        Scenario::new(
            "together/8-singly",
            "8 futures that are woken one at a time, awaited together; per future, one thread",
            togethers!(T => |stage, n| singly::<T>(stage, 8, n); Scanning),
        )
        .with_tasks(),
        Scenario::new(
            "together/1000-singly",
            "1,000 futures that are woken one at a time, awaited together; per future, one thread",
            togethers!(T => |stage, n| singly::<T>(stage, stage.crowd(1_000), n); Scanning),
        )
        .with_tasks(),
        Scenario::new(
            "together/16000-singly",
            "16,000 futures that are woken one at a time, awaited together; per future, one thread",
            togethers!(T => |stage, n| singly::<T>(stage, stage.crowd(16_000), n)),
        )
        .with_tasks(),
    ]
}

fn at_once<T: Together>(stage: &Stage, futures: u64, n: u64) -> Duration {
    let rounds = n.div_ceil(futures);
    let work = async move {
        let start = Instant::now();
        for _ in 0..rounds {
            let sum = T::sum((0..futures).map(ready).collect()).await;
            assert_eq!(sum, futures * (futures - 1) / 2);
        }
        start.elapsed()
    };
    share(stage.runtime(On::Current).block_on(work), rounds * futures, n)
}

/// A task wakes them, and lets the one that waits go first each time.
fn singly<T: Together>(stage: &Stage, futures: u64, n: u64) -> Duration {
    let rounds = n.div_ceil(futures);
    let work = async move {
        let mut took = Duration::ZERO;
        for _ in 0..rounds {
            let (wake, wait): (Vec<_>, Vec<_>) = (0..futures).map(|_| oneshot::channel()).unzip();
            let wait = wait.into_iter().map(|it| async { it.await.expect("it is sent") });
            let waits = tokio::spawn(T::sum(wait.collect()));
            tokio::task::yield_now().await;
            let start = Instant::now();
            for (number, wake) in (0..futures).zip(wake) {
                wake.send(number).expect("it is awaited");
                tokio::task::yield_now().await;
            }
            assert_eq!(waits.await.expect("no panic"), futures * (futures - 1) / 2);
            took += start.elapsed();
        }
        took
    };
    let work = async { tokio::spawn(work).await.expect("no task panics") };
    share(stage.runtime(On::Current).block_on(work), rounds * futures, n)
}

/// The time of `n`, when `all` took so long.
fn share(took: Duration, all: u64, n: u64) -> Duration {
    took.mul_f64(n as f64 / all as f64)
}
