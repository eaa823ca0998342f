use tidegate_barrier::Barrier;
use tidegate_test::{CountingWaker, poll_once, poll_with};

const N: usize = 100_000;

/// Numbers below `N` in an order that has nothing to do with that of the line: 7919 and `N` share no factor.
fn scattered() -> impl Iterator<Item = usize> {
    (0..N).map(|i| i * 7919 % N)
}

#[test]
fn a_hundred_thousand_meet_after_half_of_them_left_in_random_order_and_others_came() {
    let barrier = Barrier::new(N + 1);
    let (wakes, waker) = CountingWaker::new();
    let mut waits: Vec<_> = (0..N).map(|_| Some(Box::pin(barrier.wait()))).collect();
    for wait in waits.iter_mut().flatten() {
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    for i in scattered().filter(|i| i % 2 == 0) {
        waits[i] = None;
    }
    assert_eq!(barrier.waiting(), N / 2);
    for i in scattered().filter(|i| i % 2 == 0) {
        let mut wait = Box::pin(barrier.wait());
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
        waits[i] = Some(wait);
    }
    assert_eq!((wakes.count(), barrier.waiting()), (0, N));
    assert!(poll_once(Box::pin(barrier.wait()).as_mut()).is_ready());
    assert_eq!((wakes.count(), barrier.waiting()), (N, 0));
    let mut seen = vec![false; N];
    for wait in waits.iter_mut().flatten() {
        let std::task::Poll::Ready(Ok(turn)) = poll_once(wait.as_mut()) else {
            panic!("its round has met")
        };
        assert!(!std::mem::replace(&mut seen[turn.index()], true), "{turn:?} twice");
    }
}

#[test]
fn a_hundred_thousand_leave_in_random_order_and_are_sent_away() {
    let barrier = Barrier::new(usize::MAX);
    let (wakes, waker) = CountingWaker::new();
    for sends_away in [Barrier::reset, Barrier::abort] {
        barrier.reset();
        let mut waits: Vec<_> = (0..N).map(|_| Some(Box::pin(barrier.wait()))).collect();
        for wait in waits.iter_mut().flatten() {
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
        }
        let before = wakes.count();
        for i in scattered().take(N / 2) {
            let mut wait = waits[i].take().unwrap();
            // Half of them by the front door.
            if i % 2 == 0 {
                assert_eq!(wait.as_mut().leave(), None);
            }
        }
        assert_eq!(barrier.waiting(), N / 2);
        sends_away(&barrier);
        assert_eq!((wakes.count() - before, barrier.waiting()), (N / 2, 0));
        // And the rest leave without a look.
        for i in scattered() {
            waits[i] = None;
        }
    }
}
