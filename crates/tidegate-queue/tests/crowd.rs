//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::sync::Arc;

use tidegate_queue::{Queue, Shutdown};
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{Member, crowd, fidget, give_up, member, pause, spawn};

/// A queue of two, and the sums of what went in and came out.
struct Belt {
    queue: Queue<usize>,
    put: AtomicUsize,
    got: AtomicUsize,
}

impl Belt {
    fn new() -> Arc<Self> {
        let nought = || AtomicUsize::new(0);
        Arc::new(Self { queue: Queue::bounded(2), put: nought(), got: nought() })
    }

    fn puts(self: &Arc<Self>, item: usize) -> Member<()> {
        let this = Arc::clone(self);
        member(async move {
            if fidget(item % 3, this.queue.put(item)).await.is_ok() {
                this.put.fetch_add(item, Ordering::Relaxed);
            }
        })
    }

    /// One that puts nothing if it is not soon served.
    fn may_put(self: &Arc<Self>, item: usize) -> Member<()> {
        let this = Arc::clone(self);
        member(async move {
            if let Some(Ok(())) = give_up(item % 4, this.queue.put(item)).await {
                this.put.fetch_add(item, Ordering::Relaxed);
            }
        })
    }

    /// One that gets until the queue is shut.
    fn gets(self: &Arc<Self>, looks: usize) -> Member<()> {
        let this = Arc::clone(self);
        member(async move {
            while let Ok(item) = fidget(looks, this.queue.get()).await {
                this.got.fetch_add(item, Ordering::Relaxed);
            }
        })
    }

    fn may_get(self: &Arc<Self>, looks: usize) -> Member<()> {
        let this = Arc::clone(self);
        member(async move {
            if let Some(Ok(item)) = give_up(looks, this.queue.get()).await {
                this.got.fetch_add(item, Ordering::Relaxed);
            }
        })
    }

    fn nobody_is_left(&self) {
        let statistics = self.queue.statistics();
        assert_eq!((self.queue.len(), self.queue.waiters(), statistics.reserved), (0, 0, 0));
    }
}

#[test]
fn all_that_a_crowd_puts_comes_out_once_whoever_leaves() {
    crowd(|| {
        let belt = Belt::new();
        let getters: Vec<_> = (0..2).map(|i| belt.gets(i)).collect();
        let leavers: Vec<_> = (0..4).map(|i| belt.may_get(i)).collect();
        let putters: Vec<_> =
            (0..4).flat_map(|i| [belt.puts(1 << i), belt.may_put(16 << i)]).collect();
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let belt = Arc::clone(&belt);
                spawn(move || {
                    belt.queue.put_blocking(256 << i).unwrap();
                    belt.put.fetch_add(256 << i, Ordering::Relaxed);
                })
            })
            .collect();
        putters.into_iter().for_each(|it| it.join());
        threads.into_iter().for_each(|it| it.join().unwrap());
        // What one of these was handed and never looked at goes back, also into a queue that everybody else has left.
        leavers.into_iter().for_each(|it| it.join());
        belt.queue.shutdown(Shutdown::Drain);
        getters.into_iter().for_each(|it| it.join());
        assert_eq!(belt.got.load(Ordering::Relaxed), belt.put.load(Ordering::Relaxed));
        belt.nobody_is_left();
    });
}

#[test]
fn a_crowd_ends_when_the_queue_is_shut_at_once() {
    crowd(|| {
        let belt = Belt::new();
        let members: Vec<_> = (0..4)
            .flat_map(|i| [belt.puts(i), belt.gets(i % 2), belt.may_put(i), belt.may_get(i)])
            .collect();
        let shut = spawn({
            let belt = Arc::clone(&belt);
            move || belt.queue.shutdown(Shutdown::Immediate)
        });
        shut.join().unwrap();
        members.into_iter().for_each(|it| it.join());
        assert!(belt.got.load(Ordering::Relaxed) <= belt.put.load(Ordering::Relaxed));
        belt.nobody_is_left();
    });
}

#[test]
fn who_joins_a_queue_waits_until_a_crowd_has_done_all_of_it() {
    crowd(|| {
        let belt = Belt::new();
        let workers: Vec<_> = (0..3)
            .map(|looks| {
                let belt = Arc::clone(&belt);
                member(async move {
                    while let Ok(job) = fidget(looks, belt.queue.take()).await {
                        pause().await;
                        belt.got.fetch_add(*job, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let putters: Vec<_> = (0..5).map(|i| belt.puts(1 << i)).collect();
        putters.into_iter().for_each(|it| it.join());
        let joiners: Vec<_> = (0..4)
            .map(|i| {
                let belt = Arc::clone(&belt);
                member(async move {
                    let joined = match i {
                        0 => give_up(2, belt.queue.join()).await.is_some(),
                        _ => {
                            fidget(i % 2, belt.queue.join()).await;
                            true
                        }
                    };
                    assert!(!joined || belt.got.load(Ordering::Relaxed) == 31, "not all is done");
                })
            })
            .collect();
        joiners.into_iter().for_each(|it| it.join());
        assert_eq!(belt.queue.unfinished(), 0);
        belt.queue.shutdown(Shutdown::Drain);
        workers.into_iter().for_each(|it| it.join());
        belt.nobody_is_left();
    });
}
