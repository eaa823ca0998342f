use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_semaphore::{CapacityLimiter, Semaphore};
use tidegate_test::{CountingWaker, Explorer, hold, poll_once, poll_with};

// B-S2, B-S5: asyncio lost the permit here (bpo-45997, gh-90155).
#[test]
fn a_granted_permit_moves_on_when_its_waiter_is_dropped() {
    let semaphore = Semaphore::new(0);
    let mut first = Box::pin(semaphore.acquire());
    let mut second = pin!(semaphore.acquire());
    let (wakes, waker) = CountingWaker::new();
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_with(second.as_mut(), &waker).is_pending());

    semaphore.add_permits(1); // Granted to `first` ...
    drop(first); // ... which never looks.

    assert_eq!(wakes.count(), 1);
    assert!(poll_once(second.as_mut()).is_ready());
}

#[test]
fn an_acquire_dropped_anywhere_loses_no_permit() {
    let schedules = Explorer::new(|| Semaphore::new(1))
        .future(|it| hold(it.acquire_many(2)))
        .step(|it| it.add_permits(1))
        .step(|it| it.add_permits(1))
        .check(|it| {
            assert_eq!((it.available_permits(), it.waiters()), (3, 0));
            assert!(it.try_acquire_many(3).is_some());
        })
        .run();
    assert_eq!(schedules, 8 * 4);
}

#[test]
fn an_owned_acquire_dropped_anywhere_loses_no_permit_and_no_share() {
    let schedules = Explorer::new(|| Arc::new(Semaphore::new(0)))
        .future(|it| {
            let acquire = Arc::clone(it).acquire_owned();
            hold(acquire)
        })
        .step(|it| it.add_permits(1))
        .step(|it| drop(Arc::clone(it).try_acquire_owned()))
        .check(|it| {
            assert_eq!((it.available_permits(), it.waiters()), (1, 0));
            assert_eq!(Arc::strong_count(it), 1);
        })
        .run();
    assert_eq!(schedules, 8 * 4);
}

#[test]
fn nobody_overtakes_who_waits() {
    let semaphore = Semaphore::new(0);
    let mut waits = pin!(semaphore.acquire());
    assert!(poll_once(waits.as_mut()).is_pending());
    semaphore.add_permits(1);
    // Granted, though nobody has looked: the permit is not up for grabs.
    assert!(semaphore.try_acquire().is_none());
    let mut late = pin!(semaphore.acquire());
    assert!(poll_once(late.as_mut()).is_pending());
    assert!(poll_once(waits).is_ready());
}

#[test]
fn a_thread_that_gives_up_leaves_the_line() {
    let semaphore = Semaphore::new(0);
    let soon = Instant::now() + Duration::from_millis(2);
    assert!(semaphore.acquire_blocking_until(soon).is_none());
    assert_eq!(semaphore.waiters(), 0);
    semaphore.add_permits(1);
    assert!(semaphore.acquire_blocking_until(Instant::now()).is_some_and(|it| it.is_ok()));
    assert!(semaphore.acquire_blocking().is_ok());
}

#[test]
fn threads_and_tasks_stand_in_one_line() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut task = pin!(semaphore.acquire());
    assert!(poll_once(task.as_mut()).is_pending());
    let thread = std::thread::spawn({
        let semaphore = Arc::clone(&semaphore);
        move || semaphore.acquire_blocking().is_ok()
    });
    while semaphore.waiters() < 2 {
        std::thread::yield_now();
    }
    semaphore.add_permits(1);
    assert!(!thread.is_finished());
    drop(poll_once(task.as_mut())); // Taken and given back: on to the thread.
    assert!(thread.join().unwrap());
}

#[test]
fn a_wait_for_a_slot_dropped_anywhere_loses_no_slot() {
    let schedules = Explorer::new(|| CapacityLimiter::new(0))
        .future(|it| hold(it.acquire()))
        .step(|it| it.set_total(1))
        .step(|it| drop(it.try_acquire()))
        .step(|it| it.set_total(0))
        .step(|it| it.set_total(2))
        .check(|it| {
            assert_eq!((it.borrowed(), it.waiters(), it.available()), (0, 0, 2));
            let both = (it.try_acquire(), it.try_acquire());
            assert!(both.0.is_some() && both.1.is_some() && it.try_acquire().is_none());
        })
        .run();
    assert_eq!(schedules, 32 * 6);
}

#[test]
fn an_owned_wait_for_a_slot_dropped_anywhere_loses_no_slot_and_no_share() {
    let schedules = Explorer::new(|| Arc::new(CapacityLimiter::new(0)))
        .future(|it| {
            let acquire = Arc::clone(it).acquire_owned();
            hold(acquire)
        })
        .step(|it| it.set_total(1))
        .step(|it| drop(Arc::clone(it).try_acquire_owned()))
        .check(|it| {
            assert_eq!((it.borrowed(), it.waiters(), it.available()), (0, 0, 1));
            assert_eq!(Arc::strong_count(it), 1);
        })
        .run();
    assert_eq!(schedules, 8 * 4);
}

// Whoever waits until nothing is out hears of it, also when the last slot out was never looked at.
#[test]
fn a_slot_dropped_anywhere_is_back_for_those_who_wait_for_all_of_them() {
    let schedules = Explorer::new(|| {
        let limiter = Arc::new(CapacityLimiter::new(1));
        let slot = Cell::new(Arc::clone(&limiter).try_acquire_owned());
        let mut idle = Box::pin(Arc::clone(&limiter).wait_idle_owned());
        assert!(poll_once(idle.as_mut()).is_pending());
        (limiter, slot, RefCell::new(idle))
    })
    .future(|(it, _, _)| hold(it.acquire()))
    .step(|(_, slot, _)| drop(slot.take()))
    .check(|(it, _, idle)| {
        assert_eq!((it.borrowed(), it.waiters()), (0, 0));
        assert!(poll_once(idle.borrow_mut().as_mut()).is_ready());
    })
    .run();
    assert_eq!(schedules, 4 * 3);
}
