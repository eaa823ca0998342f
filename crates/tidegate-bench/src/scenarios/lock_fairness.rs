//! Who gets the lock how often, and who waits longest, when 64 tasks want it all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::contenders::{Lock, locks};
use crate::measure::{Outcome, Scenario, Unit};
use crate::poll::{let_others_go, now};
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    let share = |id, what, on, inside| {
        let run = locks!(T => move |stage, n| Outcome::Was(compete::<T>(stage, on, inside, n).0));
        Scenario::new(id, what, run).unit(Unit::Share).crowded(19_200)
    };
    let longest = |id, what, on| {
        let run = locks!(T => move |stage, n| Outcome::Was(compete::<T>(stage, on, true, n).1));
        Scenario::new(id, what, run).unit(Unit::Times).crowded(19_200)
    };
    vec![
        share(
            "lock/share-two-between",
            "64 tasks, others go first between turns: the slowest one's part of a fair share; two workers",
            On::Two,
            false,
        ),
        share(
            "lock/share-two-inside",
            "64 tasks, others go first with the lock held: the slowest one's part of a fair share; two workers",
            On::Two,
            true,
        ),
        share(
            "lock/share-one-inside",
            "64 tasks, others go first with the lock held: the slowest one's part of a fair share; one thread",
            On::Current,
            true,
        ),
        longest(
            "lock/longest-two-inside",
            "64 tasks, others go first with the lock held: the longest wait, in rounds of 64 turns; two workers",
            On::Two,
        ),
        longest(
            "lock/longest-one-inside",
            "64 tasks, others go first with the lock held: the longest wait, in rounds of 64 turns; one thread",
            On::Current,
        ),
    ]
}

const TASKS: u64 = 64;

/// `n` turns: the slowest task's part of its share, and the longest wait in fair rounds.
fn compete<L: Lock>(stage: &Stage, on: On, inside: bool, n: u64) -> (f64, f64) {
    struct Course<L> {
        lock: L,
        ready: AtomicU64,
        /// As many turns as the lock has seen, to be read without it.
        turns: AtomicU64,
    }
    let course =
        Arc::new(Course { lock: L::new(), ready: AtomicU64::new(0), turns: AtomicU64::new(0) });
    let results = stage.runtime(on).block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let course = Arc::clone(&course);
                tokio::spawn(async move {
                    course.ready.fetch_add(1, Ordering::Relaxed);
                    while course.ready.load(Ordering::Relaxed) < TASKS {
                        let_others_go().await;
                    }
                    let (mut own, mut longest) = (0_u64, 0_u64);
                    loop {
                        let asked = course.turns.load(Ordering::Relaxed);
                        let mut guard = course.lock.lock().await;
                        longest = longest.max(*guard - asked.min(*guard));
                        // Who starved until now has waited too.
                        if *guard == n {
                            return (own, longest);
                        }
                        *guard += 1;
                        own += 1;
                        course.turns.store(*guard, Ordering::Relaxed);
                        if inside {
                            let_others_go().await;
                        }
                        drop(guard);
                        if !inside {
                            let_others_go().await;
                        }
                    }
                })
            })
            .collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.expect("no task panics"));
        }
        results
    });
    assert_eq!(*now(course.lock.lock()), n);
    assert_eq!(results.iter().map(|it| it.0).sum::<u64>(), n);
    let slowest = results.iter().map(|it| it.0).min().unwrap_or(0);
    let longest = results.iter().map(|it| it.1).max().unwrap_or(0);
    (slowest as f64 * TASKS as f64 / n as f64, longest as f64 / TASKS as f64)
}
