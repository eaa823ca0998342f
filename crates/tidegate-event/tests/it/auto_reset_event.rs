use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use tidegate_event::AutoResetEvent;
use tidegate_test::{CountingWaker, poll_once, poll_with};

#[test]
fn a_set_that_nobody_waits_for_is_remembered_once() {
    let event = AutoResetEvent::new();
    assert!(event.set());
    assert!(!event.set() && !event.set(), "the others merge with the first");
    assert!(poll_once(pin!(event.wait())).is_ready());
    assert!(!event.is_set());
    assert!(poll_once(pin!(event.wait())).is_pending());
}

#[test]
fn asking_whether_it_is_set_takes_nothing_and_trying_takes_it() {
    let event = AutoResetEvent::new();
    assert!(!event.is_set() && !event.try_wait());
    event.set();
    assert!(event.is_set() && event.is_set() && event.statistics().is_set);
    assert!(event.try_wait());
    assert!(!event.is_set() && !event.try_wait());
}

#[test]
fn each_set_releases_the_one_who_has_waited_longest() {
    /// A waker that writes down its number.
    struct Tells(usize, Arc<Mutex<Vec<usize>>>);
    impl Wake for Tells {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    let event = AutoResetEvent::new();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let mut waits: Vec<_> = (0..5).map(|_| Box::pin(event.wait())).collect();
    for (i, wait) in waits.iter_mut().enumerate() {
        let waker = Waker::from(Arc::new(Tells(i, Arc::clone(&woken))));
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    for (i, wait) in waits.iter_mut().enumerate() {
        assert_eq!(event.statistics().waiting, 5 - i);
        assert!(event.set());
        assert_eq!(*woken.lock().unwrap(), Vec::from_iter(0..=i));
        assert!(poll_once(wait.as_mut()).is_ready());
    }
    assert!(!event.is_set(), "each of them was heard");
}

// A3, A15: what was given to a waiter that has not run yet is not there for a newcomer.
#[test]
fn a_newcomer_does_not_take_what_another_was_given() {
    let event = AutoResetEvent::new();
    let mut first = pin!(event.wait());
    assert!(poll_once(first.as_mut()).is_pending());
    event.set();
    assert!(!event.try_wait() && !event.is_set());
    let mut late = pin!(event.wait());
    assert!(poll_once(late.as_mut()).is_pending());
    assert!(poll_once(first).is_ready());
    assert!(poll_once(late).is_pending());
}

// A5, A17, R3: the classic loss, of a signal that was given to a waiter which was then cancelled.
#[test]
fn a_turn_that_nobody_looked_at_goes_to_the_next_in_line() {
    let event = AutoResetEvent::new();
    let mut first = Box::pin(event.wait());
    let mut second = pin!(event.wait());
    let (wakes, waker) = CountingWaker::new();
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    event.set();
    drop(first);
    assert_eq!((wakes.count(), event.is_set()), (1, false));
    assert!(poll_once(second).is_ready());
}

#[test]
fn a_turn_that_nobody_looked_at_is_remembered_when_nobody_waits() {
    let event = AutoResetEvent::new();
    let mut wait = Box::pin(event.wait());
    assert!(poll_once(wait.as_mut()).is_pending());
    event.set();
    assert!(!event.is_set());
    drop(wait);
    assert!(event.is_set());
}

#[test]
fn a_turn_that_comes_back_merges_with_one_that_is_remembered() {
    let event = AutoResetEvent::new();
    let mut wait = Box::pin(event.wait());
    assert!(poll_once(wait.as_mut()).is_pending());
    event.set();
    assert!(event.set(), "the line is empty, so it is remembered");
    drop(wait);
    assert!(event.try_wait());
    assert!(!event.try_wait());
}

// A6: a dead waiter at the head of the line is skipped.
#[test]
fn a_waiter_that_left_takes_no_turn_along() {
    let event = AutoResetEvent::new();
    let mut first = Box::pin(event.wait());
    let mut second = pin!(event.wait());
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_once(second.as_mut()).is_pending());
    drop(first);
    event.set();
    assert!(poll_once(second).is_ready());
}

// R21: the turn that a waker gives away while it is woken goes to the next, and so on.
#[test]
fn a_waker_that_sets_it_releases_the_next() {
    struct Passes(Arc<AutoResetEvent>);
    impl Wake for Passes {
        fn wake(self: Arc<Self>) {
            self.0.set();
        }
    }
    let event = Arc::new(AutoResetEvent::new());
    let waker = Waker::from(Arc::new(Passes(Arc::clone(&event))));
    let mut waits: Vec<_> = (0..5).map(|_| Box::pin(event.wait())).collect();
    for wait in &mut waits {
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    event.set();
    for wait in &mut waits {
        assert!(poll_once(wait.as_mut()).is_ready());
    }
    assert!(event.is_set(), "the last of them found nobody");
}

// The pattern it is for: no piece of work is overlooked, whatever merges and whoever gives up.
#[test]
fn a_worker_that_looks_after_every_release_overlooks_nothing() {
    const EACH: usize = 2_000;
    let shared = Arc::new((AutoResetEvent::new(), AtomicUsize::new(0)));
    let posters: Vec<_> = (0..3)
        .map(|_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                for i in 0..EACH {
                    shared.1.fetch_add(1, Ordering::Relaxed);
                    shared.0.set();
                    if i % 7 == 0 {
                        // Somebody else looks in and goes; if it was released, nobody may miss that.
                        let taken = poll_once(pin!(shared.0.wait())).is_ready();
                        if taken {
                            shared.0.set();
                        }
                    }
                }
            })
        })
        .collect();
    let mut done = 0;
    while done < 3 * EACH {
        shared.0.wait_blocking();
        done += shared.1.swap(0, Ordering::Relaxed);
    }
    posters.into_iter().for_each(|it| it.join().unwrap());
    assert_eq!((done, shared.0.waiters()), (3 * EACH, 0));
}
