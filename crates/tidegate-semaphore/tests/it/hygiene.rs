//! Foreign code in awkward places: wakers that call back in, and wakers that panic. (That a waker may call back in while
//! it is cloned is tested in `tidegate-waiters`, which does the cloning and may write the waker that does this.)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use tidegate_semaphore::{CapacityLimiter, Semaphore};
use tidegate_test::{CountingWaker, leaked, poll_once, poll_with};

fn use_semaphore(semaphore: &Semaphore) {
    let _ = format!("{semaphore:?} {:?}", semaphore.statistics());
    drop(semaphore.try_acquire());
    let _ = poll_once(pin!(semaphore.acquire()));
    semaphore.add_permits(1);
    semaphore.forget_permits(1);
}

fn use_limiter(limiter: &CapacityLimiter) {
    let _ = format!("{limiter:?} {:?}", limiter.statistics());
    drop(limiter.try_acquire());
    let _ = poll_once(pin!(limiter.acquire()));
    let _ = poll_once(pin!(limiter.wait_idle()));
    let total = limiter.total();
    limiter.set_total(total.saturating_add(1));
    limiter.set_total(total);
}

/// Calls back in whenever it is woken, and when it is dropped.
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

#[test]
fn a_waker_may_use_the_semaphore_while_it_is_woken_replaced_or_dropped() {
    let semaphore = leaked(Semaphore::new(0));
    let waker = || Waker::from(Arc::new(Meddler(|| use_semaphore(semaphore))));
    let mut line: Vec<_> = (0..40).map(|_| Box::pin(semaphore.acquire())).collect();
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker()).is_pending());
        assert!(poll_with(it.as_mut(), &waker()).is_pending());
    }
    drop(line.remove(7));
    semaphore.add_permits(20);
    semaphore.close();
    let mut taken = 0;
    for it in &mut line {
        taken += usize::from(matches!(poll_once(it.as_mut()), Poll::Ready(Ok(_))));
    }
    assert!(taken >= 20);
}

#[test]
fn a_waker_may_use_the_limiter_while_it_is_woken_replaced_or_dropped() {
    let limiter = leaked(CapacityLimiter::new(1));
    let waker = || Waker::from(Arc::new(Meddler(|| use_limiter(limiter))));
    let slot = limiter.try_acquire();
    let mut line: Vec<_> = (0..40).map(|_| Box::pin(limiter.acquire())).collect();
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker()).is_pending());
    }
    let mut idle = Box::pin(limiter.wait_idle());
    assert!(poll_with(idle.as_mut(), &waker()).is_pending());
    assert!(poll_with(idle.as_mut(), &waker()).is_pending());
    drop(line.remove(7));
    drop(slot);
    limiter.set_total(usize::MAX);
    for it in &mut line {
        assert!(poll_once(it.as_mut()).is_ready());
    }
    drop(line);
    assert!(poll_once(idle.as_mut()).is_ready());
    assert_eq!((limiter.borrowed(), limiter.waiters()), (0, 0));
}

struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's own panic");
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_asleep_and_loses_no_permit() {
    let semaphore = Semaphore::new(0);
    let (wakes, calm) = CountingWaker::new();
    let mad = Waker::from(Arc::new(Panics));
    let mut line: Vec<_> = (0..100).map(|_| Box::pin(semaphore.acquire())).collect();
    for (i, it) in line.iter_mut().enumerate() {
        assert!(poll_with(it.as_mut(), if i % 9 == 0 { &mad } else { &calm }).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(100))).is_err());
    assert_eq!(wakes.count(), 100 - 12);
    drop(line);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (100, 0));
}

#[test]
fn a_waker_that_panics_keeps_nobody_asleep_and_loses_no_slot() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let (wakes, calm) = CountingWaker::new();
    let mad = Waker::from(Arc::new(Panics));
    let mut line: Vec<_> = (0..100).map(|_| Box::pin(limiter.acquire())).collect();
    for (i, it) in line.iter_mut().enumerate() {
        assert!(poll_with(it.as_mut(), if i % 9 == 0 { &mad } else { &calm }).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| limiter.set_total(101))).is_err());
    assert_eq!(wakes.count(), 100 - 12);
    assert_eq!(limiter.borrowed(), 101);
    drop((line, slot));
    assert_eq!((limiter.borrowed(), limiter.available()), (0, 101));
}

// The news that nothing is out is told after the lock is gone, also when that ends in a panic.
#[test]
fn a_slot_that_is_given_back_into_a_panic_is_back() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let mad = Waker::from(Arc::new(Panics));
    let mut next = Box::pin(limiter.acquire());
    assert!(poll_with(next.as_mut(), &mad).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(slot))).is_err());
    let (wakes, calm) = CountingWaker::new();
    let mut first = pin!(limiter.wait_idle());
    let mut second = pin!(limiter.wait_idle());
    assert!(poll_with(first.as_mut(), &mad).is_pending());
    assert!(poll_with(second.as_mut(), &calm).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(next))).is_err());
    assert_eq!(wakes.count(), 1);
    assert!(poll_once(first).is_ready() && poll_once(second).is_ready());
    assert_eq!((limiter.borrowed(), limiter.available()), (0, 1));
}
