//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.
//!
//! The locks themselves, with a value that is watched, are modelled beside the core that they wrap: the races of
//! `tidegate-waiters`. Here is what a user makes of them.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tidegate_lock::{
    Barging, Fifo, Lock, LockGuard, Policy, RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use tidegate_test::{CountingWaker, block_on, poll_once, poll_with, race, spawn};

fn three_add_one_each<P: Policy>() {
    race(|| {
        let sum = Arc::new(Lock::<_, P>::with_policy(0));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let sum = Arc::clone(&sum);
                spawn(move || *block_on(sum.lock_owned()) += 1)
            })
            .collect();
        *block_on(sum.lock()) += 1;
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(*sum.try_lock().unwrap(), 3);
    });
}

#[test]
fn three_add_one_each_in_order() {
    three_add_one_each::<Fifo>();
}

#[test]
fn three_add_one_each_as_they_come() {
    three_add_one_each::<Barging>();
}

fn a_release_is_never_lost<P: Policy>() {
    race(|| {
        let lock = Arc::new(Lock::<_, P>::with_policy(()));
        let guard = Arc::clone(&lock).try_lock_owned().unwrap();
        let (wakes, waker) = CountingWaker::new();
        let releaser = spawn(move || drop(guard));
        let mut waits = pin!(lock.lock());
        let first = poll_with(waits.as_mut(), &waker).map(drop);
        releaser.join().unwrap();
        if first.is_pending() {
            assert_eq!(wakes.count(), 1);
            assert!(poll_once(waits.as_mut()).is_ready());
        }
        assert!(lock.try_lock().is_some());
    });
}

#[test]
fn a_release_of_a_fair_lock_is_never_lost() {
    a_release_is_never_lost::<Fifo>();
}

#[test]
fn a_release_of_a_barging_lock_is_never_lost() {
    a_release_is_never_lost::<Barging>();
}

// The one who sleeps was told, or is promised the lock, or neither: whoever is awake has it in the end.
#[test]
fn one_who_sleeps_and_goes_keeps_nobody_from_a_barging_lock() {
    race(|| {
        let lock = Arc::new(Lock::<_, Barging>::with_policy(0));
        let barges = spawn({
            let lock = Arc::clone(&lock);
            move || {
                if let Some(mut guard) = lock.try_lock() {
                    *guard += 1;
                }
            }
        });
        let stays = spawn({
            let lock = Arc::clone(&lock);
            move || *block_on(lock.lock()) += 1
        });
        {
            let mut sleeps = pin!(lock.lock());
            if let Poll::Ready(guard) = poll_once(sleeps.as_mut()) {
                drop(guard);
            }
        }
        barges.join().unwrap();
        stays.join().unwrap();
        assert_eq!((lock.is_locked(), lock.waiters()), (false, 0));
    });
}

#[test]
fn a_grant_that_leaves_its_guard_keeps_others_out() {
    race(|| {
        let sum = Arc::new(Lock::new(0));
        let other = spawn({
            let sum = Arc::clone(&sum);
            move || *block_on(sum.lock()) += 1
        });
        let (lock, grant) = LockGuard::into_grant(block_on(sum.lock()));
        *lock.guard(grant) += 1;
        other.join().unwrap();
        assert_eq!(*sum.try_lock().unwrap(), 2);
    });
}

#[test]
fn what_is_read_before_an_upgrade_is_so_after_it() {
    race(|| {
        let board = Arc::new(RwLock::new(0));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let board = Arc::clone(&board);
                spawn(move || {
                    let mut guard = block_on(board.upgradable_read());
                    let before = *guard;
                    *block_on(RwLockUpgradableReadGuard::upgrade(&mut guard)) = before + 1;
                })
            })
            .collect();
        if let Some(reads) = board.try_read() {
            assert!(*reads <= 2);
        }
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(*board.try_read().unwrap(), 2);
    });
}

#[test]
fn what_was_written_is_read_after_a_downgrade() {
    race(|| {
        let board = Arc::new(RwLock::new(0));
        let writers: Vec<_> = (1..3)
            .map(|i| {
                let board = Arc::clone(&board);
                spawn(move || {
                    let mut guard = block_on(board.write());
                    *guard = i;
                    assert_eq!(*RwLockWriteGuard::downgrade(guard), i);
                })
            })
            .collect();
        writers.into_iter().for_each(|it| it.join().unwrap());
        assert!(board.try_write().is_some());
    });
}
