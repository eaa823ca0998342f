use tidegate_condition::Condition;
use tidegate_lock::Lock;
use tidegate_test::{CountingWaker, poll_with};

use crate::wait;

const N: usize = 100_000;

/// Numbers below `N` in an order that has nothing to do with that of the line: 7919 and `N` share no factor.
fn scattered() -> impl Iterator<Item = usize> {
    (0..N).map(|i| i * 7919 % N)
}

#[test]
fn a_hundred_thousand_are_notified_and_leave_in_random_order() {
    let (lock, condition) = (Lock::new(0_usize), Condition::new());
    let (wakes, waker) = CountingWaker::new();
    let mut waits: Vec<_> = (0..N)
        .map(|_| {
            let mut it = Box::pin(condition.wait(lock.try_lock().unwrap()));
            assert!(poll_with(it.as_mut(), &waker).is_pending());
            Some(it)
        })
        .collect();
    // From the condition's line.
    scattered().filter(|i| i % 3 == 0).for_each(|i| waits[i] = None);
    let left = N - N.div_ceil(3);
    assert_eq!(condition.waiters(), left);
    let holder = lock.try_lock().unwrap();
    // One by one: who leaves from now on passes it on.
    (0..1000).for_each(|_| condition.notify_one());
    assert_eq!((condition.waiters(), lock.waiters()), (left - 1000, 1000));
    condition.notify_all();
    assert_eq!((condition.waiters(), lock.waiters(), wakes.count()), (0, left, 0));
    // And from the lock's.
    scattered().filter(|i| i % 3 == 1).for_each(|i| waits[i] = None);
    assert_eq!((condition.waiters(), lock.waiters()), (0, N / 3));
    drop(holder);
    for mut it in waits.into_iter().flatten() {
        let std::task::Poll::Ready(mut guard) = poll_with(it.as_mut(), &waker) else {
            panic!("it is its turn")
        };
        *guard += 1;
    }
    assert_eq!((wakes.count(), lock.into_inner()), (N / 3, N / 3));
}

#[test]
fn a_hundred_thousand_pass_one_notification_on() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let waits: Vec<_> = (0..N).map(|_| wait(&condition, &lock)).collect();
    let holder = lock.try_lock().unwrap();
    condition.notify_one();
    for (gone, it) in waits.into_iter().enumerate() {
        assert_eq!((condition.waiters(), lock.waiters()), (N - gone - 1, 1));
        drop(it);
    }
    drop(holder);
    assert!(lock.try_lock().is_some());
}
