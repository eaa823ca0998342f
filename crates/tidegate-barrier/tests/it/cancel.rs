use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tidegate_barrier::{Barrier, BarrierTurn, WaitOwnedFut};
use tidegate_test::{Explorer, hold, poll_once};

use crate::{arrive, arrive_last, indices, turn};

// B-B3, and before the trip: tokio, async-lock, mea and saa let the survivor pass alone.
#[test]
fn a_waiter_that_leaves_takes_its_arrival_back_and_breaks_nothing() {
    let barrier = Barrier::new(3);
    let mut stays = arrive(&barrier);
    drop(arrive(&barrier));
    assert_eq!((barrier.waiting(), barrier.is_broken()), (1, false));
    let mut second = arrive(&barrier);
    assert!(poll_once(stays.as_mut()).is_pending(), "two of three are there");
    assert_eq!(arrive_last(&barrier).index(), 2);
    assert_eq!((turn(&mut stays).index(), turn(&mut second).index()), (0, 1));
}

// B-B1: asyncio gives two of a round the same index after somebody left.
// 4: head, middle, tail, the only one.
#[test]
fn indices_are_unique_whoever_left_the_round() {
    for n in 1..6 {
        for leaver in 0..n {
            for second in 0..n {
                let barrier = Barrier::new(n + 1);
                let mut waits: Vec<_> = (0..n).map(|_| arrive(&barrier)).collect();
                drop(waits.remove(leaver));
                waits.push(arrive(&barrier));
                drop(waits.remove(second));
                waits.push(arrive(&barrier));
                assert_eq!(arrive_last(&barrier).index(), n);
                assert_eq!(indices(&mut waits), Vec::from_iter(0..n), "{leaver}, {second} left");
                // And the next round has no trace of it.
                let mut next: Vec<_> = (0..n).map(|_| arrive(&barrier)).collect();
                arrive_last(&barrier);
                assert_eq!(indices(&mut next), Vec::from_iter(0..n));
            }
        }
    }
}

// Exactly at the trip.
#[test]
fn one_of_a_round_that_met_may_be_dropped_before_it_looks() {
    let barrier = Barrier::new(3);
    let (dropped, mut looks) = (arrive(&barrier), arrive(&barrier));
    arrive_last(&barrier);
    drop(dropped);
    assert_eq!((barrier.waiting(), barrier.is_broken()), (0, false));
    assert_eq!(turn(&mut looks).index(), 1);
    let mut next = [arrive(&barrier), arrive(&barrier)];
    arrive_last(&barrier);
    assert_eq!(indices(&mut next), [0, 1]);
}

#[test]
fn one_of_a_round_that_met_may_be_dropped_while_the_next_one_waits() {
    let barrier = Barrier::new(2);
    let old = arrive(&barrier);
    arrive_last(&barrier);
    let mut new = arrive(&barrier);
    drop(old);
    assert_eq!(barrier.waiting(), 1, "it is not counted among those of the next");
    assert_eq!(arrive_last(&barrier).index(), 1);
    assert_eq!(turn(&mut new).index(), 0);
}

// 13: dropped before its first poll.
#[test]
fn a_future_that_is_made_but_not_polled_has_not_arrived() {
    let barrier = Barrier::new(2);
    let mut made = Box::pin(barrier.wait());
    drop(barrier.wait());
    assert_eq!(barrier.waiting(), 0);
    let mut wait = arrive(&barrier);
    assert!(poll_once(wait.as_mut()).is_pending());
    assert_eq!(turn(&mut made).index(), 1);
}

// 13: forgotten in line.
#[test]
fn a_waiter_that_is_never_dropped_counts_for_its_round_and_no_longer() {
    let barrier = Barrier::new(2);
    let mut forgotten = ManuallyDrop::new(arrive(&barrier));
    assert!(arrive_last(&barrier).is_leader());
    let mut wait = arrive(&barrier);
    assert!(poll_once(wait.as_mut()).is_pending());
    barrier.reset();
    assert!(crate::is_sent_away(&mut wait));
    assert_eq!(turn(&mut forgotten).index(), 0);
    drop(ManuallyDrop::into_inner(forgotten));
}

/// A barrier of three, and those who come to it beside the one under test.
struct World {
    barrier: Arc<Barrier>,
    others: RefCell<Vec<Pin<Box<WaitOwnedFut>>>>,
    /// The turns that somebody saw.
    turns: RefCell<Vec<BarrierTurn>>,
}

impl World {
    fn new() -> Self {
        Self {
            barrier: Arc::new(Barrier::new(3)),
            others: RefCell::default(),
            turns: RefCell::default(),
        }
    }

    /// One more arrives, and stays whatever becomes of it.
    fn arrive(&self) {
        let mut wait = Box::pin(Arc::clone(&self.barrier).wait_owned());
        match poll_once(wait.as_mut()) {
            Poll::Pending => self.others.borrow_mut().push(wait),
            Poll::Ready(outcome) => self.turns.borrow_mut().extend(outcome),
        }
    }

    /// The last that came and waits leaves.
    fn leave(&self) {
        drop(self.others.borrow_mut().pop());
    }

    /// Everybody looks; the barrier must be as good as new, with nobody in line who should not be there.
    fn check(&self) {
        let mut waiting = 0;
        for mut wait in self.others.take() {
            match poll_once(wait.as_mut()) {
                Poll::Pending => waiting += 1,
                Poll::Ready(outcome) => self.turns.borrow_mut().extend(outcome),
            }
        }
        assert_eq!(self.barrier.waiting(), 0, "they are gone, and the one under test is");
        assert!(waiting < 3, "three are a round");
        let turns = self.turns.borrow();
        let leaders = turns.iter().filter(|it| it.is_leader()).count();
        assert!(leaders <= turns.len().div_ceil(2), "nobody passes alone: {turns:?}");
        assert!(turns.iter().all(|it| it.index() < 3 && it.is_leader() == (it.index() == 2)));
        assert_eq!(Arc::strong_count(&self.barrier), 1, "no share is left");
        self.barrier.reset();
        let mut waits = [arrive(&self.barrier), arrive(&self.barrier)];
        assert_eq!(arrive_last(&self.barrier).index(), 2);
        assert_eq!(indices(&mut waits), [0, 1]);
    }
}

#[test]
fn a_wait_dropped_anywhere_leaves_no_trace() {
    let steps: [&[fn(&World)]; 4] = [
        &[World::arrive, World::arrive, World::arrive],
        &[World::arrive, World::leave, World::arrive, World::arrive],
        &[World::arrive, |it| it.barrier.reset(), World::arrive, World::arrive],
        &[World::arrive, World::arrive, |it| it.barrier.abort(), |it| it.barrier.reset()],
    ];
    for steps in steps {
        let mut borrowed = Explorer::new(World::new).future(|it| {
            hold(async move {
                let outcome = it.barrier.wait().await;
                it.turns.borrow_mut().extend(outcome);
            })
        });
        let mut owned = Explorer::new(World::new).future(|it| {
            let wait = Arc::clone(&it.barrier).wait_owned();
            hold(async move {
                let outcome = wait.await;
                it.turns.borrow_mut().extend(outcome);
            })
        });
        for step in steps {
            (borrowed, owned) = (borrowed.step(step), owned.step(step));
        }
        let schedules = (1 << (steps.len() + 1)) * (steps.len() + 2);
        assert_eq!(borrowed.check(World::check).run(), schedules);
        assert_eq!(owned.check(World::check).run(), schedules);
    }
}
