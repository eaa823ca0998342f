use std::pin::Pin;

use tidegate_semaphore::{AcquireFut, CapacityLimiter, Semaphore};
use tidegate_test::{CountingWaker, poll_with};

#[test]
fn a_hundred_thousand_wait_and_hand_on_whatever_leaves() {
    const N: usize = 100_000;
    let semaphore = Semaphore::new(0);
    let (_, waker) = CountingWaker::new();
    let mut line: Vec<Pin<Box<AcquireFut<'_>>>> =
        (0..N).map(|_| Box::pin(semaphore.acquire())).collect();
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    semaphore.add_permits(1);
    // The granted one is dropped, then the next that was granted its permit, and so on to the end.
    for it in line {
        drop(it);
    }
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

#[test]
fn a_hundred_thousand_wait_for_a_slot_and_leave_in_any_order() {
    const N: usize = 100_000;
    let limiter = CapacityLimiter::new(0);
    let (wakes, waker) = CountingWaker::new();
    let mut line: Vec<_> = (0..N).map(|_| Some(Box::pin(limiter.acquire()))).collect();
    for it in line.iter_mut().flatten() {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    // Every other one leaves, from all over the line: a stride that is prime to their number meets each once.
    for i in (0..N).map(|i| i * 70_001 % N).filter(|i| i % 2 == 0) {
        line[i] = None;
    }
    assert_eq!(limiter.waiters(), N / 2);
    limiter.set_total(N / 4);
    assert_eq!((wakes.count(), limiter.borrowed()), (N / 4, N / 4));
    // Granted ones leave, and what they were granted goes on.
    drop(line);
    assert_eq!((limiter.borrowed(), limiter.waiters(), limiter.available()), (0, 0, N / 4));
}
