use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;
use std::task::{Context, Wake, Waker};

use tidegate_test::{CountingWaker, Explorer, hold, leaked, poll_once, poll_with};
use tidegate_waiters::{Barging, Borrowed, Fifo, LockGrant, LockPolicy, Mutual, Notified};
use tidegate_waiters::{RawCondition, RawLock};

type Wait<'a> = Pin<Box<Notified<'a, Borrowed<'a, Mutual>>>>;

/// Takes the lock and waits; the future stands in the condition's line.
fn wait<'a, P: LockPolicy>(lock: &'a RawLock<P>, condition: &'a RawCondition) -> Wait<'a> {
    let grant = lock.try_lock().expect("nobody holds it");
    let mut wait = Box::pin(condition.wait(grant));
    assert!(poll_once(wait.as_mut()).is_pending());
    assert!(!lock.is_locked(), "given back");
    wait
}

#[test]
fn notified_waiters_stand_in_the_locks_line_and_are_not_woken() {
    let (lock, condition) = (RawLock::<Fifo>::new(), RawCondition::new());
    let (wakes, waker) = CountingWaker::new();
    let mut line: Vec<Wait<'_>> = (0..3).map(|_| wait(&lock, &condition)).collect();
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    let holder = lock.try_lock().unwrap();
    assert_eq!(condition.notify(2), 2);
    assert_eq!((condition.waiters(), lock.waiters()), (1, 2));
    assert_eq!(condition.notify_all(), 1);
    assert_eq!((condition.waiters(), lock.waiters()), (0, 3));
    assert_eq!(wakes.count(), 0, "the lock is held");

    drop(holder);
    for (turn, mut it) in line.into_iter().enumerate() {
        assert_eq!(wakes.count(), turn + 1, "one by one, in their order");
        assert!(poll_with(it.as_mut(), &waker).is_ready());
    }
    assert!(!lock.is_locked());
}

fn a_free_lock_goes_to_the_notified<P: LockPolicy>() {
    let (lock, condition) = (RawLock::<P>::new(), RawCondition::new());
    let (wakes, waker) = CountingWaker::new();
    let mut first = wait(&lock, &condition);
    let mut second = wait(&lock, &condition);
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    assert_eq!(condition.notify_all(), 2);
    assert_eq!(wakes.count(), 1, "the lock is free, so the first may look");
    let std::task::Poll::Ready(grant) = poll_with(first.as_mut(), &waker) else {
        panic!("it was free");
    };
    assert!(poll_once(second.as_mut()).is_pending());
    drop(grant);
    assert!(poll_once(second.as_mut()).is_ready());
    assert!(!lock.is_locked());
}

#[test]
fn whoever_is_notified_while_the_lock_is_free_gets_it() {
    a_free_lock_goes_to_the_notified::<Fifo>();
    a_free_lock_goes_to_the_notified::<Barging>();
}

#[test]
fn a_newcomer_overtakes_no_one_who_was_notified_while_the_lock_is_free() {
    let (lock, condition) = (RawLock::<Fifo>::new(), RawCondition::new());
    let mut notified = wait(&lock, &condition);
    condition.notify(1);
    assert!(lock.try_lock().is_none());
    assert!(poll_once(pin!(lock.lock())).is_pending());
    assert!(poll_once(notified.as_mut()).is_ready());
}

#[test]
fn one_who_was_notified_and_looks_for_no_reason_takes_a_barging_lock_that_is_free() {
    let (lock, condition) = (RawLock::<Barging>::new(), RawCondition::new());
    let _first = wait(&lock, &condition);
    let mut second = wait(&lock, &condition);
    condition.notify_all();
    assert!(poll_once(second.as_mut()).is_ready());
}

/// A waker that looks at the condition when it is woken and when its last clone is dropped.
struct Looks;
static LOOKED_AT: RawCondition = RawCondition::new();

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        let _ = LOOKED_AT.waiters();
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        let _ = LOOKED_AT.waiters();
    }
}

#[test]
fn a_waker_may_use_the_condition_when_it_is_woken_replaced_and_dropped() {
    let lock = RawLock::<Fifo>::new();
    let looks = || Waker::from(Arc::new(Looks));
    let mut woken = wait(&lock, &LOOKED_AT);
    assert!(poll_with(woken.as_mut(), &looks()).is_pending());
    assert!(poll_with(woken.as_mut(), &looks()).is_pending()); // Drops the first.
    LOOKED_AT.notify(1); // Wakes, since the lock is free.
    assert!(poll_with(woken.as_mut(), &looks()).is_ready());
    let mut dropped = wait(&lock, &LOOKED_AT);
    assert!(poll_with(dropped.as_mut(), &looks()).is_pending());
    drop(dropped);
}

