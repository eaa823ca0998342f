//! A lock that nobody holds.

use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::contenders::machine::{self, Std};
use crate::contenders::{Contender, Lock, locks};
use crate::measure::{Entry, Scenario, timed};
use crate::poll::now;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut tried = locks!(T => |_, n| tried::<T>(n); machine::Lock);
    tried.push(Entry::new(Std::WHO, |_, n| std_tried(n)));
    let mut ready = locks!(T => |_, n| ready::<T>(n); machine::Lock);
    ready.push(Entry::new(Std::WHO, |_, n| std_ready(n)));
    vec![
        Scenario::new("lock/try", "`try_lock`, add one, unlock", tried).counted(),
        Scenario::new("lock/ready", "`lock().await`, ready, add one, unlock; no runtime", ready)
            .counted(),
        Scenario::new(
            "lock/task",
            "`lock().await`, ready, add one, unlock; in a tokio task",
            locks!(T => task::<T>; machine::Lock),
        )
        .counted(),
    ]
}

#[inline(never)]
fn tried<L: Lock>(n: u64) -> Duration {
    let lock = L::new();
    let took = timed(|| {
        for _ in 0..n {
            *black_box(&lock).try_lock().expect("nobody holds it") += 1;
        }
    });
    assert_eq!(*now(lock.lock()), n);
    took
}

#[inline(never)]
fn ready<L: Lock>(n: u64) -> Duration {
    let lock = L::new();
    let took = timed(|| {
        for _ in 0..n {
            *now(black_box(&lock).lock()) += 1;
        }
    });
    assert_eq!(*now(lock.lock()), n);
    took
}

fn task<L: Lock>(stage: &Stage, n: u64) -> Duration {
    let lock = L::new();
    stage.runtime(On::Current).block_on(async move {
        let work = async move {
            let start = Instant::now();
            for _ in 0..n {
                *black_box(&lock).lock().await += 1;
            }
            let took = start.elapsed();
            assert_eq!(*lock.lock().await, n);
            took
        };
        tokio::spawn(work).await.expect("no task panics")
    })
}

#[inline(never)]
fn std_tried(n: u64) -> Duration {
    let lock = Mutex::new(0);
    let took = timed(|| {
        for _ in 0..n {
            *black_box(&lock).try_lock().expect("nobody holds it") += 1;
        }
    });
    assert_eq!(lock.into_inner().expect("nobody panics"), n);
    took
}

#[inline(never)]
fn std_ready(n: u64) -> Duration {
    let lock = Mutex::new(0);
    let took = timed(|| {
        for _ in 0..n {
            *black_box(&lock).lock().expect("nobody panics") += 1;
        }
    });
    assert_eq!(lock.into_inner().expect("nobody panics"), n);
    took
}
