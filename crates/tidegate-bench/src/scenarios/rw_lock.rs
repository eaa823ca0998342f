//! Many readers, one writer.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::contenders::{RwLock, machine, rw_locks};
use crate::measure::{Scenario, timed};
use crate::poll::{let_others_go, now};
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "rw-lock/try-read",
            "`try_read`, look, unlock",
            rw_locks!(T => |_, n| tried::<T>(n); machine::RwLock),
        )
        .counted(),
        Scenario::new(
            "rw-lock/read",
            "`read().await`, ready, look, unlock; no runtime",
            rw_locks!(T => |_, n| read::<T>(n); machine::RwLock),
        )
        .counted(),
        Scenario::new(
            "rw-lock/write",
            "`write().await`, ready, add one, unlock; no runtime",
            rw_locks!(T => |_, n| write::<T>(n); machine::RwLock),
        )
        .counted(),
        Scenario::new(
            "rw-lock/crowd-two-short",
            "8 tasks, every tenth turn writes; two workers",
            rw_locks!(T => |stage, n| crowd::<T>(stage, On::Two, n, false); machine::RwLock),
        )
        .with_tasks(),
        Scenario::new(
            "rw-lock/crowd-two-yield",
            "8 tasks, every tenth turn writes, others go first with the lock held; two workers",
            rw_locks!(T => |stage, n| crowd::<T>(stage, On::Two, n, true)),
        )
        .with_tasks(),
        Scenario::new(
            "rw-lock/crowd-one-yield",
            "8 tasks, every tenth turn writes, others go first with the lock held; one thread",
            rw_locks!(T => |stage, n| crowd::<T>(stage, On::Current, n, true)),
        )
        .with_tasks(),
    ]
}

#[inline(never)]
fn tried<L: RwLock>(n: u64) -> Duration {
    let lock = L::new();
    timed(|| {
        for _ in 0..n {
            assert_eq!(*black_box(&lock).try_read().expect("nobody writes"), 0);
        }
    })
}

#[inline(never)]
fn read<L: RwLock>(n: u64) -> Duration {
    let lock = L::new();
    timed(|| {
        for _ in 0..n {
            assert_eq!(*now(black_box(&lock).read()), 0);
        }
    })
}

#[inline(never)]
fn write<L: RwLock>(n: u64) -> Duration {
    let lock = L::new();
    let took = timed(|| {
        for _ in 0..n {
            *now(black_box(&lock).write()) += 1;
        }
    });
    assert_eq!(*now(lock.read()), n);
    took
}

const TASKS: u64 = 8;

fn crowd<L: RwLock>(stage: &Stage, on: On, n: u64, yields: bool) -> Duration {
    let lock = Arc::new(L::new());
    let (took, writes) = stage.runtime(on).block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let lock = Arc::clone(&lock);
                tokio::spawn(async move {
                    let mut writes = 0;
                    for turn in 0..n / TASKS + u64::from(task < n % TASKS) {
                        if (turn + task) % 10 == 0 {
                            let mut guard = lock.write().await;
                            *guard += 1;
                            if yields {
                                let_others_go().await;
                            }
                            writes += 1;
                        } else {
                            let guard = lock.read().await;
                            let seen = *guard;
                            if yields {
                                let_others_go().await;
                            }
                            assert_eq!(*guard, seen, "it changed while it was read");
                        }
                    }
                    writes
                })
            })
            .collect();
        let mut writes = 0;
        for task in tasks {
            writes += task.await.expect("no task panics");
        }
        (start.elapsed(), writes)
    });
    assert_eq!(*now(lock.read()), writes);
    took
}
