use std::pin::pin;

use tidegate_event::Latch;
use tidegate_test::{CountingWaker, poll_once, poll_with};

#[test]
fn it_opens_when_it_has_been_counted_down_and_stays_open() {
    let latch = Latch::new(3);
    let mut wait = pin!(latch.wait());
    for left in [2, 1] {
        assert!(poll_once(wait.as_mut()).is_pending());
        latch.count_down(1);
        assert_eq!((latch.count(), latch.is_open(), latch.try_wait()), (left, false, false));
    }
    latch.count_down(1);
    assert!(poll_once(wait).is_ready());
    assert!(latch.is_open() && latch.try_wait());
    for _ in 0..3 {
        assert!(poll_once(pin!(latch.wait())).is_ready());
    }
}

#[test]
fn a_latch_of_nought_is_open_from_the_start() {
    let latch = Latch::new(0);
    assert!(latch.is_open() && poll_once(pin!(latch.wait())).is_ready());
    latch.count_down(1);
    assert!(latch.is_open());
}

#[test]
fn counting_further_than_nought_opens_it_and_nothing_else() {
    for waits in [false, true] {
        for (count, n) in [(1, 2), (3, usize::MAX), (Latch::MAX_COUNT, usize::MAX), (5, 5)] {
            let latch = Latch::new(count);
            let mut wait = Box::pin(latch.wait());
            assert!(!waits || poll_once(wait.as_mut()).is_pending());
            latch.count_down(n);
            latch.count_down(n);
            assert_eq!(latch.count(), 0);
            assert!(poll_once(wait.as_mut()).is_ready());
        }
    }
}

#[test]
fn counting_by_nought_changes_nothing() {
    let latch = Latch::new(1);
    let mut wait = pin!(latch.wait());
    latch.count_down(0);
    assert!(poll_once(wait.as_mut()).is_pending());
    latch.count_down(0);
    assert!(poll_once(wait).is_pending());
    assert_eq!(latch.count(), 1);
}

#[test]
fn a_large_count_is_kept_to_the_last_whoever_waits() {
    let latch = Latch::new(Latch::MAX_COUNT);
    latch.count_down(1);
    let mut wait = pin!(latch.wait());
    assert!(poll_once(wait.as_mut()).is_pending());
    // The bit that says that somebody waits is beside the count, and neither reaches into the other.
    assert_eq!((latch.count(), latch.waiters()), (Latch::MAX_COUNT - 1, 1));
    latch.count_down(Latch::MAX_COUNT - 3);
    assert_eq!((latch.count(), latch.waiters()), (2, 1));
    latch.count_down(1);
    assert!(poll_once(wait.as_mut()).is_pending());
    latch.count_down(1);
    assert_eq!((latch.statistics().count, latch.statistics().waiting), (0, 0));
    assert!(poll_once(wait).is_ready());
}

#[test]
fn all_who_wait_are_woken_once_by_the_last_count() {
    let latch = Latch::new(2);
    let (wakes, waker) = CountingWaker::new();
    let mut waits: Vec<_> = (0..70).map(|_| Box::pin(latch.wait())).collect();
    for wait in &mut waits {
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    latch.count_down(1);
    assert_eq!((wakes.count(), latch.waiters()), (0, 70), "not before");
    latch.count_down(1);
    latch.count_down(1);
    assert_eq!((wakes.count(), latch.waiters()), (70, 0));
    for wait in &mut waits {
        assert!(poll_once(wait.as_mut()).is_ready());
    }
}

#[test]
fn who_leaves_and_comes_back_waits_for_the_same_count() {
    let latch = Latch::new(2);
    for _ in 0..3 {
        assert!(poll_once(pin!(latch.wait())).is_pending());
    }
    assert_eq!((latch.count(), latch.waiters()), (2, 0), "waiting counts nothing");
    latch.count_down(2);
    assert!(poll_once(pin!(latch.wait())).is_ready());
}
