//! A time lock that is open, as it is nearly always.

use std::hint::black_box;
use std::time::Duration;

use crate::contenders::machine::Flag;
use crate::contenders::{OpenGate, open_gates};
use crate::measure::{Scenario, timed};
use crate::poll::now;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "time-lock/try",
            "`try_acquire()`, open, and `ok`; no runtime",
            open_gates!(T => |_, n| tries::<T>(n); Flag),
        )
        .counted(),
        Scenario::new(
            "time-lock/open",
            "`acquire().await`, open, and `ok`; no runtime",
            open_gates!(T => |_, n| open::<T>(n); Flag),
        )
        .counted(),
        Scenario::new(
            "time-lock/task",
            "`acquire().await`, open, and `ok`; in a tokio task",
            open_gates!(T => task::<T>; Flag),
        )
        .counted(),
    ]
}

#[inline(never)]
fn tries<G: OpenGate>(n: u64) -> Duration {
    let gate = G::new();
    timed(|| {
        for _ in 0..n {
            black_box(&gate).try_pass();
        }
    })
}

#[inline(never)]
fn open<G: OpenGate>(n: u64) -> Duration {
    let gate = G::new();
    timed(|| {
        for _ in 0..n {
            now(black_box(&gate).pass());
        }
    })
}

fn task<G: OpenGate>(stage: &Stage, n: u64) -> Duration {
    let gate = G::new();
    stage.runtime(On::Current).block_on(async move {
        let work = async move {
            let start = std::time::Instant::now();
            for _ in 0..n {
                black_box(&gate).pass().await;
            }
            start.elapsed()
        };
        tokio::spawn(work).await.expect("no task panics")
    })
}
