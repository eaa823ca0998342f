//! Permits that are there: what taking and giving back costs when nobody waits.

use std::hint::black_box;
use std::time::Duration;

use crate::contenders::machine::Word;
use crate::contenders::{Semaphore, SemaphoreMany, semaphores, semaphores_of_many};
use crate::measure::{Scenario, timed};
use crate::poll::now;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "semaphore/try",
            "`try_acquire` and release",
            semaphores!(T => |_, n| tried::<T>(n); Word),
        )
        .counted(),
        Scenario::new(
            "semaphore/ready",
            "`acquire().await`, ready, and release; no runtime",
            semaphores!(T => |_, n| ready::<T>(n); Word),
        )
        .counted(),
        Scenario::new(
            "semaphore/many",
            "`acquire_many(3).await`, ready, and release; no runtime",
            semaphores_of_many!(T => |_, n| many::<T>(n); Word),
        )
        .counted(),
        Scenario::new(
            "semaphore/task",
            "`acquire().await`, ready, and release; in a tokio task",
            semaphores!(T => task::<T>; Word),
        )
        .counted(),
    ]
}

#[inline(never)]
fn tried<S: Semaphore>(n: u64) -> Duration {
    let semaphore = S::new(4);
    let took = timed(|| {
        for _ in 0..n {
            let permit = black_box(&semaphore).try_acquire();
            assert!(permit.is_some());
        }
    });
    assert_eq!(semaphore.free(), 4);
    took
}

#[inline(never)]
fn ready<S: Semaphore>(n: u64) -> Duration {
    let semaphore = S::new(4);
    let took = timed(|| {
        for _ in 0..n {
            drop(now(black_box(&semaphore).acquire()));
        }
    });
    assert_eq!(semaphore.free(), 4);
    took
}

#[inline(never)]
fn many<S: SemaphoreMany>(n: u64) -> Duration {
    let semaphore = S::new(4);
    let took = timed(|| {
        for _ in 0..n {
            drop(now(black_box(&semaphore).acquire_many(black_box(3))));
        }
    });
    assert_eq!(semaphore.free(), 4);
    took
}

fn task<S: Semaphore>(stage: &Stage, n: u64) -> Duration {
    let semaphore = S::new(4);
    stage.runtime(On::Current).block_on(async move {
        let work = async move {
            let start = std::time::Instant::now();
            for _ in 0..n {
                drop(black_box(&semaphore).acquire().await);
            }
            let took = start.elapsed();
            assert_eq!(semaphore.free(), 4);
            took
        };
        tokio::spawn(work).await.expect("no task panics")
    })
}
