use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;

use tidegate_condition::Condition;
use tidegate_lock::{Barging, Fifo, Lock, Policy};
use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::{guard, ready, wait};

/// Runs a test with a lock of either kind.
macro_rules! with_either_lock {
    ($name:ident) => {
        mod $name {
            #[test]
            fn first_come_first_served() {
                super::$name::<super::Fifo>();
            }

            #[test]
            fn barging() {
                super::$name::<super::Barging>();
            }
        }
    };
}

// 18; trio moves them, anyio and asyncio wake them all.
with_either_lock!(whoever_is_notified_with_the_lock_held_stands_in_its_line_asleep);
fn whoever_is_notified_with_the_lock_held_stands_in_its_line_asleep<P: Policy>() {
    let (lock, condition) = (Lock::<_, P>::with_policy(0), Condition::new());
    let (wakes, waker) = CountingWaker::new();
    let mut line: Vec<_> = (0..3).map(|_| wait(&condition, &lock)).collect();
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    let holder = lock.try_lock().unwrap();
    condition.notify(2);
    assert_eq!((condition.waiters(), lock.waiters()), (1, 2));
    condition.notify_all();
    assert_eq!((condition.statistics().waiting, lock.statistics().waiting), (0, 3));
    assert_eq!(wakes.count(), 0, "the lock is held");

    drop(holder);
    for (turn, mut it) in line.into_iter().enumerate() {
        assert_eq!(wakes.count(), turn + 1, "one by one, in their order");
        *guard(&mut it) += 1;
    }
    assert!(!lock.is_locked());
    assert_eq!(lock.into_inner(), 3);
}

with_either_lock!(whoever_is_notified_with_the_lock_free_takes_it);
fn whoever_is_notified_with_the_lock_free_takes_it<P: Policy>() {
    let (lock, condition) = (Lock::<_, P>::with_policy(()), Condition::new());
    let wakes = [(); 3].map(|()| CountingWaker::new());
    let mut waits = [(); 3].map(|()| wait(&condition, &lock));
    for (wait, (_, waker)) in waits.iter_mut().zip(&wakes) {
        assert!(poll_with(wait.as_mut(), waker).is_pending());
    }
    let woken = || wakes.each_ref().map(|(count, _)| count.count());
    condition.notify_all();
    assert_eq!(woken(), [1, 0, 0], "the first is to look");
    let first = guard(&mut waits[0]);
    assert!(poll_once(waits[1].as_mut()).is_pending());
    drop(first);
    // By its last waker, which was another one.
    assert_eq!(woken(), [1, 0, 0]);
    drop(guard(&mut waits[1]));
    assert_eq!(woken(), [1, 0, 1]);
    drop(guard(&mut waits[2]));
    assert!(!lock.is_locked());
}

#[test]
fn whoever_waits_longest_is_notified_first_and_joins_the_end_of_the_locks_line() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let mut waits: Vec<_> = (0..4).map(|_| wait(&condition, &lock)).collect();
    let holder = lock.try_lock().unwrap();
    let mut early = Box::pin(lock.lock());
    assert!(poll_once(early.as_mut()).is_pending());
    condition.notify_one();
    let mut between = Box::pin(lock.lock());
    assert!(poll_once(between.as_mut()).is_pending());
    condition.notify(2);
    drop(holder);
    let early = ready(early.as_mut());
    assert!(poll_once(waits[0].as_mut()).is_pending() && poll_once(between.as_mut()).is_pending());
    drop(early);
    assert!(poll_once(between.as_mut()).is_pending());
    drop(guard(&mut waits[0]));
    assert!(poll_once(waits[1].as_mut()).is_pending());
    drop(ready(between.as_mut()));
    assert!(poll_once(waits[2].as_mut()).is_pending());
    drop(guard(&mut waits[1]));
    drop(guard(&mut waits[2]));
    assert!(poll_once(waits[3].as_mut()).is_pending(), "three were notified");
}

// 19, D3: no ghost waiter swallows a notification, and nothing is remembered.
#[test]
fn a_notification_of_nobody_is_forgotten() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    condition.notify_one();
    condition.notify_all();
    condition.notify(0);
    let mut wait = wait(&condition, &lock);
    condition.notify(0);
    assert!(poll_once(wait.as_mut()).is_pending());
    assert_eq!((condition.waiters(), lock.waiters()), (1, 0));
}

