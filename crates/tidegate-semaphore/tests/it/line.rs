//! Those who stand in the semaphore's line.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tidegate_semaphore::{AcquireFut, CapacityLimiter, Permit, Semaphore};
use tidegate_test::{CountingWaker, poll_once, poll_with};

fn queue<'a>(semaphore: &'a Semaphore, needs: &[usize]) -> Vec<Pin<Box<AcquireFut<'a>>>> {
    let mut line: Vec<_> = needs.iter().map(|n| Box::pin(semaphore.acquire_many(*n))).collect();
    for it in &mut line {
        assert!(poll_once(it.as_mut()).is_pending());
    }
    line
}

fn ready<'a>(line: &mut Vec<Pin<Box<AcquireFut<'a>>>>) -> Vec<Permit<'a>> {
    let mut permits = Vec::new();
    line.retain_mut(|it| match poll_once(it.as_mut()) {
        Poll::Ready(permit) => {
            permits.push(permit.unwrap());
            false
        }
        Poll::Pending => true,
    });
    permits
}

// B-S2, B-S7, A2: one task ran twice in a row here.
#[test]
fn three_who_come_again_take_turns() {
    let semaphore = Semaphore::new(1);
    let mut holder = semaphore.try_acquire();
    let mut line: Vec<_> = (0..3).zip(queue(&semaphore, &[1, 1, 1])).collect();
    let mut order = Vec::new();
    for _ in 0..9 {
        drop(holder.take());
        let mut served = Vec::new();
        for (who, it) in &mut line {
            if let Poll::Ready(permit) = poll_once(it.as_mut()) {
                served.push((*who, permit.unwrap()));
            }
        }
        let [(who, permit)]: [_; 1] = served.try_into().expect("one at a time");
        holder = Some(permit);
        line.retain(|it| it.0 != who);
        order.push(who);
        // It comes again while it still holds the permit.
        line.extend([who].into_iter().zip(queue(&semaphore, &[1])));
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

// B-S8, A6
#[test]
fn those_who_left_are_skipped() {
    let semaphore = Semaphore::new(0);
    let mut line = queue(&semaphore, &[1, 1, 1, 1]);
    drop(line.drain(..2));
    semaphore.add_permits(1);
    let permit = poll_once(line[0].as_mut());
    assert!(permit.is_ready());
    assert!(poll_once(line[1].as_mut()).is_pending());
}

// B-S3: the holder gives back and the waiter leaves in one step, either way round.
#[test]
fn giving_back_and_leaving_at_once_leaves_the_semaphore_usable() {
    for leaves_first in [false, true] {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.try_acquire();
        let line = queue(&semaphore, &[1]);
        if leaves_first {
            drop(line);
            drop(permit);
        } else {
            drop(permit);
            drop(line);
        }
        assert!(semaphore.try_acquire().is_some());
    }
}

// R4
#[test]
fn neighbours_may_leave_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let semaphore = Semaphore::new(0);
        let mut line: Vec<_> = queue(&semaphore, &[1, 1, 1]).into_iter().map(Some).collect();
        for (gone, i) in order.into_iter().enumerate() {
            line[i] = None;
            assert_eq!(semaphore.waiters(), 2 - gone);
        }
        semaphore.add_permits(1);
        assert_eq!(semaphore.available_permits(), 1);
    }
}

// R5
#[test]
fn a_large_request_that_leaves_lets_all_go_for_whom_there_is_enough() {
    let semaphore = Semaphore::new(3);
    let mut line = queue(&semaphore, &[4, 1, 2, 1]);
    drop(line.remove(0));
    assert_eq!(ready(&mut line).iter().map(Permit::count).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(semaphore.waiters(), 0, "what was given back went to the last");
}

// R6: more than are woken at a time.
#[test]
fn one_call_serves_as_many_as_it_has_permits_for() {
    let semaphore = Semaphore::new(0);
    let (wakes, waker) = CountingWaker::new();
    let mut line = queue(&semaphore, &[2; 80]);
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    semaphore.add_permits(2 * 70 + 1);
    assert_eq!((wakes.count(), semaphore.waiters(), semaphore.available_permits()), (70, 10, 1));
    let permits = ready(&mut line);
    assert_eq!(permits.len(), 70);
    permits.into_iter().for_each(Permit::forget);
    semaphore.add_permits(1);
    assert_eq!(semaphore.waiters(), 9);
}

// R10, R11, R12
#[test]
fn polling_again_changes_nothing_but_the_waker() {
    let semaphore = Semaphore::new(0);
    let (old_wakes, old) = CountingWaker::new();
    let (new_wakes, new) = CountingWaker::new();
    let mut line = queue(&semaphore, &[1, 1]);
    for waker in [&old, &old, &new, &new] {
        assert!(poll_with(line[0].as_mut(), waker).is_pending());
        assert_eq!(semaphore.waiters(), 2);
    }
    semaphore.add_permits(1);
    assert_eq!((old_wakes.count(), new_wakes.count()), (0, 1));
    assert!(poll_once(line[1].as_mut()).is_pending(), "it kept its place");
    assert!(poll_with(line[0].as_mut(), &old).is_ready());
}

// R13
#[test]
fn polling_after_it_was_ready_panics_and_takes_nothing() {
    let semaphore = Semaphore::new(3);
    let mut at_once = Box::pin(semaphore.acquire());
    assert!(poll_once(at_once.as_mut()).is_ready());
    let mut waited = Box::pin(semaphore.acquire_many(4));
    assert!(poll_once(waited.as_mut()).is_pending());
    semaphore.add_permits(1);
    assert!(poll_once(waited.as_mut()).is_ready());
    for it in [&mut at_once, &mut waited] {
        let again = catch_unwind(AssertUnwindSafe(|| poll_once(it.as_mut()).is_ready()));
        assert_eq!(again.unwrap_err().downcast_ref(), Some(&"polled after it was ready"));
    }
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (4, 0));
    semaphore.close();
    let mut closed = Box::pin(semaphore.acquire());
    assert!(poll_once(closed.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(closed.as_mut()).is_ready())).is_err());

    let limiter = CapacityLimiter::new(2);
    let mut acquire = Box::pin(limiter.acquire());
    assert!(poll_once(acquire.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(acquire.as_mut()).is_ready())).is_err());
    let mut owned = Box::pin(Arc::new(CapacityLimiter::new(2)).acquire_owned());
    assert!(poll_once(owned.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(owned.as_mut()).is_ready())).is_err());
    let mut idle = Box::pin(limiter.wait_idle());
    assert!(poll_once(idle.as_mut()).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(idle.as_mut()).is_ready())).is_err());
    assert_eq!((limiter.borrowed(), limiter.waiters()), (0, 0));
}

