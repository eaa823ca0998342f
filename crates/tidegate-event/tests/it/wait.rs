//! What waiting is, on each of the three types.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::support::{Kind, for_each_kind};

#[test]
fn a_future_that_is_made_but_not_polled_is_not_in_line() {
    fn test<K: Kind>() {
        let signal = K::make();
        let mut wait = Box::pin(signal.wait());
        assert_eq!(signal.waiters(), 0);
        drop(signal.wait());
        assert!(poll_once(wait.as_mut()).is_pending());
        assert_eq!(signal.waiters(), 1);
        drop(wait);
        assert_eq!(signal.waiters(), 0);
    }
    for_each_kind!(test);
}

// R12: a waiter may be polled for no reason.
#[test]
fn polling_again_changes_nothing_but_the_waker() {
    fn test<K: Kind>() {
        let signal = K::make();
        let (old_wakes, old) = CountingWaker::new();
        let (new_wakes, new) = CountingWaker::new();
        let mut wait = pin!(signal.wait());
        for waker in [&old, &old, &new, &new] {
            assert!(poll_with(wait.as_mut(), waker).is_pending());
            assert_eq!(signal.waiters(), 1);
        }
        signal.raise();
        assert_eq!((old_wakes.count(), new_wakes.count()), (0, 1));
        assert_eq!(signal.waiters(), 0);
        assert!(poll_once(wait).is_ready());
    }
    for_each_kind!(test);
}

// A20, second half: who left before it was set is not woken by it, and no trace is left.
#[test]
fn who_leaves_before_the_signal_is_not_woken_by_it() {
    fn test<K: Kind>() {
        let signal = K::make();
        let (wakes, waker) = CountingWaker::new();
        let mut wait = Box::pin(signal.wait());
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
        drop(wait);
        assert_eq!(Arc::strong_count(&wakes), 2, "the waker went along");
        signal.raise();
        assert_eq!(wakes.count(), 0);
        assert!(signal.try_wait(), "it is there for whoever comes");
    }
    for_each_kind!(test);
}

// A20, first half: the signal wins over a cancellation that comes in the same instant, if the waiter still looks.
#[test]
fn who_was_released_passes_whenever_it_looks() {
    fn test<K: Kind>() {
        let signal = K::make();
        let mut wait = pin!(signal.wait());
        assert!(poll_once(wait.as_mut()).is_pending());
        signal.raise();
        signal.try_wait();
        assert!(poll_once(wait).is_ready());
    }
    for_each_kind!(test);
}

// R4: the first, one in the middle, the last, and an only one.
#[test]
fn neighbours_may_leave_in_any_order() {
    fn test<K: Kind>() {
        for leavers in [&[0][..], &[1], &[2], &[0, 1], &[1, 0], &[2, 1], &[0, 2], &[0, 1, 2]] {
            let signal = K::make();
            let mut waits: Vec<_> = (0..3).map(|_| Some(Box::pin(signal.wait()))).collect();
            for wait in waits.iter_mut().flatten() {
                assert!(poll_once(wait.as_mut()).is_pending());
            }
            for (gone, &i) in leavers.iter().enumerate() {
                waits[i] = None;
                assert_eq!(signal.waiters(), 2 - gone);
            }
            for wait in waits.iter_mut().flatten() {
                signal.raise();
                assert!(poll_once(wait.as_mut()).is_ready());
            }
            assert_eq!(signal.waiters(), 0);
        }
    }
    for_each_kind!(test);
}

// R13.
#[test]
fn polling_after_it_was_ready_panics_and_harms_nobody() {
    fn test<K: Kind>() {
        let signal = K::make();
        signal.raise();
        let mut wait = pin!(signal.wait());
        assert!(poll_once(wait.as_mut()).is_ready());
        signal.raise();
        assert!(catch_unwind(AssertUnwindSafe(|| poll_once(wait.as_mut()))).is_err());
        assert!(signal.try_wait(), "it took nothing");
    }
    for_each_kind!(test);
}

// R13: what is leaked stands in line for good, and keeps nobody else from anything.
#[test]
fn a_future_that_is_forgotten_in_line_costs_one_turn_at_most() {
    fn test<K: Kind>() {
        let signal: &'static K = Box::leak(Box::new(K::make()));
        let mut leaked = Box::pin(signal.wait());
        assert!(poll_once(leaked.as_mut()).is_pending());
        std::mem::forget(leaked);
        let mut wait = pin!(signal.wait());
        assert!(poll_once(wait.as_mut()).is_pending());
        assert_eq!(signal.waiters(), 2);
        signal.raise();
        signal.raise();
        assert!(poll_once(wait).is_ready());
    }
    for_each_kind!(test);
}

#[test]
fn an_owned_future_keeps_what_it_waits_for() {
    fn test<K: Kind>() {
        let signal = Arc::new(K::make());
        let mut wait = Box::pin(Arc::clone(&signal).wait_owned());
        assert!(poll_once(wait.as_mut()).is_pending());
        assert_eq!(Arc::strong_count(&signal), 2);
        signal.raise();
        let weak = Arc::downgrade(&signal);
        drop(signal);
        assert!(poll_once(wait.as_mut()).is_ready());
        assert_eq!(weak.strong_count(), 1, "a finished one holds its share until it goes");
        drop(wait);
        assert_eq!(weak.strong_count(), 0);
    }
    for_each_kind!(test);
}

#[test]
fn threads_and_tasks_stand_in_one_line() {
    fn test<K: Kind>() {
        let signal = Arc::new(K::make());
        let mut task = pin!(signal.wait());
        assert!(poll_once(task.as_mut()).is_pending());
        let thread = std::thread::spawn({
            let signal = Arc::clone(&signal);
            move || signal.wait_blocking()
        });
        while signal.waiters() < 2 {
            std::thread::yield_now();
        }
        signal.raise();
        assert!(poll_once(task).is_ready(), "it came first");
        signal.raise();
        thread.join().unwrap();
        assert_eq!(signal.waiters(), 0);
    }
    for_each_kind!(test);
}

#[test]
fn a_thread_that_gives_up_leaves_the_line() {
    fn test<K: Kind>() {
        let signal = K::make();
        let soon = Instant::now() + Duration::from_millis(2);
        assert_eq!(signal.wait_blocking_until(soon), None);
        assert_eq!(signal.waiters(), 0);
        signal.raise();
        assert_eq!(signal.wait_blocking_until(Instant::now()), Some(()), "it looks before it goes");
    }
    for_each_kind!(test);
}
