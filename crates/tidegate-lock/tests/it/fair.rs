use std::sync::Arc;

use tidegate_lock::{Barging, Lock, Policy};
use tidegate_test::{CountingWaker, poll_with};

use crate::line::{pending, ready, taken, waiting};

// A2: who waits is served in order.
#[test]
fn the_lock_goes_round_in_the_order_in_which_they_came() {
    let lock = Lock::new(Vec::new());
    let mut guard = taken(&lock);
    let mut line: Vec<_> = (0..5).map(|_| waiting(&lock)).collect();
    for i in 0..5 {
        drop(guard);
        let others: Vec<_> = line[i + 1..].iter_mut().map(pending).collect();
        assert!(others.into_iter().all(|it| it), "nobody else");
        guard = ready(&mut line[i]);
        guard.push(i);
    }
    drop(guard);
    assert_eq!(*taken(&lock), [0, 1, 2, 3, 4]);
}

// A3: what was handed over is nobody else's, though its owner has not looked.
#[test]
fn nobody_overtakes_one_who_was_handed_the_lock() {
    let lock = Arc::new(Lock::new(0));
    let guard = taken(&lock);
    let mut first = waiting(&lock);
    assert!(lock.try_lock().is_none());
    drop(guard);
    assert!(lock.is_locked(), "it has changed hands");
    assert_eq!(lock.waiters(), 0);
    assert!(lock.try_lock().is_none() && Arc::clone(&lock).try_lock_owned().is_none());
    let mut late = waiting(&lock);
    drop(ready(&mut first));
    drop(ready(&mut late));
    assert!(lock.try_lock().is_some());
}

// A9: the counts are right the moment the guard is gone.
fn counts<P: Policy>(handed_over: bool) {
    let lock = Lock::<_, P>::with_policy(());
    assert_eq!((lock.is_locked(), lock.waiters()), (false, 0));
    let guard = taken(&lock);
    let mut line = [waiting(&lock), waiting(&lock)];
    let statistics = lock.statistics();
    assert_eq!((statistics.is_locked, statistics.waiting), (true, 2));
    drop(guard);
    let left = if handed_over { 1 } else { 2 };
    assert_eq!((lock.is_locked(), lock.waiters()), (handed_over, left));
    let [first, second] = &mut line;
    drop(ready(first));
    drop(ready(second));
    assert_eq!((lock.is_locked(), lock.waiters()), (false, 0));
}

#[test]
fn a_fair_lock_counts_what_it_hands_over() {
    counts::<tidegate_lock::Fifo>(true);
}

#[test]
fn a_barging_lock_counts_what_it_lets_go() {
    counts::<Barging>(false);
}

// A11, R11, R12: nothing is woken or done for nothing.
#[test]
fn a_lock_that_is_free_is_ready_at_once_and_a_second_look_changes_nothing() {
    let lock = Lock::new(());
    let (wakes, waker) = CountingWaker::new();
    let (mut a, mut b) = (Box::pin(lock.lock()), Box::pin(lock.lock()));
    let guard = poll_with(a.as_mut(), &waker);
    assert!(guard.is_ready());
    for _ in 0..3 {
        assert!(poll_with(b.as_mut(), &waker).is_pending());
    }
    assert_eq!((lock.waiters(), wakes.count()), (1, 0));
    drop(guard);
    assert_eq!(wakes.count(), 1);
    assert!(poll_with(b.as_mut(), &waker).is_ready());
    assert_eq!(wakes.count(), 1);
}

// R10: polled with another waker.
#[test]
fn the_newest_waker_is_the_one_that_is_woken() {
    let lock = Lock::new(());
    let guard = taken(&lock);
    let (old_wakes, old) = CountingWaker::new();
    let (new_wakes, new) = CountingWaker::new();
    let mut waits = Box::pin(lock.lock());
    assert!(poll_with(waits.as_mut(), &old).is_pending());
    assert!(poll_with(waits.as_mut(), &new).is_pending());
    drop(guard);
    assert_eq!((old_wakes.count(), new_wakes.count()), (0, 1));
    drop(ready(&mut waits));
}

#[test]
fn debug_shows_the_value_or_that_it_is_locked() {
    let lock = Lock::new(5);
    assert_eq!(format!("{lock:?}"), "Lock { value: 5, waiters: 0 }");
    let guard = taken(&lock);
    let waits = waiting(&lock);
    assert_eq!(format!("{lock:?}"), "Lock { value: <locked>, waiters: 1 }");
    assert_eq!(format!("{guard:?} {guard}"), "5 5");
    assert!(format!("{waits:?}").contains("waiting"));
    assert!(!lock.try_lock().is_some_and(|_| true));
}

#[test]
fn it_is_made_of_a_value_and_gives_it_back() {
    static STATIC: Lock<u8> = Lock::new(1);
    static QUICK: Lock<u8, Barging> = Lock::with_policy(2);
    assert_eq!(*taken(&STATIC) + *taken(&QUICK), 3);
    let mut lock = Lock::from(vec![1]);
    lock.get_mut().push(2);
    assert_eq!(lock.into_inner(), [1, 2]);
    assert_eq!(Lock::<String>::default().into_inner(), "");
    assert_eq!(Lock::<u8, Barging>::default().into_inner(), 0);
    let slice: Arc<Lock<[u8]>> = Arc::new(Lock::new([1, 2, 3]));
    assert_eq!(slice.try_lock().unwrap().len(), 3);
    let mut any: Arc<Lock<dyn std::any::Any + Send, Barging>> = Arc::new(Lock::with_policy(5_u8));
    assert!(Arc::get_mut(&mut any).unwrap().get_mut().is::<u8>());
    assert!(any.try_lock_owned().unwrap().is::<u8>());
}
