use std::sync::Arc;

use tidegate_condition::Condition;
use tidegate_lock::{Barging, Fifo, Lock, Policy};
use tidegate_test::{Explorer, hold, poll_once};

use crate::{guard, wait};

// B-C4a, B-C9, 17: 3.6 to 3.12 lose it.
#[test]
fn a_notification_of_one_that_leaves_goes_to_the_next() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let (first, mut second) = (wait(&condition, &lock), wait(&condition, &lock));
    let holder = lock.try_lock().unwrap();
    condition.notify_one();
    drop(first);
    assert_eq!((condition.waiters(), lock.waiters()), (0, 1));
    drop(holder);
    drop(guard(&mut second));
    assert!(!lock.is_locked());
}

// B-C8, B-C2: asyncio's cannot be cancelled while another task has the lock.
#[test]
fn leaving_is_immediate_though_the_lock_is_held_for_long() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let (one, two) = (wait(&condition, &lock), wait(&condition, &lock));
    let holder = lock.try_lock().unwrap();
    condition.notify_one();
    drop(one);
    drop(two);
    assert_eq!((condition.waiters(), lock.waiters()), (0, 0));
    drop(holder);
    assert!(lock.try_lock().is_some());
}

/// Every way to drop `wait` and `wait_for`, with what others do meanwhile.
fn dropped_anywhere<P: Policy>() {
    let new = || (Lock::<u32, P>::with_policy(0), Condition::new());
    for predicate in [false, true] {
        let schedules = Explorer::new(new)
            .future(move |(lock, condition)| {
                hold(async move {
                    let guard = lock.lock().await;
                    match predicate {
                        true => condition.wait_for(guard, |it| *it == 2).await,
                        false => condition.wait(guard).await,
                    }
                })
            })
            .step(|(_, condition)| condition.notify_one())
            .step(|(lock, condition)| {
                let guard = lock.try_lock().map(|mut it| *it += 1);
                condition.notify_one();
                let _ = guard;
            })
            .step(|(lock, condition)| {
                let guard = lock.try_lock().map(|mut it| {
                    *it += 1;
                    it
                });
                condition.notify_all();
                drop(guard);
            })
            .check(|(lock, condition)| {
                assert_eq!((condition.waiters(), lock.waiters()), (0, 0));
                assert!(lock.try_lock().is_some(), "nobody holds it half");
            })
            .run();
        assert_eq!(schedules, 16 * 5);
    }
}

// B-C1.
#[test]
fn a_wait_dropped_anywhere_leaves_the_lock_free() {
    dropped_anywhere::<Fifo>();
    dropped_anywhere::<Barging>();
}

#[test]
fn one_that_was_never_polled_gives_the_lock_back() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let (_first, mut other) = (wait(&condition, &lock), wait(&condition, &lock));
    drop(condition.wait(lock.try_lock().unwrap()));
    drop(condition.wait_for(lock.try_lock().unwrap(), |()| unreachable!("not asked")));
    assert!(!lock.is_locked());
    assert!(poll_once(other.as_mut()).is_pending());
    assert_eq!(condition.waiters(), 2);
}

// B-C7: asyncio notifies another, although nobody had notified the one that leaves.
#[test]
fn who_leaves_unnotified_wakes_nobody() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let (first, mut second) = (wait(&condition, &lock), wait(&condition, &lock));
    drop(first);
    assert!(poll_once(second.as_mut()).is_pending());
    assert_eq!((condition.waiters(), lock.waiters()), (1, 0));
}

// Everybody has been told already: who comes later was not, and is not.
#[test]
fn a_notification_of_all_is_not_passed_on() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let first = wait(&condition, &lock);
    condition.notify_all();
    // In the lock's line; the next holder is behind it.
    drop(first);
    let first = wait(&condition, &lock);
    let holder = lock.try_lock().unwrap();
    condition.notify_all();
    let mut late = Box::pin(condition.wait(holder));
    assert!(poll_once(late.as_mut()).is_pending());
    assert!(lock.is_locked(), "handed to the first");
    drop(first);
    assert!(poll_once(late.as_mut()).is_pending());
    assert_eq!((condition.waiters(), lock.waiters()), (1, 0));
}

// 13: it stalls whoever comes for that lock, and touches nothing that is gone.
#[test]
fn a_forgotten_wait_that_owns_its_share_keeps_the_lock_for_whoever_notifies_it() {
    let (lock, condition) = (Arc::new(Lock::new(())), Condition::new());
    let mut wait = Box::pin(condition.wait_owned(Arc::clone(&lock).lock_owned_blocking()));
    assert!(poll_once(wait.as_mut()).is_pending());
    std::mem::forget(wait);
    let weak = Arc::downgrade(&lock);
    drop(lock);
    condition.notify_one();
    assert_eq!(condition.waiters(), 0);
    assert_eq!(weak.upgrade().expect("it is kept").waiters(), 1);
}
