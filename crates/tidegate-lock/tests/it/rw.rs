use std::sync::Arc;

use tidegate_lock::{RwLock, RwLockWriteGuard};
use tidegate_test::{CountingWaker, poll_with};

use crate::line::{pending, ready};

#[test]
fn many_read_and_one_writes() {
    let lock = RwLock::new(1);
    let readers: Vec<_> = (0..5).map(|_| lock.try_read().unwrap()).collect();
    assert_eq!((lock.readers(), lock.is_write_locked()), (5, false));
    assert!(lock.try_write().is_none());
    drop(readers);
    let writes = lock.try_write().unwrap();
    assert_eq!((lock.readers(), lock.is_write_locked()), (0, true));
    assert!(lock.try_read().is_none() && lock.try_write().is_none());
    assert!(lock.try_upgradable_read().is_none());
    drop(writes);
}

#[test]
fn a_writer_in_line_is_not_overtaken_by_readers() {
    let lock = RwLock::new(0);
    let reads = lock.try_read().unwrap();
    let mut writer = Box::pin(lock.write());
    assert!(pending(&mut writer));
    assert!(lock.try_read().is_none() && lock.try_upgradable_read().is_none());
    let mut late = Box::pin(lock.read());
    assert!(pending(&mut late));
    drop(reads);
    assert!(pending(&mut late));
    let mut guard = ready(&mut writer);
    *guard += 1;
    drop(guard);
    assert_eq!(*ready(&mut late), 1);
}

#[test]
fn readers_next_to_each_other_go_together_and_the_next_writer_waits_for_all() {
    let lock = RwLock::new(0);
    let writes = lock.try_write().unwrap();
    let mut first: Vec<_> = (0..40).map(|_| Box::pin(lock.read())).collect();
    let mut writer = Box::pin(lock.write());
    let mut last = Box::pin(lock.read());
    let (wakes, waker) = CountingWaker::new();
    for it in &mut first {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    assert!(pending(&mut writer) && pending(&mut last));
    drop(writes);
    assert_eq!((wakes.count(), lock.readers(), lock.waiters()), (40, 40, 2));
    let guards: Vec<_> = first.iter_mut().map(ready).collect();
    assert!(pending(&mut writer) && pending(&mut last));
    drop(guards);
    drop(ready(&mut writer));
    drop(ready(&mut last));
}

// R16: a writer that leaves lets all who read behind it go, at once.
#[test]
fn a_writer_that_leaves_the_line_lets_all_readers_behind_it_in() {
    let lock = RwLock::new(0);
    let reads = lock.try_read().unwrap();
    let mut writer = Box::pin(lock.write());
    assert!(pending(&mut writer));
    let (wakes, waker) = CountingWaker::new();
    let mut behind: Vec<_> = (0..3).map(|_| Box::pin(lock.read())).collect();
    for it in &mut behind {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    drop(writer);
    assert_eq!((wakes.count(), lock.readers()), (3, 4));
    drop(reads);
    assert!(behind.iter_mut().all(|it| *ready(it) == 0));
}

#[test]
fn a_writer_that_was_let_in_and_never_looks_lets_the_next_in() {
    let lock = RwLock::new(0);
    let reads = lock.try_read().unwrap();
    let mut writer = Box::pin(lock.write());
    assert!(pending(&mut writer));
    let mut behind = Box::pin(lock.read());
    assert!(pending(&mut behind));
    drop(reads);
    assert!(lock.is_write_locked());
    drop(writer);
    assert_eq!(*ready(&mut behind), 0);
}

// R16: downgrading wakes readers, and no writer comes in between.
#[test]
fn a_writer_that_goes_on_reading_lets_those_in_who_read_and_nobody_else() {
    let lock = RwLock::new(0);
    let mut writes = lock.try_write().unwrap();
    let (wakes, waker) = CountingWaker::new();
    let mut reader = Box::pin(lock.read());
    assert!(poll_with(reader.as_mut(), &waker).is_pending());
    let mut writer = Box::pin(lock.write());
    assert!(pending(&mut writer));
    *writes += 1;
    let reads = RwLockWriteGuard::downgrade(writes);
    assert_eq!((wakes.count(), lock.readers()), (1, 2));
    assert_eq!(*ready(&mut reader), *reads);
    assert!(pending(&mut writer));
    drop(reads);
    *ready(&mut writer) += 1;
    assert_eq!(*lock.try_read().unwrap(), 2);
}

#[test]
fn one_who_may_upgrade_keeps_others_of_the_kind_waiting_and_readers_not() {
    let lock = RwLock::new(0);
    let upgradable = lock.try_upgradable_read().unwrap();
    assert!(lock.try_upgradable_read().is_none() && lock.try_read().is_some());
    let mut other = Box::pin(lock.upgradable_read());
    assert!(pending(&mut other));
    assert!(lock.try_read().is_none(), "somebody waits");
    drop(upgradable);
    assert_eq!(*ready(&mut other), 0);
}

#[test]
fn debug_shows_the_value_or_that_it_is_locked() {
    let lock = RwLock::new(5);
    let plain = "RwLock { value: 5, readers: 0, write_locked: false, waiters: 0 }";
    assert_eq!(format!("{lock:?}"), plain);
    let reads = lock.try_read().unwrap();
    assert_eq!(format!("{lock:?}"), plain.replace("readers: 0", "readers: 1"));
    assert_eq!(format!("{reads:?} {reads}"), "5 5");
    drop(reads);
    let writes = lock.try_write().unwrap();
    let mut waits = Box::pin(lock.read());
    assert!(pending(&mut waits));
    assert_eq!(
        format!("{lock:?}"),
        "RwLock { value: <locked>, readers: 0, write_locked: true, waiters: 1 }"
    );
    assert!(format!("{waits:?}").contains("waiting"));
    let statistics = lock.statistics();
    assert_eq!((statistics.readers, statistics.is_write_locked), (0, true));
    assert_eq!(statistics.waiting, 1);
    drop(writes);
}

#[test]
fn it_is_made_of_a_value_and_gives_it_back() {
    static STATIC: RwLock<u8> = RwLock::new(1);
    assert_eq!(*STATIC.try_read().unwrap(), 1);
    let mut lock = RwLock::from(vec![1]);
    lock.get_mut().push(2);
    assert_eq!(lock.into_inner(), [1, 2]);
    assert_eq!(RwLock::<String>::default().into_inner(), "");
    let slice: Arc<RwLock<[u8]>> = Arc::new(RwLock::new([1, 2, 3]));
    assert_eq!(slice.try_read().unwrap().len(), 3);
    let any: Arc<RwLock<dyn std::any::Any + Send + Sync>> = Arc::new(RwLock::new(5_u8));
    assert!(any.try_read_owned().unwrap().is::<u8>());
}
