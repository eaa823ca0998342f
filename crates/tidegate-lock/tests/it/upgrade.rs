use std::sync::Arc;

use tidegate_lock::{
    OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockUpgradableReadGuard,
    RwLockWriteGuard,
};

use crate::line::{pending, ready};

#[test]
fn an_upgrade_waits_for_those_who_read_and_nobody_comes_in_between() {
    let lock = RwLock::new(0);
    let mut guard = lock.try_upgradable_read().unwrap();
    let reads = lock.try_read().unwrap();
    let mut upgrade = Box::pin(RwLockUpgradableReadGuard::upgrade(&mut guard));
    assert!(pending(&mut upgrade));
    let mut late = Box::pin(lock.read());
    assert!(pending(&mut late), "nobody starts to read");
    drop(reads);
    let mut writes = ready(&mut upgrade);
    *writes += 1;
    assert!(lock.is_write_locked() && pending(&mut late));
    drop(writes);
    assert_eq!((lock.is_write_locked(), lock.readers()), (false, 2));
    assert_eq!(*ready(&mut late), 1);
    drop(upgrade);
    assert_eq!(*guard, 1);
}

#[test]
fn an_upgrade_goes_before_writers_who_came_first() {
    let lock = RwLock::new(Vec::new());
    let mut guard = lock.try_upgradable_read().unwrap();
    let reads = lock.try_read().unwrap();
    let mut writer = Box::pin(lock.write());
    assert!(pending(&mut writer));
    let mut upgrade = Box::pin(RwLockUpgradableReadGuard::upgrade(&mut guard));
    assert!(pending(&mut upgrade));
    drop(reads);
    ready(&mut upgrade).push("upgrade");
    drop(upgrade);
    assert!(pending(&mut writer), "it waits for whoever may upgrade");
    // Again, past the writer in line, without waiting.
    RwLockUpgradableReadGuard::try_upgrade(&mut guard).unwrap().push("again");
    drop(guard);
    ready(&mut writer).push("writer");
    assert_eq!(*lock.try_read().unwrap(), ["upgrade", "again", "writer"]);
}

// R16: async-lock loses the lock here.
#[test]
fn an_upgrade_that_is_given_up_goes_on_reading_and_lets_those_behind_it_in() {
    let lock = RwLock::new(0);
    let mut guard = lock.try_upgradable_read().unwrap();
    let reads = lock.try_read().unwrap();
    let mut upgrade = Box::pin(RwLockUpgradableReadGuard::upgrade(&mut guard));
    assert!(pending(&mut upgrade));
    let mut late = Box::pin(lock.read());
    assert!(pending(&mut late));
    drop(upgrade);
    assert_eq!(lock.readers(), 3);
    assert_eq!((*ready(&mut late), *reads), (0, 0));
    assert!(lock.try_upgradable_read().is_none(), "the right to upgrade is kept");
    drop(reads);
    assert!(RwLockUpgradableReadGuard::try_upgrade(&mut guard).is_some());
}

#[test]
fn an_upgrade_that_was_granted_and_never_looked_goes_on_reading() {
    let lock = RwLock::new(0);
    let mut guard = lock.try_upgradable_read().unwrap();
    let reads = lock.try_read().unwrap();
    let mut upgrade = Box::pin(RwLockUpgradableReadGuard::upgrade(&mut guard));
    assert!(pending(&mut upgrade));
    drop(reads);
    assert!(lock.is_write_locked());
    drop(upgrade);
    assert_eq!((lock.is_write_locked(), lock.readers()), (false, 1));
    assert_eq!(*guard, 0);
    assert!(lock.try_read().is_some());
}

#[test]
fn trying_to_upgrade_beside_a_reader_changes_nothing() {
    let lock = Arc::new(RwLock::new(0));
    let reads = lock.try_read().unwrap();
    let mut guard = Arc::clone(&lock).try_upgradable_read_owned().unwrap();
    assert!(OwnedRwLockUpgradableReadGuard::try_upgrade(&mut guard).is_none());
    let mut writer = Box::pin(lock.write());
    assert!(pending(&mut writer));
    assert!(OwnedRwLockUpgradableReadGuard::try_upgrade(&mut guard).is_none());
    assert_eq!((lock.readers(), lock.waiters()), (2, 1));
    drop(reads);
    *OwnedRwLockUpgradableReadGuard::try_upgrade(&mut guard).unwrap() += 1;
    drop(guard);
    *ready(&mut writer) += 1;
    assert_eq!(*lock.try_read().unwrap(), 2);
}

#[test]
fn the_right_to_upgrade_is_given_to_the_next_by_a_downgrade() {
    let lock = Arc::new(RwLock::new(0));
    let guard = lock.try_upgradable_read().unwrap();
    let mut next = Box::pin(lock.upgradable_read());
    assert!(pending(&mut next));
    let reads = RwLockUpgradableReadGuard::downgrade(guard);
    let next = ready(&mut next);
    assert_eq!((*reads, *next, lock.readers()), (0, 0, 2));
    drop((reads, next));

    let guard = Arc::clone(&lock).try_upgradable_read_owned().unwrap();
    let reads = OwnedRwLockUpgradableReadGuard::downgrade(guard);
    assert!(lock.try_upgradable_read().is_some());
    drop(reads);
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn a_writer_may_go_on_as_one_who_may_write_again() {
    let lock = Arc::new(RwLock::new(0));
    let mut guard = RwLockWriteGuard::downgrade_to_upgradable(lock.try_write().unwrap());
    assert!(lock.try_read().is_some() && lock.try_upgradable_read().is_none());
    *RwLockUpgradableReadGuard::try_upgrade(&mut guard).unwrap() += 1;
    drop(guard);
    let writes = Arc::clone(&lock).try_write_owned().unwrap();
    let mut guard = OwnedRwLockWriteGuard::downgrade_to_upgradable(writes);
    *OwnedRwLockUpgradableReadGuard::try_upgrade(&mut guard).unwrap() += 1;
    assert_eq!(*guard, 2);
}
