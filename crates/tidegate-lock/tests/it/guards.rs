use std::sync::Arc;

use tidegate_lock::{
    Barging, Lock, LockGuard, MappedLockGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard,
    OwnedLockGuard, OwnedMappedLockGuard, OwnedMappedRwLockReadGuard, OwnedMappedRwLockWriteGuard,
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use crate::line::{ready, taken, waiting};

#[test]
fn a_part_keeps_the_whole_locked_and_gives_it_back() {
    let lock = Lock::<_, Barging>::with_policy((1, [2, 3]));
    let part = LockGuard::map(taken(&lock), |it| &mut it.1);
    let Err(part) = MappedLockGuard::filter_map(part, |it| it.get_mut(2)) else {
        panic!("there are two")
    };
    let mut last = MappedLockGuard::filter_map(part, |it| it.get_mut(1)).unwrap();
    assert!(lock.try_lock().is_none());
    let mut waits = waiting(&lock);
    *last += 1;
    assert_eq!(format!("{last} {last:?}"), "4 4");
    drop(last);
    assert_eq!(*ready(&mut waits), (1, [2, 4]));
}

#[test]
fn a_part_that_is_not_there_leaves_the_guard_as_it_was() {
    let lock = Lock::new(vec![1]);
    let guard = taken(&lock);
    let Err(mut guard) = LockGuard::filter_map(guard, |it| it.get_mut(1)) else {
        panic!("there is one")
    };
    guard.push(2);
    assert!(std::ptr::eq(LockGuard::lock_ref(&guard), &lock));
    assert_eq!(*LockGuard::filter_map(guard, |it| it.get_mut(1)).unwrap(), 2);
    assert!(!lock.is_locked());
}

#[test]
fn an_owned_part_keeps_its_lock_alive() {
    let lock = Arc::new(Lock::new((String::from("kept"), 5)));
    let guard = Arc::clone(&lock).try_lock_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedLockGuard::lock_ref(&guard), &lock));
    let part = OwnedLockGuard::map(guard, |it| &mut it.0);
    let weak = Arc::downgrade(&lock);
    drop(lock);
    let Err(part) = OwnedMappedLockGuard::filter_map(part, |_| None::<&mut ()>) else {
        panic!("nothing was given")
    };
    let part = OwnedMappedLockGuard::map(part, |it| it.as_mut_str());
    assert!(OwnedMappedLockGuard::lock_ref(&part).is_locked());
    assert_eq!(std::thread::spawn(move || part.len()).join().unwrap(), 4);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_lock_comes_back_to_the_grant_that_was_taken_out_of_its_guard() {
    let lock = Lock::new(1);
    let (same, grant) = LockGuard::into_grant(taken(&lock));
    assert!(std::ptr::eq(same, &lock) && lock.is_locked());
    let mut waits = waiting(&lock);
    *same.guard(grant) += 1;
    assert_eq!(*ready(&mut waits), 2);

    let lock = Arc::new(Lock::<_, Barging>::with_policy(1));
    let grant = OwnedLockGuard::into_grant(Arc::clone(&lock).try_lock_owned().unwrap());
    assert!(Arc::ptr_eq(grant.owner(), &lock) && lock.is_locked());
    *Lock::guard_owned(grant) += 1;
    assert_eq!(*taken(&lock), 2);
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn parts_may_be_read_beside_each_other_and_keep_writers_out() {
    let lock = RwLock::new((1, [2, 3]));
    let whole = lock.try_read().unwrap();
    let part = RwLockReadGuard::map(lock.try_read().unwrap(), |it| &it.1);
    let part = MappedRwLockReadGuard::filter_map(part, |it| it.last()).unwrap();
    let Err(whole) = RwLockReadGuard::filter_map(whole, |it| it.1.get(5)) else {
        panic!("there are two")
    };
    assert_eq!((whole.0, *part), (1, 3));
    assert!(std::ptr::eq(RwLockReadGuard::lock_ref(&whole), &lock));
    drop(whole);
    assert!(lock.try_write().is_none());
    drop(part);
    let part = RwLockWriteGuard::map(lock.try_write().unwrap(), |it| &mut it.1);
    let mut last = MappedRwLockWriteGuard::filter_map(part, |it| it.last_mut()).unwrap();
    assert!(lock.try_read().is_none());
    *last += 1;
    drop(last);
    assert_eq!(lock.into_inner(), (1, [2, 4]));
}

#[test]
fn owned_shares_keep_their_lock_alive() {
    let lock = Arc::new(RwLock::new((String::from("kept"), 5)));
    let writes = Arc::clone(&lock).try_write_owned().unwrap();
    let mut part = OwnedRwLockWriteGuard::map(writes, |it| &mut it.0);
    part.push('!');
    assert!(OwnedMappedRwLockWriteGuard::lock_ref(&part).is_write_locked());
    drop(part);
    let reads = Arc::clone(&lock).try_read_owned().unwrap();
    let part = OwnedRwLockReadGuard::map(reads, |it| &it.0);
    let weak = Arc::downgrade(&lock);
    drop(lock);
    assert_eq!(OwnedMappedRwLockReadGuard::lock_ref(&part).readers(), 1);
    assert_eq!(std::thread::spawn(move || part.len()).join().unwrap(), 5);
    assert!(weak.upgrade().is_none());
}
