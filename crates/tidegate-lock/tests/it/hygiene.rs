//! R25, R26: foreign code in awkward places.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Wake, Waker};

use tidegate_lock::{Barging, Fifo, Lock, Policy, RwLock, RwLockUpgradableReadGuard};
use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::line::{ready, taken, waiting};

/// Uses a lock whenever it is woken and when it is dropped.
struct Meddler<F: Fn() + Send + Sync + 'static>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Meddler<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Meddler<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn meddles(use_it: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Meddler(use_it)))
}

fn a_waker_meddles<P: Policy>() {
    let lock = Arc::new(Lock::<_, P>::with_policy(0));
    let waker = || {
        let lock = Arc::clone(&lock);
        meddles(move || {
            let _ = format!("{lock:?} {:?}", lock.statistics());
            drop(poll_once(pin!(lock.lock())));
            drop(lock.try_lock());
        })
    };
    let guard = taken(&lock);
    let mut line: Vec<_> = (0..40).map(|_| Box::pin(lock.lock())).collect();
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker()).is_pending());
        assert!(poll_with(it.as_mut(), &waker()).is_pending(), "which drops the first");
    }
    let leaves = line.split_off(20);
    drop(leaves);
    drop(guard);
    for it in &mut line {
        drop(ready(it));
    }
    assert_eq!((lock.is_locked(), lock.waiters()), (false, 0));
}

#[test]
fn a_waker_may_use_a_fair_lock_while_it_is_woken_replaced_or_dropped() {
    a_waker_meddles::<Fifo>();
}

#[test]
fn a_waker_may_use_a_barging_lock_while_it_is_woken_replaced_or_dropped() {
    a_waker_meddles::<Barging>();
}

#[test]
fn a_waker_may_use_a_lock_for_readers_while_it_is_woken_replaced_or_dropped() {
    let lock = Arc::new(RwLock::new(0));
    let waker = || {
        let lock = Arc::clone(&lock);
        meddles(move || {
            let _ = format!("{lock:?} {:?}", lock.statistics());
            drop(poll_once(pin!(lock.read())));
            drop(poll_once(pin!(lock.write())));
            drop(lock.try_read());
            drop(lock.try_upgradable_read());
        })
    };
    let mut guard = lock.try_upgradable_read().unwrap();
    let reads = lock.try_read().unwrap();
    let mut line: Vec<_> = (0..40).map(|_| Box::pin(lock.read())).collect();
    let mut writers: Vec<_> = (0..2).map(|_| Box::pin(lock.write())).collect();
    assert!(poll_with(writers[0].as_mut(), &waker()).is_pending());
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker()).is_pending());
        assert!(poll_with(it.as_mut(), &waker()).is_pending());
    }
    assert!(poll_with(writers[1].as_mut(), &waker()).is_pending());
    {
        let mut upgrade = pin!(RwLockUpgradableReadGuard::upgrade(&mut guard));
        assert!(poll_with(upgrade.as_mut(), &waker()).is_pending());
        drop(reads);
        assert!(poll_with(upgrade.as_mut(), &waker()).is_ready());
    }
    drop(guard);
    for it in &mut writers[..1] {
        drop(ready(it));
    }
    for it in &mut line {
        drop(ready(it));
    }
    drop(writers);
    assert!(lock.try_write().is_some());
}

struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's own panic");
    }
}

fn a_waker_panics<P: Policy>() {
    let lock = Lock::<_, P>::with_policy(0);
    let guard = taken(&lock);
    let mad = Waker::from(Arc::new(Panics));
    let (wakes, calm) = CountingWaker::new();
    let (mut first, mut second) = (Box::pin(lock.lock()), Box::pin(lock.lock()));
    assert!(poll_with(first.as_mut(), &mad).is_pending());
    assert!(poll_with(second.as_mut(), &calm).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(guard))).is_err());
    drop(ready(&mut first));
    assert_eq!(wakes.count(), 1);
    drop(ready(&mut second));
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_waker_that_panics_keeps_nobody_from_the_lock() {
    a_waker_panics::<Fifo>();
    a_waker_panics::<Barging>();
}

#[test]
fn a_waker_that_panics_keeps_no_reader_asleep() {
    let lock = RwLock::new(0);
    let writes = lock.try_write().unwrap();
    let mad = Waker::from(Arc::new(Panics));
    let (wakes, calm) = CountingWaker::new();
    let mut line: Vec<_> = (0..100).map(|_| Box::pin(lock.read())).collect();
    for (i, it) in line.iter_mut().enumerate() {
        assert!(poll_with(it.as_mut(), if i % 9 == 0 { &mad } else { &calm }).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(writes))).is_err());
    assert_eq!(wakes.count(), 100 - 12);
    let guards: Vec<_> = line.iter_mut().map(ready).collect();
    assert_eq!(guards.len(), 100);
    drop(guards);
    assert!(lock.try_write().is_some());
}

// No user value is dropped under an internal lock: it may use the lock that it was the value of.
#[test]
fn a_value_that_uses_its_lock_while_it_is_dropped_may() {
    struct Uses(Option<Arc<Lock<Option<Self>>>>);
    impl Drop for Uses {
        fn drop(&mut self) {
            if let Some(lock) = &self.0 {
                assert!(lock.try_lock().is_none(), "it is replaced inside");
                drop(waiting(lock));
            }
        }
    }
    let lock = Arc::new(Lock::new(None));
    *taken(&lock) = Some(Uses(Some(Arc::clone(&lock))));
    *taken(&lock) = None;
    assert_eq!(Arc::strong_count(&lock), 1);
}
