//! Futures with a time to end by, in a runtime.

use std::future::{pending, ready};
use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::contenders::machine::Endless;
use crate::contenders::{Timeout, timeouts};
use crate::measure::{Scenario, timed};
use crate::poll::{let_others_go, poll};
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "timeout/ready",
            "around a future that is ready; one thread",
            timeouts!(T => at_once::<T>; Endless),
        )
        .counted(),
        Scenario::new(
            "timeout/yield-one",
            "around a future that lets others go once; one thread",
            timeouts!(T => |stage, n| after_others::<T>(stage, On::Current, n); Endless),
        )
        .counted()
        .with_tasks(),
        Scenario::new(
            "timeout/yield-two",
            "around a future that lets others go once; two workers",
            timeouts!(T => |stage, n| after_others::<T>(stage, On::Two, n); Endless),
        )
        .with_tasks(),
        Scenario::new(
            "timeout/nested-4",
            "four, one in the other, the inner ones looser, around a future that lets others go once; one thread",
            timeouts!(T => nested::<T>; Endless),
        )
        .counted()
        .with_tasks(),
        Scenario::new(
            "timeout/armed-100000",
            "100,000 made, armed, then dropped; per timeout, one thread",
            timeouts!(T => armed::<T>),
        )
        .crowded(100_000),
    ]
}

const LONG: Duration = Duration::from_secs(60);

fn at_once<T: Timeout>(stage: &Stage, n: u64) -> Duration {
    let work = async move {
        let mut sum = 0;
        let start = Instant::now();
        for i in 0..n {
            sum += T::value(T::timeout(black_box(LONG), ready(i)).await).expect("in time");
        }
        let took = start.elapsed();
        assert_eq!(sum, n * n.saturating_sub(1) / 2);
        took
    };
    stage.runtime(On::Current).block_on(async { tokio::spawn(work).await.expect("no task panics") })
}

fn after_others<T: Timeout>(stage: &Stage, on: On, n: u64) -> Duration {
    let work = async move {
        let start = Instant::now();
        for _ in 0..n {
            T::value(T::timeout(black_box(LONG), let_others_go()).await).expect("in time");
        }
        start.elapsed()
    };
    stage.runtime(on).block_on(async { tokio::spawn(work).await.expect("no task panics") })
}

fn nested<T: Timeout>(stage: &Stage, n: u64) -> Duration {
    let work = async move {
        let start = Instant::now();
        for _ in 0..n {
            let third =
                T::timeout(black_box(LONG * 3), T::timeout(black_box(LONG * 4), let_others_go()));
            let first = T::timeout(black_box(LONG), T::timeout(black_box(LONG * 2), third));
            let ended =
                T::value(first.await).and_then(T::value).and_then(T::value).and_then(T::value);
            ended.expect("in time");
        }
        start.elapsed()
    };
    stage.runtime(On::Current).block_on(async { tokio::spawn(work).await.expect("no task panics") })
}

fn armed<T: Timeout>(stage: &Stage, n: u64) -> Duration {
    stage.runtime(On::Current).block_on(async move {
        // Made inside: some set up their timer when they are made, some when they are first polled.
        timed(|| {
            let mut all: Vec<_> =
                (0..n).map(|_| Box::pin(T::timeout(LONG, pending::<()>()))).collect();
            for timeout in &mut all {
                assert!(poll(timeout.as_mut()).is_pending());
            }
            drop(all);
        })
    })
}
