use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tidegate_condition::Condition;
use tidegate_lock::Lock;

use crate::{guard, wait};

#[test]
fn threads_and_tasks_stand_in_one_line() {
    let (lock, condition) = (Lock::new(Vec::new()), Condition::new());
    thread::scope(|threads| {
        let mut task = wait(&condition, &lock);
        threads.spawn(|| condition.wait_blocking(lock.lock_blocking()).push("thread"));
        while condition.waiters() < 2 {
            thread::yield_now();
        }
        let holder = lock.lock_blocking();
        condition.notify_all();
        drop(holder);
        guard(&mut task).push("task");
    });
    assert_eq!(lock.into_inner(), ["task", "thread"]);
}

#[test]
fn a_thread_that_gives_up_does_not_hold_the_lock() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    let soon = || Instant::now() + Duration::from_millis(2);
    assert!(condition.wait_blocking_until(lock.lock_blocking(), soon()).is_none());
    assert!(condition.wait_for_blocking_until(lock.lock_blocking(), |_| false, soon()).is_none());
    assert!(lock.try_lock().is_some() && condition.waiters() == 0);
}

#[test]
fn a_predicate_is_asked_once_though_the_deadline_is_past() {
    let (lock, condition) = (Arc::new(Lock::new(1)), Condition::new());
    let now = Instant::now();
    let guard = condition.wait_for_blocking_until(lock.lock_blocking(), |it| *it == 1, now);
    drop(guard.expect("it was true at once"));
    let owned = || Arc::clone(&lock).lock_owned_blocking();
    assert!(condition.wait_for_owned_blocking_until(owned(), |it| *it == 1, now).is_some());
    assert!(condition.wait_for_owned_blocking_until(owned(), |it| *it == 2, now).is_none());
    assert!(condition.wait_owned_blocking_until(owned(), now).is_none());
    assert!(!lock.is_locked());
}

#[test]
fn a_predicate_that_panics_in_a_thread_gives_the_lock_back() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let asks = || drop(condition.wait_for_blocking(lock.lock_blocking(), |()| panic!("its own")));
    assert!(catch_unwind(AssertUnwindSafe(asks)).is_err());
    assert!(!lock.is_locked());
}

// Stress: what is put is what is taken, while some give up at random.
#[test]
fn threads_that_give_up_at_random_take_all_that_is_put() {
    const ITEMS: usize = 2_000;
    let (stock, added) = (Lock::new(0_usize), Condition::new());
    let taken = Lock::new(0_usize);
    thread::scope(|threads| {
        for patient in [true, true, false, false] {
            let (stock, added, taken) = (&stock, &added, &taken);
            threads.spawn(move || {
                while *taken.lock_blocking() < ITEMS {
                    let guard = stock.lock_blocking();
                    let patience = Duration::from_micros(if patient { 500 } else { 0 });
                    let until = Instant::now() + patience;
                    let got = added.wait_for_blocking_until(guard, |it| *it > 0, until);
                    if let Some(mut stock) = got {
                        *stock -= 1;
                        *taken.lock_blocking() += 1;
                    }
                }
            });
        }
        for _ in 0..ITEMS {
            *stock.lock_blocking() += 1;
            added.notify_one();
        }
    });
    assert_eq!((stock.into_inner(), taken.into_inner()), (0, ITEMS));
    assert_eq!(added.waiters(), 0);
}
