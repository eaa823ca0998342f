use std::pin::Pin;

use tidegate_semaphore::{AcquireFut, Semaphore};
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
