use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex};
use std::thread;

use tidegate_lock::{Lock, LockGuard, RwLock};
use tidegate_test::poll_once;
use tidegate_waiters::{LockCell, RawLock};

use crate::line::{ready, taken, waiting};

/// The message of the panic of `f`, and the file that it blames.
fn blame(f: impl FnOnce()) -> (String, String) {
    let seen = Arc::new(Mutex::new(String::new()));
    let hook = take_hook();
    set_hook(Box::new({
        let (seen, here) = (Arc::clone(&seen), thread::current().id());
        move |info| {
            // Other tests panic too, on threads of their own.
            if thread::current().id() == here {
                *seen.lock().unwrap() = info.location().map(Location::file).unwrap().into();
            }
        }
    }));
    let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    set_hook(hook);
    let file = seen.lock().unwrap().clone();
    ((*panic.downcast_ref::<&str>().unwrap()).to_owned(), file)
}

// One test, since the panic hook is everybody's.
#[test]
fn whoever_brings_a_grant_of_another_lock_is_blamed() {
    let (one, other) = (Lock::new(1), Lock::new(2));
    static ELSEWHERE: LockCell<()> = LockCell::new(());
    type Case<'a> = Box<dyn FnOnce() + 'a>;
    let cases: [Case<'_>; 2] = [
        Box::new(|| drop(one.guard(LockGuard::into_grant(taken(&other)).1))),
        Box::new(|| {
            let owner = Arc::new(Lock::new(1));
            let grant = RawLock::try_lock_owned(owner, |_| ELSEWHERE.raw()).unwrap();
            drop(Lock::guard_owned(grant));
        }),
    ];
    for case in cases {
        assert_eq!(blame(case), ("a grant of another lock".to_owned(), file!().to_owned()));
    }
    assert!(!one.is_locked() && !other.is_locked() && !ELSEWHERE.raw().is_locked());
}

// A7: a holder that panics gives the lock back, and nothing is poisoned.
#[test]
fn a_panic_while_it_is_held_gives_the_lock_back() {
    let (lock, rw) = (Lock::new(1), RwLock::new(1));
    let mut waits = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = taken(&lock);
        waits = Some(waiting(&lock));
        let _writes = rw.try_write();
        *guard = 2;
        panic!("while it is held");
    }));
    assert!(outcome.is_err());
    assert_eq!(*ready(waits.as_mut().unwrap()), 2);
    assert_eq!(*rw.try_write().unwrap(), 1);
}

#[test]
fn a_part_that_panics_gives_the_lock_back() {
    let lock = Lock::new(1);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        drop(LockGuard::map(taken(&lock), |_| -> &mut u8 { panic!("no part") }));
    }));
    assert!(outcome.is_err() && !lock.is_locked());
}

// R13: polled after it was ready.
#[test]
fn a_future_that_was_ready_refuses_to_be_polled_again_and_takes_nothing() {
    let lock = Lock::new(());
    let mut fast = Box::pin(lock.lock());
    let guard = ready(&mut fast);
    let mut slow = waiting(&lock);
    drop(guard);
    drop(ready(&mut slow));
    for it in [&mut fast, &mut slow] {
        assert!(catch_unwind(AssertUnwindSafe(|| poll_once(it.as_mut()).is_ready())).is_err());
    }
    assert!(!lock.is_locked());
    let rw = RwLock::new(());
    let mut read = Box::pin(rw.read());
    drop(ready(&mut read));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(read.as_mut()).is_ready())).is_err());
    assert!(rw.try_write().is_some());
}

// R13: what is forgotten stays locked, and can still be owned.
#[test]
fn a_guard_that_is_forgotten_locks_for_good() {
    let lock = Lock::new(1);
    std::mem::forget(taken(&lock));
    assert!(lock.try_lock().is_none());
    assert_eq!(lock.into_inner(), 1);
    let lock = RwLock::new(1);
    std::mem::forget(lock.try_read().unwrap());
    assert!(lock.try_write().is_none() && lock.try_read().is_some());
    assert_eq!(lock.into_inner(), 1);
}
