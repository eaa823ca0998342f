//! Tasks that meet, again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::contenders::{Barrier, barriers};
use crate::measure::Scenario;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    let meet = |id, what, on, parties| {
        let mut run = barriers!(T => move |stage, n| meet::<T>(stage, on, parties, n));
        run.retain(|it| parties <= it.who.parties);
        Scenario::new(id, what, run).with_tasks()
    };
    let (one, two) = (On::Current, On::Two);
    vec![
        meet("barrier/two-8", "8 tasks meet, per arrival; two workers", two, 8),
        meet("barrier/two-64", "64 tasks meet, per arrival; two workers", two, 64),
        meet("barrier/one-8", "8 tasks meet, per arrival; one thread", one, 8),
        meet("barrier/one-64", "64 tasks meet, per arrival; one thread", one, 64),
    ]
}

fn meet<B: Barrier>(stage: &Stage, on: On, parties: u64, n: u64) -> Duration {
    let rounds = n.div_ceil(parties);
    let barrier = Arc::new(B::new(parties as usize));
    let took = stage.runtime(on).block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..parties)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                tokio::spawn(async move {
                    let mut led = 0;
                    for _ in 0..rounds {
                        led += u64::from(barrier.wait().await);
                    }
                    led
                })
            })
            .collect();
        let mut led = 0;
        for task in tasks {
            led += task.await.expect("no task panics");
        }
        assert_eq!(led, rounds, "each round has one leader");
        start.elapsed()
    });
    took.mul_f64(n as f64 / (rounds * parties) as f64)
}
