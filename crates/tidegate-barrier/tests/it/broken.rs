use std::pin::pin;
use std::task::Poll;

use tidegate_barrier::{Barrier, Broken};
use tidegate_test::poll_once;

use crate::{arrive, arrive_last, indices, is_sent_away, turn};

#[test]
fn an_abort_sends_everybody_away_until_it_is_reset() {
    let barrier = Barrier::new(3);
    let mut waits = [arrive(&barrier), arrive(&barrier)];
    barrier.abort();
    barrier.abort();
    assert!(barrier.is_broken() && barrier.statistics().is_broken);
    assert_eq!(barrier.waiting(), 0);
    assert!(waits.iter_mut().all(is_sent_away));
    // Who comes while it is broken does not wait, and does not count.
    for _ in 0..4 {
        assert_eq!(poll_once(pin!(barrier.wait())), Poll::Ready(Err(Broken)));
    }
    barrier.reset();
    assert!(!barrier.is_broken());
    let mut waits = [arrive(&barrier), arrive(&barrier)];
    assert_eq!(arrive_last(&barrier).index(), 2);
    assert_eq!(indices(&mut waits), [0, 1]);
}

#[test]
fn a_reset_sends_away_who_waits_and_starts_with_nobody() {
    let barrier = Barrier::new(3);
    let mut old = [arrive(&barrier), arrive(&barrier)];
    barrier.reset();
    assert_eq!((barrier.waiting(), barrier.is_broken()), (0, false));
    // Who comes after the reset is not mixed with those whom it sent away, though they have not looked.
    let mut new = [arrive(&barrier), arrive(&barrier)];
    assert!(old.iter_mut().all(is_sent_away));
    assert_eq!(barrier.waiting(), 2);
    assert!(arrive_last(&barrier).is_leader());
    assert_eq!(indices(&mut new), [0, 1]);
}

#[test]
fn who_was_sent_away_stays_so_though_it_is_reset_before_they_look() {
    let barrier = Barrier::new(2);
    let mut wait = arrive(&barrier);
    barrier.abort();
    barrier.reset();
    assert!(is_sent_away(&mut wait));
}

// B-B2: asyncio breaks a round that has met if it is reset before all of it have run.
#[test]
fn a_round_that_met_passes_whatever_reset_or_abort_does_before_they_look() {
    let ends: [fn(&Barrier); 4] = [
        Barrier::reset,
        Barrier::abort,
        |it| {
            it.abort();
            it.reset();
        },
        |it| {
            it.reset();
            drop(arrive(it));
            it.abort();
        },
    ];
    for end in ends {
        let barrier = Barrier::new(3);
        let mut waits = [arrive(&barrier), arrive(&barrier)];
        assert!(arrive_last(&barrier).is_leader());
        end(&barrier);
        assert_eq!(indices(&mut waits), [0, 1]);
    }
}

#[test]
fn a_reset_between_two_rounds_touches_the_second_only() {
    let barrier = Barrier::new(2);
    let mut met = arrive(&barrier);
    arrive_last(&barrier);
    let mut waits = arrive(&barrier);
    barrier.reset();
    assert!(is_sent_away(&mut waits));
    assert_eq!(turn(&mut met).index(), 0);
}

// B-B1 once more: the gap that somebody left must not outlive the round that was called off.
#[test]
fn a_round_after_one_that_was_called_off_counts_from_nought() {
    let barrier = Barrier::new(4);
    let mut waits: Vec<_> = (0..3).map(|_| arrive(&barrier)).collect();
    drop(waits.remove(1));
    barrier.reset();
    let mut again: Vec<_> = (0..3).map(|_| arrive(&barrier)).collect();
    assert_eq!(arrive_last(&barrier).index(), 3);
    assert_eq!(indices(&mut again), [0, 1, 2]);
}

#[test]
fn an_abort_of_a_barrier_where_nobody_waits_is_seen_by_the_next() {
    let barrier = Barrier::new(1);
    barrier.abort();
    assert_eq!(poll_once(pin!(barrier.wait())), Poll::Ready(Err(Broken)));
    // Also by one that was made before, and arrives after.
    let made = Barrier::new(1);
    let early = made.wait();
    made.abort();
    assert_eq!(poll_once(pin!(early)), Poll::Ready(Err(Broken)));
}
