use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tidegate_semaphore::{CapacityLimiter, Slot, SlotFut};
use tidegate_test::{CountingWaker, poll_once, poll_with};

type Acquire<'a> = std::pin::Pin<Box<SlotFut<'a>>>;

/// `n` of them in line.
fn queue(limiter: &CapacityLimiter, n: usize) -> Vec<Acquire<'_>> {
    let mut line: Vec<_> = (0..n).map(|_| Box::pin(limiter.acquire())).collect();
    for it in &mut line {
        assert!(poll_once(it.as_mut()).is_pending());
    }
    line
}

/// The slots of those who are ready by now, who leave the line.
fn ready<'a>(line: &mut Vec<Acquire<'a>>) -> Vec<Slot<'a>> {
    let mut slots = Vec::new();
    line.retain_mut(|it| match poll_once(it.as_mut()) {
        Poll::Ready(slot) => {
            slots.push(slot);
            false
        }
        Poll::Pending => true,
    });
    slots
}

fn take(limiter: &CapacityLimiter, n: usize) -> Vec<Slot<'_>> {
    (0..n).map(|_| limiter.try_acquire().expect("there is one")).collect()
}

// D1, A14: anyio let a third one in here.
#[test]
fn a_total_that_is_lowered_below_what_is_out_and_restored_lets_nobody_in() {
    let limiter = CapacityLimiter::new(2);
    let slots = take(&limiter, 2);
    let mut line = queue(&limiter, 2);
    limiter.set_total(1);
    assert_eq!((limiter.borrowed(), limiter.available()), (2, 0));
    limiter.set_total(2);
    assert!(ready(&mut line).is_empty());
    assert!(limiter.try_acquire().is_none());
    assert_eq!((limiter.borrowed(), limiter.waiters()), (2, 2));
    drop(slots);
    assert_eq!(ready(&mut line).len(), 2);
    assert_eq!(limiter.statistics().peak, 2);
}

// D1, on the way that takes no lock: nobody is in line.
#[test]
fn a_total_that_goes_down_and_up_makes_no_slot() {
    let limiter = CapacityLimiter::new(3);
    let mut slots = take(&limiter, 3);
    for total in [1, 0, 2, usize::MAX, 1, 3] {
        limiter.set_total(total);
    }
    assert!(limiter.try_acquire().is_none());
    slots.pop();
    assert!(limiter.try_acquire().is_some());
    limiter.set_total(1);
    assert!(limiter.try_acquire().is_none());
    slots.pop();
    assert!(limiter.try_acquire().is_none(), "one is out, and one is all there may be");
    slots.pop();
    assert!(limiter.try_acquire().is_some());
    assert_eq!(limiter.statistics().peak, 3);
}

// A12
#[test]
fn a_total_that_is_raised_lets_in_as_many_as_there_is_room_for() {
    let limiter = CapacityLimiter::new(1);
    let mut slots = take(&limiter, 1);
    let (wakes, waker) = CountingWaker::new();
    let mut line = queue(&limiter, 5);
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    limiter.set_total(3);
    assert_eq!((wakes.count(), limiter.waiters(), limiter.borrowed()), (2, 3, 3));
    limiter.set_total(4);
    assert_eq!((wakes.count(), limiter.waiters(), limiter.borrowed()), (3, 2, 4));
    slots.extend(ready(&mut line));
    assert_eq!(slots.len(), 4);

    // Lowered: nobody comes before it is below the new total.
    limiter.set_total(2);
    for left in [3, 2] {
        slots.pop();
        assert_eq!((limiter.borrowed(), limiter.waiters()), (left, 2));
    }
    slots.pop();
    assert_eq!((limiter.borrowed(), limiter.waiters()), (2, 1));
    assert_eq!(limiter.statistics().peak, 4);
}

// A13
#[test]
fn a_total_of_nought_lets_everybody_wait() {
    let limiter = CapacityLimiter::new(0);
    assert!(limiter.try_acquire().is_none());
    let mut line = queue(&limiter, 2);
    limiter.set_total(1);
    let slots = ready(&mut line);
    assert_eq!(slots.len(), 1);
    limiter.set_total(0);
    drop(slots);
    assert!(ready(&mut line).is_empty());
    assert_eq!((limiter.borrowed(), limiter.waiters(), limiter.available()), (0, 1, 0));
    limiter.set_total(1);
    assert_eq!(ready(&mut line).len(), 1);
}

