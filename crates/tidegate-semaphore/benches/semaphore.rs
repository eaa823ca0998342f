//! The semaphore beside tokio's, which gives the same guarantee: first come, first served.
//!
//! Each round runs every contender once, in an order that turns, so that whatever else the machine does meets all of
//! them alike. What is printed is the median of the rounds and its ratio to the best.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

const ROUNDS: usize = 31;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    compare(
        "acquire, ready, and give back",
        10_000,
        [
            ("tidegate", Box::new(|n| ready(n, tidegate_semaphore::Semaphore::new(4)))),
            ("tokio", Box::new(|n| ready(n, tokio::sync::Semaphore::new(4)))),
        ],
    );
    compare(
        "64 tasks, 4 permits, two threads",
        64 * 100,
        [
            ("tidegate", Box::new(|n| crowd(&runtime, n, tidegate_semaphore::Semaphore::new(4)))),
            ("tokio", Box::new(|n| crowd(&runtime, n, tokio::sync::Semaphore::new(4)))),
        ],
    );
}

type Run<'a> = Box<dyn Fn(usize) + 'a>;

fn compare<const N: usize>(scenario: &str, n: usize, contenders: [(&str, Run<'_>); N]) {
    let mut times = [const { Vec::new() }; N];
    for round in 0..=ROUNDS {
        for turn in 0..N {
            let who = (round + turn) % N;
            let start = Instant::now();
            contenders[who].1(n);
            // The first round warms up.
            if round > 0 {
                times[who].push(start.elapsed());
            }
        }
    }
    let medians = times.map(|mut it| {
        it.sort_unstable();
        it[it.len() / 2]
    });
    let best = medians.iter().copied().min().unwrap_or(Duration::ZERO).as_secs_f64();
    println!("{scenario}");
    for ((name, _), median) in contenders.iter().zip(medians) {
        let each = median.as_secs_f64() * 1e9 / n as f64;
        println!("  {name:10} {each:8.1} ns  {:.2} x the best", median.as_secs_f64() / best);
    }
}

/// What the two have in common.
trait Permits: Send + Sync + 'static {
    fn with_permit(&self) -> impl Future<Output = ()> + Send;
    fn free(&self) -> usize;
}

impl Permits for tidegate_semaphore::Semaphore {
    async fn with_permit(&self) {
        let _permit = black_box(self.acquire().await.expect("never closed"));
    }
    fn free(&self) -> usize {
        self.available_permits()
    }
}

impl Permits for tokio::sync::Semaphore {
    async fn with_permit(&self) {
        let _permit = black_box(self.acquire().await.expect("never closed"));
    }
    fn free(&self) -> usize {
        self.available_permits()
    }
}

fn ready(n: usize, semaphore: impl Permits) {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..n {
        assert!(pin!(semaphore.with_permit()).poll(&mut cx).is_ready());
    }
    assert_eq!(semaphore.free(), 4);
}

fn crowd(runtime: &Runtime, n: usize, semaphore: impl Permits) {
    let semaphore = Arc::new(semaphore);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                tokio::spawn(async move {
                    for _ in 0..n / 64 {
                        semaphore.with_permit().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no task panics");
        }
    });
    assert_eq!(semaphore.free(), 4);
}
