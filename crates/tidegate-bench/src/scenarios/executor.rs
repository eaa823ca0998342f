//! Work that blocks a thread, and functions that are called later.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::contenders::{Alarm, Threads, Watch, alarms, threads, watches};
use crate::measure::Scenario;
use crate::poll::{let_others_go, poll};
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "threads/burst-10000",
            "10,000 tiny jobs at once, on four threads unless it says otherwise; per job",
            threads!(T => |stage, n| burst::<T>(stage, stage.crowd(10_000), n)),
        )
        .with_tasks(),
        Scenario::new(
            "threads/one",
            "a tiny job at a time, there and back",
            threads!(T => |stage, n| burst::<T>(stage, 1, n)),
        )
        .with_tasks(),
        Scenario::new(
            "timer/cancel",
            "64 functions for later, of which nothing comes; per function, one thread",
            alarms!(T => |stage, n| cancelled::<T>(stage, On::Current, n)),
        )
        .with_tasks(),
        Scenario::new(
            "timer/cancel-two",
            "64 functions for later, of which nothing comes; per function, two workers",
            alarms!(T => |stage, n| cancelled::<T>(stage, On::Two, n)),
        )
        .with_tasks(),
        Scenario::new(
            "watch/poll",
            "a future polled that does nothing; the difference to the future as it is counts, not the ratio",
            watches!(T => |_, n| polled::<T>(n)),
        ),
    ]
}

/// As many bursts as `n` jobs are; the time is that of `n` of them.
fn burst<T: Threads>(stage: &Stage, jobs: u64, n: u64) -> Duration {
    let threads = T::new();
    // What a job returns is counted where it is awaited: a counter that all threads share would be the job.
    let job = || black_box(1);
    let rounds = n.div_ceil(jobs);
    let took = stage.runtime(On::Current).block_on(async {
        // The threads are there when the clock starts.
        let mut ran = all(&threads, jobs, job).await;
        let start = Instant::now();
        for _ in 0..rounds {
            ran += all(&threads, jobs, job).await;
        }
        let took = start.elapsed();
        assert_eq!(ran, (rounds + 1) * jobs);
        took
    });
    took.mul_f64(n as f64 / (rounds * jobs) as f64)
}

/// Has so many jobs run, and waits for all of them; the sum of what they return.
async fn all<T: Threads>(threads: &T, jobs: u64, job: fn() -> u64) -> u64 {
    let running: Vec<_> = (0..jobs).map(|_| threads.start(job)).collect();
    let mut sum = 0;
    for job in running {
        sum += job.await.expect("no job panics");
    }
    sum
}

fn cancelled<T: Alarm>(stage: &Stage, on: On, n: u64) -> Duration {
    const SOME: u64 = 64;
    let rounds = n.div_ceil(SOME);
    let work = async move {
        let start = Instant::now();
        for _ in 0..rounds {
            let alarms: Vec<_> = (0..SOME).map(|_| T::set()).collect();
            // Whatever has to be begun is.
            let_others_go().await;
            alarms.into_iter().for_each(T::cancel);
            let_others_go().await;
        }
        start.elapsed()
    };
    let took =
        stage.runtime(on).block_on(async { tokio::spawn(work).await.expect("no task panics") });
    took.mul_f64(n as f64 / (rounds * SOME) as f64)
}

/// Behind a pointer, as a runtime has its tasks.
fn polled<T: Watch>(n: u64) -> Duration {
    let _watch = T::start();
    let mut turns = 0;
    let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(T::watched(poll_fn(move |_| {
        turns += 1;
        if turns > n { Poll::Ready(()) } else { Poll::Pending }
    })));
    let start = Instant::now();
    for _ in 0..n {
        assert!(poll(black_box(&mut future).as_mut()).is_pending());
    }
    start.elapsed()
}