#[test]
fn without_a_limit_nobody_waits() {
    let limiter = CapacityLimiter::new(1);
    let first = limiter.try_acquire().unwrap();
    let mut line = queue(&limiter, 100);
    limiter.set_total(usize::MAX);
    assert_eq!(ready(&mut line).len(), 100);
    assert_eq!((limiter.total(), limiter.available()), (usize::MAX, usize::MAX));
    let slots = take(&limiter, 1000);
    assert_eq!((limiter.borrowed(), limiter.statistics().peak), (1001, 1001));
    limiter.set_total(5);
    assert_eq!((limiter.total(), limiter.available()), (5, 0));
    drop((first, slots));
    assert_eq!(limiter.available(), 5);
    assert_eq!(CapacityLimiter::new(usize::MAX - 1).available(), usize::MAX - 1);
}

// A3, A15: kept for who was granted it, though nobody has looked.
#[test]
fn nobody_overtakes_who_waits() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let mut line = queue(&limiter, 1);
    drop(slot);
    assert!(limiter.try_acquire().is_none());
    assert_eq!((limiter.borrowed(), limiter.waiters()), (1, 0));
    let mut late = pin!(limiter.acquire());
    assert!(poll_once(late.as_mut()).is_pending());
    drop(ready(&mut line));
    assert!(poll_once(late).is_ready());
}

// A15, B-S1
#[test]
fn a_granted_slot_moves_on_when_its_waiter_is_dropped() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let mut line = queue(&limiter, 2);
    let (wakes, waker) = CountingWaker::new();
    assert!(poll_with(line[1].as_mut(), &waker).is_pending());
    drop(slot); // Granted to the first ...
    drop(line.remove(0)); // ... which never looks.
    assert_eq!(wakes.count(), 1);
    assert_eq!(ready(&mut line).len(), 1);
    assert_eq!((limiter.borrowed(), limiter.statistics().granted), (0, 2));
}

#[test]
fn a_granted_slot_is_a_debt_paid_when_its_waiter_is_dropped_under_a_lower_total() {
    let limiter = CapacityLimiter::new(2);
    let slots = take(&limiter, 2);
    let mut line = queue(&limiter, 3);
    drop(slots); // Two of them are granted it.
    limiter.set_total(1);
    drop(line.remove(0));
    assert_eq!((limiter.borrowed(), limiter.waiters()), (1, 1), "it is not passed on");
    drop(line.remove(0));
    assert_eq!((limiter.borrowed(), limiter.waiters()), (1, 0), "but this one is");
}

// A9: right the moment each call returns.
#[test]
fn statistics_count_what_happened() {
    let limiter = CapacityLimiter::new(2);
    let expect = |borrowed, waiting, peak, granted| {
        let it = limiter.statistics();
        assert_eq!(
            (it.borrowed, it.waiting, it.peak, it.granted),
            (borrowed, waiting, peak, granted)
        );
        assert_eq!((limiter.borrowed(), limiter.waiters()), (borrowed, waiting));
    };
    expect(0, 0, 0, 0);
    for round in 1..=10 {
        drop(limiter.try_acquire());
        expect(0, 0, 1, round);
    }
    let slots = take(&limiter, 2);
    expect(2, 0, 2, 12);
    assert!(limiter.try_acquire().is_none());
    let mut line = queue(&limiter, 2);
    expect(2, 2, 2, 12);
    drop(slots);
    expect(2, 0, 2, 12); // Granted, and not handed out before somebody looks.
    line.truncate(1);
    expect(1, 0, 2, 12);
    drop(ready(&mut line));
    expect(0, 0, 2, 13);
    limiter.set_total(9);
    expect(0, 0, 2, 13);
    drop(take(&limiter, 3));
    expect(0, 0, 3, 16);
    assert_eq!(limiter.statistics().total, 9);
}

