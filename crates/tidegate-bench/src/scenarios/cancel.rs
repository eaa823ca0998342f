//! What can be cancelled: asked, made, run in, and cancelled.

use std::future::{pending, ready};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::contenders::machine::Flag;
use crate::contenders::{Ask, Scope, asks, scopes};
use crate::measure::{Scenario, timed};
use crate::poll::let_others_go;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "cancel/ask",
            "whether it is cancelled; with the loop around it",
            asks!(T => |_, n| ask::<T>(n); Flag),
        )
        .counted(),
        Scenario::new(
            "cancel/child",
            "one inside another made and dropped; no runtime",
            scopes!(T => |_, n| child::<T>(n)),
        )
        .counted(),
        Scenario::new(
            "cancel/run-ready",
            "a future that is ready run until it is cancelled; one thread",
            scopes!(T => run_at_once::<T>),
        )
        .counted(),
        Scenario::new(
            "cancel/run-yield",
            "a future that lets others go once run until it is cancelled; one thread",
            scopes!(T => run_after_others::<T>),
        )
        .counted()
        .with_tasks(),
        Scenario::new(
            "cancel/own-ready",
            "a future that is ready run in one of its own inside another; one thread",
            scopes!(T => own_at_once::<T>),
        )
        .counted(),
        Scenario::new(
            "cancel/own-yield",
            "a future that lets others go once run in one of its own inside another; one thread",
            scopes!(T => own_after_others::<T>),
        )
        .counted()
        .with_tasks(),
        Scenario::new(
            "cancel/tree-1000",
            "one with 1,000 inside, in each of which a task waits, cancelled until the last task has ended; per task, one thread",
            scopes!(T => tree::<T>),
        )
        .with_tasks(),
    ]
}

#[inline(never)]
fn ask<T: Ask>(n: u64) -> Duration {
    let asked = T::new();
    let mut no = 0;
    let took = asked.enter(|| {
        timed(|| {
            for _ in 0..n {
                no += u64::from(!black_box(&asked).is_cancelled());
            }
        })
    });
    assert_eq!(no, n);
    asked.cancel();
    assert!(asked.enter(|| asked.is_cancelled()));
    took
}

#[inline(never)]
fn child<T: Scope>(n: u64) -> Duration {
    let root = T::new();
    root.enter(|| {
        timed(|| {
            for _ in 0..n {
                drop(black_box(black_box(&root).child()));
            }
        })
    })
}

fn run_at_once<T: Scope>(stage: &Stage, n: u64) -> Duration {
    let root = T::new();
    let work = async move {
        let mut sum = 0;
        let start = Instant::now();
        for i in 0..n {
            sum += black_box(&root).run(ready(i)).await.expect("nobody cancels");
        }
        let took = start.elapsed();
        assert_eq!(sum, n * n.saturating_sub(1) / 2);
        took
    };
    in_a_task(stage, work)
}

fn run_after_others<T: Scope>(stage: &Stage, n: u64) -> Duration {
    let root = T::new();
    let work = async move {
        let start = Instant::now();
        for _ in 0..n {
            black_box(&root).run(let_others_go()).await.expect("nobody cancels");
        }
        start.elapsed()
    };
    in_a_task(stage, work)
}

fn own_at_once<T: Scope>(stage: &Stage, n: u64) -> Duration {
    let root = Arc::new(T::new());
    let inside = Arc::clone(&root);
    let work = async move {
        let mut sum = 0;
        let start = Instant::now();
        for i in 0..n {
            sum += black_box(&inside).run_in_child(ready(i)).await.expect("nobody cancels");
        }
        let took = start.elapsed();
        assert_eq!(sum, n * n.saturating_sub(1) / 2);
        took
    };
    in_a_task(stage, async move { root.carry(work).await })
}

fn own_after_others<T: Scope>(stage: &Stage, n: u64) -> Duration {
    let root = Arc::new(T::new());
    let inside = Arc::clone(&root);
    let work = async move {
        let start = Instant::now();
        for _ in 0..n {
            black_box(&inside).run_in_child(let_others_go()).await.expect("nobody cancels");
        }
        start.elapsed()
    };
    in_a_task(stage, async move { root.carry(work).await })
}

fn in_a_task(stage: &Stage, work: impl Future<Output = Duration> + Send + 'static) -> Duration {
    stage.runtime(On::Current).block_on(async { tokio::spawn(work).await.expect("no task panics") })
}

fn tree<T: Scope>(stage: &Stage, n: u64) -> Duration {
    let tasks = stage.crowd(1_000);
    let rounds = n.div_ceil(tasks);
    let took: Duration =
        (0..rounds).map(|_| stage.runtime(On::Current).block_on(fell::<T>(tasks))).sum();
    took.mul_f64(n as f64 / (rounds * tasks) as f64)
}

/// Cancels a tree of so many.
async fn fell<T: Scope>(tasks: u64) -> Duration {
    let root = T::new();
    let waiting = Arc::new(AtomicU64::new(0));
    let all: Vec<_> = (0..tasks)
        .map(|_| {
            let child = root.enter(|| root.child());
            let waiting = Arc::clone(&waiting);
            tokio::spawn(async move {
                waiting.fetch_add(1, Ordering::Relaxed);
                child.run(pending::<()>()).await
            })
        })
        .collect();
    while waiting.load(Ordering::Relaxed) < tasks {
        let_others_go().await;
    }
    let start = Instant::now();
    root.cancel();
    for task in all {
        assert_eq!(task.await.expect("no task panics"), None);
    }
    start.elapsed()
}
