//! R14, "futurelock": futures that wait for a lock and are not polled while others want it.

use std::pin::pin;

use tidegate_lock::{Barging, Lock};
use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::line::{ready, taken, waiting};

// A: a future of the task sleeps, and the task asks for the lock by another.
#[test]
fn a_newcomer_gets_a_barging_lock_past_one_who_sleeps() {
    let lock = Lock::<_, Barging>::with_policy(());
    let guard = taken(&lock);
    let sleeps = waiting(&lock);
    drop(guard);
    assert!(poll_once(pin!(lock.lock())).is_ready());
    assert!(lock.try_lock().is_some());
    drop(sleeps);
}

#[test]
fn a_fair_lock_stays_with_one_who_sleeps_until_that_one_goes() {
    let lock = Lock::new(());
    let guard = taken(&lock);
    let sleeps = waiting(&lock);
    drop(guard);
    let mut wants = waiting(&lock);
    drop(sleeps);
    drop(ready(&mut wants));
}

// B: both are in line, of one task, which polls the second only when it is woken for the first.
#[test]
fn a_task_that_polls_the_second_of_its_futures_only_gets_a_barging_lock() {
    let lock = Lock::<_, Barging>::with_policy(());
    let guard = taken(&lock);
    let (wakes, task) = CountingWaker::new();
    let mut first = Box::pin(lock.lock());
    let mut second = Box::pin(lock.lock());
    assert!(poll_with(first.as_mut(), &task).is_pending());
    assert!(poll_with(second.as_mut(), &task).is_pending());
    drop(guard);
    assert_eq!(wakes.count(), 1, "for the first");
    let guard = poll_with(second.as_mut(), &task);
    assert!(guard.is_ready(), "though it was not told");
    drop(guard);
    assert!(poll_with(first.as_mut(), &task).is_ready());
}

// C: the one who sleeps was told, and those of other tasks hear of it when it goes.
#[test]
fn one_who_was_told_and_goes_tells_the_next() {
    let lock = Lock::<_, Barging>::with_policy(());
    let guard = taken(&lock);
    let sleeps = waiting(&lock);
    let (wakes, waker) = CountingWaker::new();
    let mut other = Box::pin(lock.lock());
    assert!(poll_with(other.as_mut(), &waker).is_pending());
    drop(guard);
    assert_eq!(wakes.count(), 0, "who stands behind one that sleeps waits");
    drop(sleeps);
    assert_eq!(wakes.count(), 1);
    drop(ready(&mut other));
}

#[test]
fn who_stands_behind_one_that_sleeps_hears_of_it_by_the_next_who_barges() {
    let lock = Lock::<_, Barging>::with_policy(());
    let guard = taken(&lock);
    let mut sleeps = waiting(&lock);
    let mut other = waiting(&lock);
    drop(guard);
    drop(ready(&mut other)); // Polled for a reason of its own, it takes the lock ...
    assert!(!lock.is_locked());
    drop(ready(&mut sleeps)); // ... and nothing is lost for the one who slept.
}

// A caveat that the documentation names.
#[test]
fn one_who_lost_a_race_and_sleeps_is_handed_the_lock_all_the_same() {
    let lock = Lock::<_, Barging>::with_policy(());
    let guard = taken(&lock);
    let mut sleeps = waiting(&lock);
    drop(guard);
    let barged = taken(&lock);
    assert!(poll_once(sleeps.as_mut()).is_pending());
    drop(barged);
    assert!(lock.try_lock().is_none());
    let mut wants = waiting(&lock);
    drop(sleeps);
    drop(ready(&mut wants));
}
