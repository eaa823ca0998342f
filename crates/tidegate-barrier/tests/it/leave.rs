use std::pin::{Pin, pin};
use std::sync::Arc;

use tidegate_barrier::{Barrier, Broken};
use tidegate_test::poll_once;

use crate::{arrive, arrive_last, indices};

#[test]
fn leaving_in_time_takes_the_arrival_back() {
    let barrier = Barrier::new(2);
    assert_eq!(arrive(&barrier).as_mut().leave(), None);
    assert_eq!(barrier.waiting(), 0);
    let mut wait = arrive(&barrier);
    assert!(poll_once(wait.as_mut()).is_pending());
    // One that has not arrived has nothing to take back.
    assert_eq!(Box::pin(barrier.wait()).as_mut().leave(), None);
    assert_eq!(barrier.waiting(), 1);
}

#[test]
fn leaving_too_late_is_told_that_the_round_has_met() {
    let barrier = Barrier::new(3);
    let mut waits = [arrive(&barrier), arrive(&barrier)];
    arrive_last(&barrier);
    barrier.abort();
    let turns = waits.each_mut().map(|it| it.as_mut().leave().unwrap().unwrap());
    assert_eq!(turns.map(|it| (it.index(), it.is_leader())), [(0, false), (1, false)]);
}

#[test]
fn leaving_too_late_is_told_that_it_was_sent_away() {
    let barrier = Barrier::new(2);
    let mut wait = arrive(&barrier);
    barrier.reset();
    assert_eq!(wait.as_mut().leave(), Some(Err(Broken)));
}

// B-B1, by the other way out.
#[test]
fn indices_are_unique_whoever_left() {
    for n in 1..5 {
        for leaver in 0..n {
            let barrier = Barrier::new(n + 1);
            let mut waits: Vec<_> = (0..n).map(|_| arrive(&barrier)).collect();
            assert_eq!(waits.remove(leaver).as_mut().leave(), None);
            waits.push(arrive(&barrier));
            assert_eq!(arrive_last(&barrier).index(), n);
            assert_eq!(indices(&mut waits), Vec::from_iter(0..n), "{leaver} of {n} left");
        }
    }
}

#[test]
fn an_owned_wait_may_leave_too() {
    let barrier = Arc::new(Barrier::new(2));
    let mut wait = pin!(Arc::clone(&barrier).wait_owned());
    assert!(poll_once(wait.as_mut()).is_pending());
    assert_eq!(wait.leave(), None);
    let mut wait = pin!(Arc::clone(&barrier).wait_owned());
    assert!(poll_once(wait.as_mut()).is_pending());
    arrive_last(&barrier);
    assert_eq!(wait.as_mut().leave().map(|it| it.unwrap().index()), Some(0));
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn a_future_that_left_has_ended() {
    let barrier = Barrier::new(2);
    let mut wait = arrive(&barrier);
    let _ = Pin::as_mut(&mut wait).leave();
    let _ = poll_once(wait.as_mut());
}
