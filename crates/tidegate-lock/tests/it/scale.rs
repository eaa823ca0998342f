use tidegate_lock::{Barging, Fifo, Lock, Policy, RwLock};
use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::line::{ready, taken};

const N: usize = 100_000;

fn a_long_line<P: Policy>() {
    let lock = Lock::<_, P>::with_policy(0_usize);
    let guard = taken(&lock);
    let (wakes, waker) = CountingWaker::new();
    let mut line: Vec<_> = (0..N).map(|_| Some(Box::pin(lock.lock()))).collect();
    for it in line.iter_mut().flatten() {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    assert_eq!(lock.waiters(), N);
    // In an order that has nothing to do with that of the line: 7 and N share no factor.
    for i in (0..N).map(|i| i * 7 % N).filter(|i| i % 2 == 0) {
        line[i] = None;
    }
    assert_eq!(lock.waiters(), N / 2);
    drop(guard);
    for it in line.iter_mut().flatten() {
        *ready(it) += 1;
    }
    assert_eq!((wakes.count(), *taken(&lock)), (N / 2, N / 2));
}

#[test]
fn a_hundred_thousand_wait_for_a_fair_lock_and_half_of_them_leave() {
    a_long_line::<Fifo>();
}

#[test]
fn a_hundred_thousand_wait_for_a_barging_lock_and_half_of_them_leave() {
    a_long_line::<Barging>();
}

fn all_leave<P: Policy>() {
    let lock = Lock::<_, P>::with_policy(());
    let guard = taken(&lock);
    let mut line: Vec<_> = (0..N).map(|_| Box::pin(lock.lock())).collect();
    for it in &mut line {
        assert!(poll_once(it.as_mut()).is_pending());
    }
    drop(guard);
    // The one who has the lock is dropped, then the next, which was handed it then, and so on to the end.
    drop(line);
    assert_eq!((lock.is_locked(), lock.waiters()), (false, 0));
}

#[test]
fn a_lock_goes_down_a_line_of_a_hundred_thousand_who_all_leave() {
    all_leave::<Fifo>();
    all_leave::<Barging>();
}

#[test]
fn a_hundred_thousand_wait_to_read_and_to_write() {
    let lock = RwLock::new(0_usize);
    let writes = lock.try_write().unwrap();
    let (wakes, waker) = CountingWaker::new();
    let mut readers: Vec<_> = (0..N).map(|_| Box::pin(lock.read())).collect();
    let mut writers: Vec<_> = (0..N).map(|_| Some(Box::pin(lock.write()))).collect();
    // Blocks of each.
    for (readers, writers) in readers.chunks_mut(100).zip(writers.chunks_mut(100)) {
        for it in readers {
            assert!(poll_with(it.as_mut(), &waker).is_pending());
        }
        for it in writers.iter_mut().flatten() {
            assert!(poll_with(it.as_mut(), &waker).is_pending());
        }
    }
    assert_eq!(lock.waiters(), 2 * N);
    for i in (0..N).map(|i| i * 7 % N).filter(|i| i % 100 != 0) {
        writers[i] = None;
    }
    drop(writes);
    for (readers, writers) in readers.chunks_mut(100).zip(writers.chunks_mut(100)) {
        let guards: Vec<_> = readers.iter_mut().map(ready).collect();
        assert_eq!(guards.len(), lock.readers());
        drop(guards);
        for it in writers.iter_mut().flatten() {
            *ready(it) += 1;
        }
    }
    assert_eq!((wakes.count(), *lock.try_read().unwrap()), (N + N / 100, N / 100));
}