#[test]
fn a_notification_of_one_that_leaves_goes_to_the_next() {
    let (lock, condition) = (RawLock::<Fifo>::new(), RawCondition::new());
    let first = wait(&lock, &condition);
    let mut second = wait(&lock, &condition);
    let third = wait(&lock, &condition);
    let holder = lock.try_lock().unwrap();
    condition.notify(1);
    drop(first);
    assert_eq!((condition.waiters(), lock.waiters()), (1, 1));
    // Granted, and never looked at: both the lock and the notification go on.
    drop(holder);
    assert!(lock.is_locked());
    assert!(poll_once(second.as_mut()).is_ready());
    drop(third);
    assert_eq!((condition.waiters(), lock.waiters()), (0, 0));
    assert!(!lock.is_locked());
}

#[test]
fn a_notification_of_all_is_nobody_elses() {
    let (lock, condition) = (RawLock::<Fifo>::new(), RawCondition::new());
    let first = wait(&lock, &condition);
    let holder = lock.try_lock();
    condition.notify_all();
    // Gives the lock to the first, which leaves; one that came later was not notified.
    let mut later = Box::pin(condition.wait(holder.expect("nobody holds it")));
    assert!(poll_once(later.as_mut()).is_pending());
    drop(first);
    assert!(poll_once(later.as_mut()).is_pending());
    assert_eq!(condition.waiters(), 1);
}

#[test]
fn a_granted_waiter_that_leaves_gives_the_lock_on() {
    let (lock, condition) = (RawLock::<Fifo>::new(), RawCondition::new());
    let first = wait(&lock, &condition);
    let mut second = wait(&lock, &condition);
    let holder = lock.try_lock().unwrap();
    condition.notify(1);
    drop(holder);
    assert!(lock.is_locked(), "handed to the first");
    drop(first);
    assert!(poll_once(second.as_mut()).is_ready());
}

#[test]
fn one_that_never_waited_gives_the_lock_back() {
    let (lock, condition) = (RawLock::<Fifo>::new(), RawCondition::new());
    drop(condition.wait(lock.try_lock().unwrap()));
    assert!(!lock.is_locked());
}

