//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::pin::pin;
use std::sync::Arc;

use tidegate_barrier::{Barrier, BarrierTurn};
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{Member, crowd, fidget, give_up, member, spawn};

const PARTIES: usize = 4;

/// A barrier, and what those saw who passed it.
struct Meetings {
    barrier: Barrier,
    turns: AtomicUsize,
    leaders: AtomicUsize,
    indices: AtomicUsize,
}

impl Meetings {
    fn new() -> Arc<Self> {
        let nought = || AtomicUsize::new(0);
        Arc::new(Self {
            barrier: Barrier::new(PARTIES),
            turns: nought(),
            leaders: nought(),
            indices: nought(),
        })
    }

    fn saw(&self, turn: BarrierTurn) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.leaders.fetch_add(usize::from(turn.is_leader()), Ordering::Relaxed);
        self.indices.fetch_add(turn.index(), Ordering::Relaxed);
    }

    /// Somebody who comes three times, and stays each time until the round has met or is called off.
    fn stays(self: &Arc<Self>, looks: usize) -> Member<()> {
        let it = Arc::clone(self);
        member(async move {
            for _ in 0..3 {
                if let Ok(turn) = fidget(looks, it.barrier.wait()).await {
                    it.saw(turn);
                }
            }
        })
    }

    /// Somebody who comes twice and does not stay, but says so: a turn that was theirs is counted.
    fn leaves(self: &Arc<Self>, looks: usize) -> Member<()> {
        let it = Arc::clone(self);
        member(async move {
            for _ in 0..2 {
                let mut wait = pin!(it.barrier.wait());
                let outcome = match give_up(looks, wait.as_mut()).await {
                    Some(outcome) => Some(outcome),
                    None => wait.leave(),
                };
                if let Some(Ok(turn)) = outcome {
                    it.saw(turn);
                }
            }
        })
    }

    /// Sends everybody home, and sees that no round was torn.
    fn end(&self, stay: Vec<Member<()>>) {
        self.barrier.abort();
        stay.into_iter().for_each(|it| it.join());
        assert_eq!(self.barrier.waiting(), 0);
        let read = |it: &AtomicUsize| it.load(Ordering::Relaxed);
        let rounds = read(&self.leaders);
        assert_eq!(read(&self.turns), PARTIES * rounds, "each round had all of its turns");
        assert_eq!(read(&self.indices), rounds * (PARTIES * (PARTIES - 1) / 2));
    }
}

#[test]
fn every_round_is_whole_however_many_leave() {
    crowd(|| {
        let meetings = Meetings::new();
        let leave: Vec<_> = (0..5).map(|i| meetings.leaves(i % 4)).collect();
        let stay: Vec<_> = (0..6).map(|i| meetings.stays(i % 3)).collect();
        leave.into_iter().for_each(|it| it.join());
        meetings.end(stay);
    });
}

#[test]
fn every_round_is_whole_however_often_it_is_reset() {
    crowd(|| {
        let meetings = Meetings::new();
        let stay: Vec<_> = (0..7).map(|i| meetings.stays(i % 3)).collect();
        let resets: Vec<_> = (0..2)
            .map(|i| {
                let meetings = Arc::clone(&meetings);
                spawn(move || {
                    if i == 0 {
                        meetings.barrier.abort();
                    }
                    meetings.barrier.reset();
                })
            })
            .collect();
        let leave: Vec<_> = (0..3).map(|i| meetings.leaves(i + 1)).collect();
        resets.into_iter().for_each(|it| it.join().unwrap());
        leave.into_iter().for_each(|it| it.join());
        meetings.end(stay);
    });
}

#[test]
fn whoever_is_dropped_leaves_no_arrival_behind() {
    crowd(|| {
        let barrier = Arc::new(Barrier::new(PARTIES));
        let turns = Arc::new(AtomicUsize::new(0));
        let go: Vec<_> = (0..6)
            .map(|i| {
                let (barrier, turns) = (Arc::clone(&barrier), Arc::clone(&turns));
                member(async move {
                    if let Some(Ok(_)) = give_up(i % 4, barrier.wait()).await {
                        turns.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                spawn(move || barrier.wait_blocking())
            })
            .collect();
        go.into_iter().for_each(|it| it.join());
        // Only the threads may be in line now, or on their way to it; without one more no three of them make a round.
        assert!(barrier.waiting() <= threads.len());
        barrier.abort();
        let met = threads.into_iter().filter_map(|it| it.join().unwrap().ok()).count();
        let seen = turns.load(Ordering::Relaxed) + met;
        assert!(seen <= 2 * PARTIES, "nine came, which is two rounds at most");
        assert_eq!(barrier.waiting(), 0);
    });
}
