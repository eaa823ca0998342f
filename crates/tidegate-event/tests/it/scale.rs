use std::sync::Arc;

use tidegate_event::{AutoResetEvent, WaitFut};
use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::support::{Kind, for_each_kind, shuffled};

const N: usize = 100_000;

type Waits<'a, K> = Vec<Option<std::pin::Pin<Box<WaitFut<'a, K>>>>>;

/// N who wait, in line in an order that has nothing to do with where they are.
fn crowd<K: Kind>(signal: &K) -> (Waits<'_, K>, Arc<CountingWaker>) {
    let (wakes, waker) = CountingWaker::new();
    let mut waits: Waits<'_, K> = (0..N).map(|_| Some(Box::pin(signal.wait()))).collect();
    for i in shuffled(N) {
        let wait = waits[i].as_mut().expect("nobody has left yet");
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    assert_eq!(signal.waiters(), N);
    (waits, wakes)
}

#[test]
fn a_hundred_thousand_wait_and_half_of_them_leave_in_any_order() {
    fn test<K: Kind>() {
        let signal = K::make();
        let (mut waits, wakes) = crowd(&signal);
        for i in shuffled(N).into_iter().step_by(2) {
            waits[i] = None;
        }
        assert_eq!(signal.waiters(), N / 2);
        while signal.waiters() > 0 {
            signal.raise();
        }
        assert_eq!(wakes.count(), N / 2);
        for wait in waits.iter_mut().flatten() {
            assert!(poll_once(wait.as_mut()).is_ready());
        }
    }
    for_each_kind!(test);
}

#[test]
fn a_hundred_thousand_leave_in_any_order_and_nothing_stays() {
    fn test<K: Kind>() {
        let signal = K::make();
        let (mut waits, wakes) = crowd(&signal);
        for i in shuffled(N).into_iter().rev() {
            waits[i] = None;
        }
        assert_eq!((wakes.count(), signal.waiters()), (0, 0));
        assert_eq!(Arc::strong_count(&wakes), 1, "nor do their wakers");
    }
    for_each_kind!(test);
}

#[test]
fn a_turn_travels_past_a_hundred_thousand_who_leave() {
    let event = AutoResetEvent::new();
    let (waits, wakes) = crowd(&event);
    event.set();
    // Each that goes in the order of the line was just given the turn; the others go from the middle.
    drop(waits);
    assert_eq!(event.waiters(), 0);
    assert!(wakes.count() >= 1);
    assert!(event.try_wait() && !event.try_wait());
}

#[test]
fn a_turn_travels_down_the_line_when_each_in_front_leaves() {
    let event = AutoResetEvent::new();
    let (wakes, waker) = CountingWaker::new();
    let mut line: Vec<_> = (0..N).map(|_| Box::pin(event.wait())).collect();
    for wait in &mut line {
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    event.set();
    line.into_iter().for_each(drop);
    assert_eq!((wakes.count(), event.waiters(), event.is_set()), (N, 0, true));
}
