use tidegate_event::Event;
use tidegate_test::{CountingWaker, poll_once, poll_with};

#[test]
fn a_hundred_thousand_wait_and_half_of_them_leave() {
    const N: usize = 100_000;
    let event = Event::new();
    let (wakes, waker) = CountingWaker::new();
    let mut waits: Vec<_> = (0..N).map(|_| Some(Box::pin(event.wait()))).collect();
    for wait in waits.iter_mut().flatten() {
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    // In an order that has nothing to do with that of the line: 7 and N share no factor.
    for i in (0..N).map(|i| i * 7 % N).filter(|i| i % 2 == 0) {
        waits[i] = None;
    }
    assert_eq!(event.waiters(), N / 2);
    event.set();
    assert_eq!((wakes.count(), event.waiters()), (N / 2, 0));
    for wait in waits.iter_mut().flatten() {
        assert!(poll_once(wait.as_mut()).is_ready());
    }
}
