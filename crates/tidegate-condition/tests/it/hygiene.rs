//! Foreign code in awkward places. (That a waker may call back in while it is cloned is tested in `tidegate-waiters`.)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use tidegate_condition::Condition;
use tidegate_lock::{Barging, Fifo, Lock, Policy};
use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::{guard, ready, wait};

/// A waker that calls its function when it is woken and when its last clone is dropped.
struct Calls<F: Fn() + Send + Sync + 'static>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Calls<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Everything that can be done to them, without notifying others.
fn use_them<P: Policy>(lock: &Lock<(), P>, condition: &Condition) {
    let _ = format!("{lock:?} {condition:?} {:?}", condition.statistics());
    condition.notify(0);
    if let Some(guard) = lock.try_lock() {
        let mut wait = pin!(condition.wait(guard));
        assert!(poll_once(wait.as_mut()).is_pending());
    }
    let _ = poll_once(pin!(lock.lock()));
}

// 25.
fn wakers_call_back<P: Policy>() {
    let shared = Arc::new((Lock::<_, P>::with_policy(()), Condition::new()));
    let calls = Arc::new(AtomicUsize::new(0));
    let waker = || {
        let (shared, calls) = (Arc::clone(&shared), Arc::clone(&calls));
        Waker::from(Arc::new(Calls(move || {
            calls.fetch_add(1, Ordering::Relaxed);
            use_them(&shared.0, &shared.1);
        })))
    };
    let (lock, condition) = (&shared.0, &shared.1);
    let mut waits: Vec<_> = (0..40).map(|_| wait(condition, lock)).collect();
    // Replaced and dropped in the condition's line.
    for _ in 0..2 {
        waits.iter_mut().for_each(|it| assert!(poll_with(it.as_mut(), &waker()).is_pending()));
    }
    assert_eq!(calls.swap(0, Ordering::Relaxed), 40);
    waits.truncate(30);
    assert_eq!(calls.swap(0, Ordering::Relaxed), 10);
    // In the lock's.
    let holder = lock.try_lock().unwrap();
    condition.notify_all();
    assert_eq!((condition.waiters(), lock.waiters()), (0, 30));
    waits.iter_mut().for_each(|it| assert!(poll_with(it.as_mut(), &waker()).is_pending()));
    assert_eq!(calls.swap(0, Ordering::Relaxed), 30);
    waits.truncate(20);
    assert_eq!(calls.swap(0, Ordering::Relaxed), 10);
    drop(holder);
    // Woken, and dropped by that.
    for mut it in waits {
        let guard = loop {
            if let std::task::Poll::Ready(guard) = poll_with(it.as_mut(), &waker()) {
                break guard;
            }
        };
        drop(guard);
    }
    assert!(calls.load(Ordering::Relaxed) >= 20);
    assert!(lock.try_lock().is_some());
    assert_eq!((condition.waiters(), lock.waiters()), (0, 0));
}

#[test]
fn a_waker_may_use_lock_and_condition_while_it_is_woken_replaced_or_dropped() {
    wakers_call_back::<Fifo>();
    wakers_call_back::<Barging>();
}

#[test]
fn a_waker_may_notify_and_drop_others() {
    let shared = Arc::new((Lock::new(()), Condition::new()));
    let (lock, condition) = (&shared.0, &shared.1);
    let (mut first, mut second) = (wait(condition, lock), wait(condition, lock));
    let waker = Waker::from(Arc::new(Calls({
        let shared = Arc::clone(&shared);
        move || shared.1.notify_one()
    })));
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    condition.notify_one();
    drop(waker);
    assert_eq!((condition.waiters(), lock.waiters()), (0, 2));
    drop(guard(&mut first));
    drop(guard(&mut second));
}

struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's own panic");
    }
}

fn panics(call: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}

// 26.
fn wakers_panic<P: Policy>() {
    let (lock, condition) = (Lock::<_, P>::with_policy(()), Condition::new());
    let mad = Waker::from(Arc::new(Panics));
    let (wakes, calm) = CountingWaker::new();
    let wait_as = |waker: &Waker| {
        let mut it = wait(&condition, &lock);
        assert!(poll_with(it.as_mut(), waker).is_pending());
        it
    };
    // By who notifies, with the lock free: all have been notified.
    let (mut first, mut second) = (wait_as(&mad), wait_as(&calm));
    assert!(panics(|| condition.notify_all()));
    assert_eq!((condition.waiters(), lock.waiters(), wakes.count()), (0, 2, 0));
    drop(guard(&mut first));
    assert_eq!(wakes.count(), 1);
    drop(guard(&mut second));

    // By who gives the lock back, in its first look, to wait itself.
    let mut first = wait_as(&mad);
    let holder = lock.try_lock().unwrap();
    condition.notify_all();
    let mut waits = Box::pin(condition.wait(holder));
    assert!(panics(|| _ = poll_once(waits.as_mut())));
    assert!(poll_once(waits.as_mut()).is_pending(), "in line all the same");
    drop(guard(&mut first));
    condition.notify_one();
    drop(guard(&mut waits));

    // By who leaves with the lock and a notification in hand: both go on.
    let (first, mut second, mut third) = (wait_as(&calm), wait_as(&mad), wait_as(&calm));
    let holder = lock.try_lock().unwrap();
    condition.notify(2);
    drop(holder);
    assert!(panics(|| drop(first)));
    assert_eq!((condition.waiters(), lock.waiters() + usize::from(lock.is_locked())), (0, 2));
    drop(guard(&mut second));
    drop(guard(&mut third));
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_waker_that_panics_keeps_nobody_waiting_and_loses_nothing() {
    wakers_panic::<Fifo>();
    wakers_panic::<Barging>();
}

#[test]
fn a_predicate_that_panics_gives_the_lock_back() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    for value in [1, 2] {
        let mut it = Box::pin(condition.wait_for(lock.try_lock().unwrap(), |it| match *it {
            0 => false,
            _ => panic!("a predicate's own panic"),
        }));
        // When first asked, and after a notification.
        if value == 1 {
            assert!(poll_once(it.as_mut()).is_pending());
            *lock.try_lock().unwrap() = value;
            condition.notify_one();
        }
        assert!(panics(|| _ = poll_once(it.as_mut())));
        assert!(!lock.is_locked() && condition.waiters() == 0);
        assert!(panics(|| _ = poll_once(it.as_mut())), "it has ended");
        drop(it);
        assert_eq!(*lock.try_lock().expect("free"), 1);
    }
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn to_poll_a_wait_after_it_was_ready_panics() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    let mut it = wait(&condition, &lock);
    condition.notify_one();
    drop(guard(&mut it));
    let _ = poll_once(it.as_mut());
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn to_poll_a_wait_for_after_it_was_ready_panics() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    let mut it = Box::pin(condition.wait_for(lock.try_lock().unwrap(), |_| true));
    drop(ready(it.as_mut()));
    let _ = poll_once(it.as_mut());
}
