use std::pin::pin;

use tidegate_lock::{Barging, Lock};
use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::line::{pending, ready, taken, waiting};

type Quick = Lock<u32, Barging>;

// R15: one lost race at most, and whoever lost it keeps its place.
#[test]
fn whoever_loses_a_race_is_handed_the_lock_the_next_time() {
    let lock = Quick::with_policy(0);
    let guard = taken(&lock);
    let mut first = waiting(&lock);
    let mut second = waiting(&lock);
    drop(guard);

    let barged = taken(&lock); // Before the first has looked.
    assert!(pending(&mut first), "it lost");
    assert!(lock.try_lock().is_none());
    drop(barged);
    assert!(lock.is_locked(), "handed over");
    assert!(lock.try_lock().is_none(), "nobody barges now");
    assert!(pending(&mut second));
    drop(ready(&mut first));

    drop(taken(&lock)); // The promise is kept, so it is free for all again.
    drop(ready(&mut second));
}

#[test]
fn a_waiter_loses_one_race_at_most_whoever_barges_how_often() {
    let lock = Quick::with_policy(0);
    let mut guard = taken(&lock);
    let mut line: Vec<_> = (0..20).map(|_| waiting(&lock)).collect();
    for it in &mut line {
        let mut lost = 0;
        drop(guard);
        let got = loop {
            let barged = lock.try_lock();
            match poll_once(it.as_mut()) {
                std::task::Poll::Ready(got) => break got,
                std::task::Poll::Pending => lost += 1,
            }
            assert!(lost <= 1);
            drop(barged);
        };
        guard = got;
    }
}

#[test]
fn one_who_was_told_and_has_not_looked_is_overtaken_and_not_told_again() {
    let lock = Quick::with_policy(0);
    let (wakes, waker) = CountingWaker::new();
    let guard = taken(&lock);
    let mut first = Box::pin(lock.lock());
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    drop(guard);
    for _ in 0..3 {
        drop(taken(&lock));
    }
    assert_eq!(wakes.count(), 1);
    assert!(poll_with(first.as_mut(), &waker).is_ready());
}

#[test]
fn a_promise_ends_with_the_last_who_waits() {
    let lock = Quick::with_policy(0);
    let guard = taken(&lock);
    let mut first = waiting(&lock);
    drop(guard);
    let barged = taken(&lock);
    assert!(pending(&mut first), "it lost, and is promised the lock");
    drop(first);
    drop(barged);
    assert!(!lock.is_locked());
    drop(taken(&lock));
}

#[test]
fn a_promise_goes_on_to_the_next_when_its_owner_leaves() {
    let lock = Quick::with_policy(0);
    let guard = taken(&lock);
    let mut first = waiting(&lock);
    let mut second = waiting(&lock);
    drop(guard);
    let barged = taken(&lock);
    assert!(pending(&mut first));
    drop(first);
    drop(barged);
    assert!(lock.try_lock().is_none(), "handed over");
    drop(ready(&mut second));
}

#[test]
fn a_newcomer_may_take_a_free_lock_while_others_wait() {
    let lock = Quick::with_policy(0);
    let guard = taken(&lock);
    let mut waits = waiting(&lock);
    drop(guard);
    assert!(poll_once(pin!(lock.lock())).is_ready());
    drop(ready(&mut waits));
}