#[test]
fn the_peak_is_kept_when_the_total_changes() {
    let limiter = CapacityLimiter::new(5);
    drop(take(&limiter, 4));
    limiter.set_total(1);
    limiter.set_total(6);
    let slots = take(&limiter, 3);
    assert_eq!(limiter.statistics().peak, 4);
    limiter.set_total(4);
    assert_eq!((limiter.borrowed(), limiter.available()), (3, 1));
    let more = take(&limiter, 1);
    assert!(limiter.try_acquire().is_none());
    limiter.set_total(5);
    let last = take(&limiter, 1);
    assert_eq!((limiter.borrowed(), limiter.statistics().peak), (5, 5));
    drop((slots, more, last));
    assert_eq!(limiter.borrowed(), 0);
}

// A2
#[test]
fn three_who_come_again_take_turns() {
    let limiter = CapacityLimiter::new(1);
    let mut holder = limiter.try_acquire();
    let mut line = queue(&limiter, 3);
    let mut order = Vec::new();
    let mut who = vec![0, 1, 2];
    for _ in 0..9 {
        drop(holder.take());
        let served: Vec<_> = line
            .iter_mut()
            .map(|it| if let Poll::Ready(it) = poll_once(it.as_mut()) { Some(it) } else { None })
            .collect();
        let at = served.iter().position(Option::is_some).unwrap();
        assert_eq!(served.iter().flatten().count(), 1);
        holder = served.into_iter().flatten().next();
        let me = who.remove(at);
        drop(line.remove(at));
        order.push(me);
        who.push(me);
        line.extend(queue(&limiter, 1));
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

// A4, A6, B-S8
#[test]
fn who_leaves_the_line_takes_nothing_along() {
    for leaver in 0..3 {
        let limiter = CapacityLimiter::new(1);
        let slot = limiter.try_acquire();
        let mut line = queue(&limiter, 3);
        drop(line.remove(leaver));
        assert_eq!(limiter.waiters(), 2);
        drop(slot);
        for _ in 0..2 {
            assert_eq!(ready(&mut line).len(), 1);
        }
        assert_eq!(limiter.borrowed(), 0);
    }
}

#[test]
fn threads_and_tasks_stand_in_one_line() {
    let limiter = Arc::new(CapacityLimiter::new(0));
    let mut line = queue(&limiter, 1);
    let thread = std::thread::spawn({
        let limiter = Arc::clone(&limiter);
        move || drop(limiter.acquire_blocking())
    });
    while limiter.waiters() < 2 {
        std::thread::yield_now();
    }
    limiter.set_total(1);
    assert!(!thread.is_finished());
    assert_eq!(ready(&mut line).len(), 1); // Taken and given back: on to the thread.
    thread.join().unwrap();
}

#[test]
fn a_thread_that_gives_up_leaves_the_line() {
    let limiter = CapacityLimiter::new(0);
    let soon = Instant::now() + Duration::from_millis(2);
    assert!(limiter.acquire_blocking_until(soon).is_none());
    assert_eq!(limiter.waiters(), 0);
    limiter.set_total(1);
    assert!(limiter.acquire_blocking_until(Instant::now()).is_some());
}

// R28
#[test]
fn an_owned_slot_outlives_the_arc_it_came_from() {
    let limiter = Arc::new(CapacityLimiter::new(1));
    let slot = Arc::clone(&limiter).try_acquire_owned().unwrap();
    let mut waits = Box::pin(Arc::clone(&limiter).acquire_owned());
    assert!(poll_once(waits.as_mut()).is_pending());
    let weak = Arc::downgrade(&limiter);
    drop(limiter);
    drop(slot);
    let Poll::Ready(slot) = poll_once(waits.as_mut()) else { panic!("it was given back") };
    drop(waits);
    assert_eq!(slot.limiter().borrowed(), 1);
    drop(slot);
    assert!(weak.upgrade().is_none());
}

// A16, D2: one task may take two slots, and both are counted.
#[test]
fn one_who_waits_twice_is_served_twice() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let mut line = queue(&limiter, 2);
    limiter.set_total(2);
    drop(slot);
    assert_eq!(ready(&mut line).len(), 2);
    assert_eq!(limiter.statistics().granted, 3);
}