// B-C6, D4.
#[test]
fn one_lock_may_have_several_conditions() {
    let (lock, one, two) = (Lock::new(()), Condition::new(), Condition::new());
    let (mut a, mut b) = (wait(&one, &lock), wait(&two, &lock));
    two.notify_all();
    assert!(poll_once(a.as_mut()).is_pending());
    drop(guard(&mut b));
    one.notify_one();
    drop(guard(&mut a));
    // And a wait may go from one to the other.
    let mut a = wait(&one, &lock);
    one.notify_one();
    let mut a = Box::pin(two.wait(guard(&mut a)));
    assert!(poll_once(a.as_mut()).is_pending());
    one.notify_one();
    assert_eq!((one.waiters(), two.waiters()), (0, 1));
    two.notify_one();
    assert!(poll_once(a.as_mut()).is_ready());
}

#[test]
fn one_condition_may_be_used_with_several_locks() {
    let (fair, fast) = (Lock::new(1), Lock::<_, Barging>::with_policy("one"));
    let condition = Condition::new();
    let (mut a, mut b, mut c) =
        (wait(&condition, &fair), wait(&condition, &fast), wait(&condition, &fair));
    let holders = (fair.try_lock().unwrap(), fast.try_lock().unwrap());
    condition.notify(2);
    assert_eq!((fair.waiters(), fast.waiters(), condition.waiters()), (1, 1, 1));
    condition.notify_all();
    assert_eq!((fair.waiters(), fast.waiters()), (2, 1));
    drop(holders);
    assert_eq!(*guard(&mut a), 1);
    assert_eq!(*guard(&mut b), "one");
    assert_eq!(*guard(&mut c), 1);
}

#[test]
fn a_guard_that_owns_its_share_comes_back_and_keeps_the_lock() {
    let (lock, condition) = (Arc::new(Lock::new(1)), Condition::new());
    let weak = Arc::downgrade(&lock);
    let mut wait = pin!(condition.wait_owned(lock.lock_owned_blocking()));
    assert!(poll_once(wait.as_mut()).is_pending());
    condition.notify_one();
    let mut guard = ready(wait);
    *guard += 1;
    assert_eq!(*guard, 2);
    drop(guard);
    assert!(weak.upgrade().is_none());
}

#[test]
fn the_predicate_is_asked_first_and_then_after_each_notification() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    let asked = Cell::new(0);
    let want = |floor: i32| {
        let asked = &asked;
        move |it: &mut i32| {
            asked.set(asked.get() + 1);
            *it >= floor
        }
    };
    let at_once = ready(pin!(condition.wait_for(lock.try_lock().unwrap(), want(0))));
    assert_eq!(asked.replace(0), 1);
    let mut wait = Box::pin(condition.wait_for(at_once, want(2)));
    assert_eq!(asked.get(), 0, "not before it is polled");
    assert!(lock.is_locked());
    assert!(poll_once(wait.as_mut()).is_pending());
    assert!(poll_once(wait.as_mut()).is_pending());
    assert_eq!(asked.get(), 1, "not for being polled");
    for value in 1..=2 {
        *lock.try_lock().unwrap() = value;
        assert!(poll_once(wait.as_mut()).is_pending());
        condition.notify_one();
        if value == 1 {
            assert!(poll_once(wait.as_mut()).is_pending());
            assert_eq!((condition.waiters(), lock.is_locked()), (1, false));
        }
    }
    assert_eq!(*ready(wait.as_mut()), 2);
    assert_eq!(asked.get(), 3);
    assert!(!lock.is_locked(), "its guard was dropped");
}

#[test]
fn a_predicate_may_change_the_value_and_use_the_condition() {
    let (lock, condition) = (Lock::new(vec![3, 1]), Condition::new());
    let mut got = None;
    let guard = ready(pin!(condition.wait_for(lock.try_lock().unwrap(), |it| {
        condition.notify_all();
        assert_eq!((condition.waiters(), lock.waiters()), (0, 0));
        got = it.pop();
        got.is_some()
    })));
    assert_eq!(*guard, [3]);
    drop(guard);
    assert_eq!(got, Some(1));
}

#[test]
fn an_owned_guard_waits_for_a_predicate_too() {
    let (lock, condition) = (Arc::new(Lock::new(0)), Condition::new());
    let guard = Arc::clone(&lock).lock_owned_blocking();
    let mut wait = pin!(condition.wait_for_owned(guard, |it| *it == 1));
    assert!(poll_once(wait.as_mut()).is_pending());
    *lock.lock_blocking() = 1;
    condition.notify_one();
    assert_eq!(*ready(wait), 1);
}
