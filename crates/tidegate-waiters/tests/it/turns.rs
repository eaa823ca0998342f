//! Whose turn it is at a lock.

use std::pin::pin;
use std::task::Poll;

use tidegate_test::{CountingWaker, poll_once, poll_with};
use tidegate_waiters::{Barging, RawLock, RawRwLock, Read, Upgradable, Write};

#[test]
fn who_lost_a_race_is_handed_the_lock_the_next_time_and_that_is_that() {
    let lock = RawLock::<Barging>::new();
    let held = lock.try_lock().unwrap();
    let mut first = pin!(lock.lock());
    let mut second = pin!(lock.lock());
    assert!(poll_once(first.as_mut()).is_pending() && poll_once(second.as_mut()).is_pending());
    drop(held);
    let barged = lock.try_lock().expect("it was let go");
    assert!(poll_once(first.as_mut()).is_pending(), "it lost, and is promised the lock");
    drop(barged);
    assert!(lock.is_locked(), "handed over");
    let Poll::Ready(grant) = poll_once(first) else { panic!("the promise was kept") };
    drop(grant);
    assert!(lock.try_lock().is_some(), "let go again: the second has lost no race");
}

#[test]
fn who_looks_for_no_reason_takes_a_barging_lock_that_is_free() {
    let lock = RawLock::<Barging>::new();
    let held = lock.try_lock().unwrap();
    let mut first = pin!(lock.lock());
    let mut second = pin!(lock.lock());
    assert!(poll_once(first.as_mut()).is_pending() && poll_once(second.as_mut()).is_pending());
    drop(held); // The first is told, and may be asleep.
    assert!(poll_once(second).is_ready());
}

#[test]
fn an_upgrade_goes_before_those_who_wait() {
    let lock = RawRwLock::new();
    let reads = lock.try_lock::<Read>().unwrap();
    let mut upgradable = lock.try_lock::<Upgradable>().unwrap();
    let (wakes, waker) = CountingWaker::new();
    let mut writes = pin!(lock.lock::<Write>());
    assert!(poll_with(writes.as_mut(), &waker).is_pending());

    assert!(upgradable.try_upgrade().is_none(), "there is a reader");
    {
        let mut upgrade = pin!(upgradable.upgrade());
        assert!(poll_once(upgrade.as_mut()).is_pending());
        drop(reads);
        assert!(poll_once(upgrade).is_ready());
    }
    // At once, with somebody in line.
    assert!(upgradable.try_upgrade().is_some());
    assert!(poll_once(pin!(upgradable.upgrade())).is_ready());
    assert_eq!(wakes.count(), 0);
    drop(upgradable);
    assert!(poll_once(writes).is_ready());
}

#[test]
fn readers_overtake_no_writer_and_go_together() {
    let lock = RawRwLock::new();
    let reads = lock.try_lock::<Read>().unwrap();
    let mut writes = pin!(lock.lock::<Write>());
    assert!(poll_once(writes.as_mut()).is_pending());
    let mut line = [0; 2].map(|_| Box::pin(lock.lock::<Read>()));
    let (wakes, waker) = CountingWaker::new();
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    assert!(lock.try_lock::<Read>().is_none());
    drop(reads);
    let Poll::Ready(grant) = poll_once(writes) else { panic!("the last reader has left") };
    drop(grant);
    assert_eq!(wakes.count(), 2);
    let grants = line.map(|mut it| poll_once(it.as_mut()));
    assert!(grants.iter().all(Poll::is_ready));
}

#[test]
fn who_writes_and_goes_on_reading_lets_those_who_wait_read() {
    let lock = RawRwLock::new();
    let grant = lock.try_lock::<Write>().unwrap();
    let mut reads = pin!(lock.lock::<Read>());
    assert!(poll_once(reads.as_mut()).is_pending());
    let shared = grant.downgrade();
    assert!(poll_once(reads).is_ready());
    drop(shared);
}
