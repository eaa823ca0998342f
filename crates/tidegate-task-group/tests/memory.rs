//! What the heap holds after many have come and gone; a program of its own, for there is one heap for all.

use std::alloc::System;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tidegate_task_group::{BoxError, Policy, TaskGroup, TaskSet};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// How many of those that come may be there at a time.
const CROWD: usize = 1_000;

/// What a runtime may take for itself meanwhile: a twentieth of a byte for each of a million.
const SLACK: usize = 50_000;

fn both() -> [Runtime; 2] {
    let one = Builder::new_current_thread().build().unwrap();
    [one, Builder::new_multi_thread().worker_threads(2).build().unwrap()]
}

fn in_use() -> usize {
    let stats = HEAP.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Has a crowd come and go again and again; panics if there is more on the heap after the last than after the tenth.
async fn come_and_go(crowds: usize, mut crowd: impl AsyncFnMut()) {
    let mut after_ten = 0;
    for number in 1..=crowds {
        crowd().await;
        if number == 10 {
            after_ten = in_use();
        }
    }
    let more = in_use().saturating_sub(after_ten);
    assert!(more < SLACK, "{more} bytes more after {crowds} crowds than after ten");
}

#[test]
fn a_million_supervised_children_leave_nothing_on_the_heap() {
    let _alone = ALONE.lock();
    for runtime in both() {
        let ended = AtomicUsize::new(0);
        let supervisor = TaskGroup::<BoxError>::builder().policy(Policy::Supervise);
        let supervised = supervisor.scope(async |group| {
            come_and_go(1_000, async || {
                for n in 0..CROWD {
                    drop(group.spawn(async move {
                        match n % 4 {
                            0 => return Err("no paper".into()),
                            1 => yield_now().await,
                            _ => {}
                        }
                        Ok(n)
                    }));
                }
                while !group.is_empty() {
                    yield_now().await;
                }
                ended.fetch_add(CROWD, Ordering::Relaxed);
            })
            .await;
            assert_eq!(group.statistics().failed, 250_000);
            Ok(())
        });
        runtime.block_on(supervised).unwrap();
        assert_eq!(ended.into_inner(), 1_000_000);
    }
}

#[test]
fn starts_places_that_are_waited_for_and_sets_leave_nothing_on_the_heap() {
    let _alone = ALONE.lock();
    for runtime in both() {
        let supervisor = TaskGroup::<BoxError>::builder().policy(Policy::Supervise).limit(10);
        let supervised = supervisor.scope(async |group| {
            let mut set = TaskSet::new().limit(10);
            come_and_go(100, async || {
                for n in 0..CROWD {
                    match n % 3 {
                        0 => drop(group.spawn_bounded(async { Ok(()) }).await),
                        1 => {
                            let started = group.start(async move |ready| {
                                let _ = ready.set(n);
                                Ok(())
                            });
                            drop(started.await);
                        }
                        _ => drop(set.spawn(yield_now())),
                    }
                }
                while set.next().await.is_some() {}
                while !group.is_empty() {
                    yield_now().await;
                }
            })
            .await;
            Ok(())
        });
        runtime.block_on(supervised).unwrap();
    }
}