#[test]
fn waiters_of_two_locks_are_notified_by_one_condition() {
    let (one, two) = (RawLock::<Fifo>::new(), RawLock::<Barging>::new());
    let condition = RawCondition::new();
    let mut waits = [wait(&one, &condition), wait(&two, &condition), wait(&one, &condition)];
    let holders = (one.try_lock(), two.try_lock());
    assert_eq!(condition.notify_all(), 3);
    assert_eq!((one.waiters(), two.waiters()), (2, 1));
    drop(holders);
    assert!(waits.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
}

#[test]
fn an_owned_grant_comes_back_owned() {
    let lock = Arc::new(RawLock::<Fifo>::new());
    let condition = RawCondition::new();
    let grant = RawLock::try_lock_owned(Arc::clone(&lock), |it| it).unwrap();
    let mut wait = pin!(condition.wait(grant));
    assert!(poll_once(wait.as_mut()).is_pending());
    assert_eq!(condition.notify(1), 1);
    let std::task::Poll::Ready(grant) = poll_once(wait.as_mut()) else { panic!("it is free") };
    let grant: LockGrant<Arc<RawLock>> = grant;
    assert!(Arc::ptr_eq(grant.owner(), &lock));
    drop(grant);
    assert_eq!(Arc::strong_count(&lock), 1);
}

fn dropped_anywhere<P: LockPolicy>() {
    let schedules = Explorer::new(|| (RawLock::<P>::new(), RawCondition::new()))
        .future(|(lock, condition)| {
            hold(async move {
                let grant = lock.lock().await;
                condition.wait(grant).await
            })
        })
        .step(|(_, condition)| _ = condition.notify(1))
        .step(|(lock, condition)| {
            let grant = lock.try_lock();
            condition.notify(1);
            drop(grant);
        })
        .step(|(_, condition)| _ = condition.notify_all())
        .check(|(lock, condition)| {
            // It may be alive, and hold the lock then.
            if lock.try_lock().is_some() {
                assert_eq!(lock.waiters(), 0);
            }
            assert!(condition.waiters() <= 1);
        })
        .run();
    assert_eq!(schedules, 16 * 5);
}

#[test]
fn a_wait_dropped_anywhere_leaves_the_lock_free() {
    dropped_anywhere::<Fifo>();
    dropped_anywhere::<Barging>();
}

#[test]
fn a_forgotten_wait_reaches_for_no_lock_that_has_gone_or_moved() {
    let condition = RawCondition::new();
    for moved in [false, true] {
        let lock = Box::new(RawLock::<Fifo>::new());
        std::mem::forget(wait(&lock, &condition));
        if moved {
            let elsewhere = *lock;
            assert_eq!(condition.notify_all(), 1);
            // The one that was forgotten stands first, for ever.
            assert!(!elsewhere.is_locked() && elsewhere.try_lock().is_none());
            assert_eq!(elsewhere.waiters(), 1);
        } else {
            drop(lock);
            assert_eq!(condition.notify(1), 1);
        }
    }
    assert_eq!(condition.waiters(), 0);
}

#[test]
fn forgotten_waits_of_a_lock_that_has_gone_are_notified_one_after_the_other() {
    let condition = RawCondition::new();
    let lock = RawLock::<Fifo>::new();
    for _ in 0..4 {
        let wait = wait(&lock, &condition);
        // Forgotten, but not lost: whoever looks for leaks is to find it.
        leaked(AtomicPtr::new(std::ptr::from_ref(&*wait).cast::<()>().cast_mut()));
        std::mem::forget(wait);
    }
    // Where it stands then is the line of a lock that is about to go.
    assert_eq!(condition.notify(1), 1);
    drop(lock);
    assert_eq!((condition.notify(1), condition.notify_all()), (1, 2));
    assert_eq!(condition.waiters(), 0);
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn a_wait_that_was_ready_looks_for_no_lock_that_has_gone() {
    let lock = Arc::new(RawLock::<Fifo>::new());
    let condition = RawCondition::new();
    let grant = RawLock::try_lock_owned(lock, |it| it).unwrap();
    let mut wait = pin!(condition.wait(grant));
    assert!(poll_once(wait.as_mut()).is_pending());
    assert_eq!(condition.notify(1), 1);
    // It kept the lock; what it answered with does so now, and is dropped.
    assert!(poll_once(wait.as_mut()).is_ready());
    _ = poll_once(wait.as_mut());
}

fn in_line_when_the_lock_moves_house<P: LockPolicy>() {
    let (lock, condition) = (RawLock::<P>::new(), RawCondition::new());
    let holder = lock.try_lock().unwrap();
    let mut line: Vec<_> = (0..3).map(|_| Box::pin(lock.lock())).collect();
    for it in &mut line {
        assert!(poll_once(it.as_mut()).is_pending());
    }
    let mut waits = pin!(condition.wait(holder));
    assert_eq!((lock.waiters(), lock.is_locked()), (3, true), "it has a house now");
    assert!(poll_once(line[2].as_mut()).is_pending());
    drop(line.remove(1));
    assert!(poll_once(waits.as_mut()).is_pending(), "the lock is given back");
    assert_eq!(lock.waiters(), 2 - usize::from(!P::BARGING));

    // Those who were in line before the condition was waited for go first.
    for it in line {
        let mut it = it;
        condition.notify(1);
        let std::task::Poll::Ready(grant) = poll_once(it.as_mut()) else { panic!("its turn") };
        assert!(lock.is_locked() && lock.try_lock().is_none());
        drop(grant);
    }
    assert!(poll_once(waits.as_mut()).is_ready());
    assert!(!lock.is_locked());
    let grant = lock.try_lock();
    assert!(grant.is_some() && lock.try_lock().is_none());
    drop(grant);
    assert!(poll_once(pin!(lock.lock())).is_ready());
    assert_eq!((lock.waiters(), lock.is_locked()), (0, false));
}

#[test]
fn those_in_line_come_along_when_a_lock_is_first_waited_with() {
    in_line_when_the_lock_moves_house::<Fifo>();
    in_line_when_the_lock_moves_house::<Barging>();
}

#[test]
fn a_barging_lock_that_was_waited_with_goes_to_whoever_looks() {
    let (lock, condition) = (RawLock::<Barging>::new(), RawCondition::new());
    drop(wait(&lock, &condition));
    let holder = lock.try_lock().unwrap();
    let mut dormant = pin!(lock.lock());
    let mut awake = pin!(lock.lock());
    assert!(poll_once(dormant.as_mut()).is_pending());
    assert!(poll_once(awake.as_mut()).is_pending());
    drop(holder);
    assert!(poll_once(awake.as_mut()).is_ready());
    assert!(poll_once(dormant.as_mut()).is_ready());
}

#[test]
fn a_waker_that_panics_does_not_keep_those_of_another_lock_waiting() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's own panic");
        }
    }

    let locks = [const { RawLock::<Fifo>::new() }; 4];
    let condition = RawCondition::new();
    let (wakes, waker) = CountingWaker::new();
    let bad = Waker::from(Arc::new(Panics));
    let mut line: Vec<Wait<'_>> = locks.iter().map(|it| wait(it, &condition)).collect();
    for (it, waker) in line.iter_mut().zip([&bad, &waker, &bad, &waker]) {
        let cx = &mut Context::from_waker(waker);
        assert!(it.as_mut().poll(cx).is_pending());
    }
    let notify = AssertUnwindSafe(|| condition.notify_all());
    assert!(catch_unwind(notify).is_err(), "the panic is the notifier's");
    assert_eq!((condition.waiters(), wakes.count()), (0, 2));
    assert!(line.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
}
