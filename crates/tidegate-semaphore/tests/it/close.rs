use std::pin::pin;
use std::task::Poll;

use tidegate_semaphore::{Closed, Semaphore};
use tidegate_test::{CountingWaker, poll_once, poll_with};

#[test]
fn closing_wakes_everybody_with_an_error() {
    let semaphore = Semaphore::new(1);
    let (wakes, waker) = CountingWaker::new();
    let mut line: Vec<_> = (0..70).map(|_| Box::pin(semaphore.acquire_many(2))).collect();
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    semaphore.close();
    assert_eq!(wakes.count(), 70);
    for it in &mut line {
        assert!(matches!(poll_once(it.as_mut()), Poll::Ready(Err(Closed))));
    }
    assert_eq!(semaphore.waiters(), 0);
}

#[test]
fn a_permit_that_was_granted_before_the_close_stays_valid() {
    let semaphore = Semaphore::new(0);
    let mut acquire = pin!(semaphore.acquire());
    assert!(poll_once(acquire.as_mut()).is_pending());
    semaphore.add_permits(1);
    semaphore.close();
    let Poll::Ready(Ok(permit)) = poll_once(acquire.as_mut()) else { panic!("it was granted") };
    assert_eq!(permit.count(), 1);
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_closed_semaphore_gives_nothing_and_takes_everything_back() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.try_acquire().unwrap();
    semaphore.close();
    semaphore.close();
    assert!(semaphore.is_closed() && semaphore.statistics().closed);
    assert!(semaphore.try_acquire().is_none());
    assert!(matches!(poll_once(pin!(semaphore.acquire())), Poll::Ready(Err(Closed))));
    assert!(matches!(poll_once(pin!(semaphore.acquire_many(0))), Poll::Ready(Err(Closed))));
    assert_eq!(semaphore.acquire_blocking().unwrap_err().to_string(), "the semaphore is closed");
    drop(held);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(semaphore.forget_permits(1), 1);
    assert!(semaphore.is_closed());
}