// R13
#[test]
fn a_future_that_is_not_polled_is_not_in_line() {
    let semaphore = Semaphore::new(0);
    let early = semaphore.acquire();
    assert_eq!(semaphore.waiters(), 0);
    let mut late = queue(&semaphore, &[1]);
    semaphore.add_permits(1);
    assert_eq!(ready(&mut late).len(), 1);
    drop(early);
    assert_eq!(semaphore.available_permits(), 1);
}

// R13, A7: what is forgotten costs what it took, and no more.
#[test]
fn a_future_that_is_forgotten_in_line_costs_one_permit_at_most() {
    let semaphore = Semaphore::new(0);
    let mut line = queue(&semaphore, &[1, 1]);
    std::mem::forget(line.remove(0));
    semaphore.add_permits(1);
    assert!(ready(&mut line).is_empty(), "the forgotten one stands before it");
    semaphore.add_permits(1);
    assert_eq!(ready(&mut line).len(), 1);
    std::mem::forget(semaphore.try_acquire());
    assert_eq!(semaphore.available_permits(), 0);
}

// R14, C: granted, asleep, and dropped later.
#[test]
fn who_sleeps_on_its_permit_keeps_the_others_waiting_until_it_leaves() {
    let semaphore = Semaphore::new(0);
    let mut line = queue(&semaphore, &[1, 1]);
    semaphore.add_permits(1);
    assert!(poll_once(line[1].as_mut()).is_pending());
    drop(line.remove(0));
    assert_eq!(ready(&mut line).len(), 1);
}

// R17
#[test]
fn the_largest_request_waits_for_the_largest_number() {
    const MAX: usize = Semaphore::MAX_PERMITS;
    let semaphore = Semaphore::new(MAX - 1);
    let mut line = queue(&semaphore, &[MAX]);
    semaphore.add_permits(1);
    let permits = ready(&mut line);
    assert_eq!((permits[0].count(), semaphore.available_permits()), (MAX, 0));
    drop(permits);
    assert_eq!(semaphore.available_permits(), MAX);
    assert!(semaphore.try_acquire_many(MAX + 1).is_none());
    assert!(semaphore.try_acquire_many(usize::MAX).is_none());
    assert_eq!(semaphore.available_permits(), MAX);
}

// R28
#[test]
fn an_owned_permit_outlives_the_arc_it_came_from() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut acquire = Box::pin(Arc::clone(&semaphore).acquire_owned());
    assert!(poll_once(acquire.as_mut()).is_pending());
    semaphore.add_permits(1);
    let weak = Arc::downgrade(&semaphore);
    drop(semaphore);
    let Poll::Ready(Ok(permit)) = poll_once(acquire.as_mut()) else { panic!("it was granted") };
    drop(acquire);
    assert_eq!(permit.semaphore().available_permits(), 0);
    drop(permit);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_pending_acquire_counts_as_a_waiter_until_it_is_served() {
    let semaphore = Semaphore::new(0);
    let mut acquire = pin!(semaphore.acquire());
    assert!(poll_once(acquire.as_mut()).is_pending());
    assert_eq!(semaphore.statistics().waiting, 1);
    semaphore.add_permits(1);
    // A9: right the moment the call returns.
    assert_eq!((semaphore.statistics().waiting, semaphore.statistics().available), (0, 0));
    assert!(poll_once(acquire).is_ready());
}
