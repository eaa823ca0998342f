//! Two tasks, two events: each sets the other's and waits for its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::contenders::{Clear, events_that_clear};
use crate::measure::Scenario;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "event/ping-pong-two",
            "two tasks wake each other, per wake; two workers",
            events_that_clear!(T => |stage, n| ping_pong::<T>(stage, On::Two, n)),
        )
        .with_tasks(),
        Scenario::new(
            "event/ping-pong-one",
            "two tasks wake each other, per wake; one thread",
            events_that_clear!(T => |stage, n| ping_pong::<T>(stage, On::Current, n)),
        )
        .with_tasks()
        .counted(),
    ]
}

fn ping_pong<E: Clear>(stage: &Stage, on: On, n: u64) -> Duration {
    let rounds = n.div_ceil(2);
    let events = Arc::new((E::new(), E::new()));
    stage.runtime(on).block_on(async move {
        let start = Instant::now();
        let there = Arc::clone(&events);
        let other = tokio::spawn(async move {
            for _ in 0..rounds {
                there.0.wait().await;
                there.0.clear();
                there.1.set();
            }
        });
        let here = events;
        let own = tokio::spawn(async move {
            for _ in 0..rounds {
                here.0.set();
                here.1.wait().await;
                here.1.clear();
            }
        });
        own.await.expect("no task panics");
        other.await.expect("no task panics");
        start.elapsed()
    })
}
