//! Foreign code in awkward places: wakers that call back in, and wakers that panic. (That a waker may call back in while
//! it is cloned is tested in `tidegate-waiters`, which does the cloning and may write the waker that does this.)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use tidegate_event::{AutoResetEvent, Event};
use tidegate_test::{CountingWaker, poll_once, poll_with};

use crate::support::{Kind, for_each_kind};

/// A waker that calls `call` when it is woken and when its last clone is dropped.
struct Calls<F: Fn() + Send + Sync + 'static>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Calls<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Everything that can be done to it.
fn use_it<K: Kind>(signal: &K) {
    let _ = (format!("{signal:?}"), signal.waiters(), signal.try_wait());
    let passed = poll_once(pin!(signal.wait())).is_ready();
    signal.raise();
    let _ = (passed, poll_once(pin!(signal.wait())));
}

// R25: the matrix of re-entrancy.
#[test]
fn a_waker_may_use_it_while_it_is_woken_replaced_or_dropped() {
    fn test<K: Kind>() {
        let calls = Arc::new(AtomicUsize::new(0));
        let signal = Arc::new(K::make());
        let waker = || {
            let (signal, calls) = (Arc::clone(&signal), Arc::clone(&calls));
            Waker::from(Arc::new(Calls(move || {
                calls.fetch_add(1, Ordering::Relaxed);
                use_it(&*signal);
            })))
        };
        // More than are woken at a time; each of them is woken, and dropped.
        let mut waits: Vec<_> = (0..40).map(|_| Box::pin(signal.wait())).collect();
        let joined: Vec<_> =
            waits.iter_mut().map(|it| poll_with(it.as_mut(), &waker()).is_pending()).collect();
        assert!(joined[0]);
        // Replaced while in line, by the same wait's next look.
        let _ = poll_with(waits[1].as_mut(), &waker());
        signal.raise();
        for mut wait in waits {
            // Dropped in line, or with a turn.
            let _ = poll_with(wait.as_mut(), &waker());
        }
        assert_eq!(signal.waiters(), 0);
        assert!(calls.load(Ordering::Relaxed) > 40);
    }
    for_each_kind!(test);
}

// An event is cleared, waited for and set again by those whom it wakes.
#[test]
fn a_waker_may_clear_an_event_and_wait_for_it_while_others_are_woken() {
    let event = Arc::new(Event::new());
    let waker = || {
        let event = Arc::clone(&event);
        Waker::from(Arc::new(Calls(move || {
            event.clear();
            assert!(poll_once(pin!(event.wait())).is_pending());
            event.set();
        })))
    };
    let mut kept = Vec::new();
    let mut waits: Vec<_> = (0..40).map(|_| Box::pin(event.wait())).collect();
    for wait in &mut waits {
        let waker = waker();
        event.clear();
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
        kept.push(waker); // So that it is the wakes that call, and no drop before them.
    }
    event.set();
    for wait in &mut waits {
        assert!(poll_with(wait.as_mut(), &waker()).is_ready());
    }
}

struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's own panic");
    }
}

// R26.
#[test]
fn a_waker_that_panics_keeps_nobody_asleep() {
    fn test<K: Kind>() {
        let signal = K::make();
        let (wakes, calm) = CountingWaker::new();
        let mad = Waker::from(Arc::new(Panics));
        let mut waits: Vec<_> = (0..100).map(|_| Box::pin(signal.wait())).collect();
        for (i, wait) in waits.iter_mut().enumerate() {
            assert!(poll_with(wait.as_mut(), if i % 9 == 0 { &mad } else { &calm }).is_pending());
        }
        let mut panics = 0;
        while signal.waiters() > 0 {
            panics += usize::from(catch_unwind(AssertUnwindSafe(|| signal.raise())).is_err());
        }
        assert!(panics == 1 || panics == 12, "one for all of a broadcast, or each its own");
        assert_eq!(wakes.count(), 100 - 12);
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_ready());
        }
        signal.raise();
        assert!(signal.try_wait(), "it goes on");
    }
    for_each_kind!(test);
}

#[test]
fn a_turn_arrives_though_the_waker_of_the_next_panics() {
    let event = AutoResetEvent::new();
    let mut first = Box::pin(event.wait());
    let mut second = Box::pin(event.wait());
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_with(second.as_mut(), &Waker::from(Arc::new(Panics))).is_pending());
    event.set();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(first))).is_err());
    assert!(!event.is_set());
    assert!(poll_once(second.as_mut()).is_ready());
    assert_eq!(event.waiters(), 0);
}

/// A waker that panics when its last clone is dropped.
struct Bomb;
impl Wake for Bomb {
    fn wake(self: Arc<Self>) {}
}
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a waker's own panic while it is dropped");
    }
}

#[test]
fn a_waker_that_panics_while_it_is_dropped_changes_nothing() {
    fn test<K: Kind>() {
        let signal = K::make();
        let armed = || {
            let mut wait = Box::pin(signal.wait());
            let bomb = Waker::from(Arc::new(Bomb));
            assert!(poll_with(wait.as_mut(), &bomb).is_pending());
            wait
        };
        // Replaced: it stays in line.
        let mut replaced = armed();
        let (wakes, calm) = CountingWaker::new();
        assert!(catch_unwind(AssertUnwindSafe(|| poll_with(replaced.as_mut(), &calm))).is_err());
        assert_eq!(signal.waiters(), 1);
        // Given up: it is out of the line.
        let given_up = armed();
        assert_eq!(signal.waiters(), 2);
        assert!(catch_unwind(AssertUnwindSafe(|| drop(given_up))).is_err());
        assert_eq!(signal.waiters(), 1);
        signal.raise();
        assert_eq!(wakes.count(), 1);
        assert!(poll_once(replaced.as_mut()).is_ready());
    }
    for_each_kind!(test);
}
