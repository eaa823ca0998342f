use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use tidegate_event::Event;
use tidegate_test::{poll_once, poll_with};

// B-E1: a waiter is released though the event is cleared before it runs.
#[test]
fn who_waits_when_it_is_set_is_released_though_it_is_cleared_at_once() {
    let event = Event::new();
    let mut first = pin!(event.wait());
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(event.set());
    assert!(event.clear());
    let mut late = pin!(event.wait());
    assert!(poll_once(late.as_mut()).is_pending(), "who comes after the clear waits");
    assert!(poll_once(first).is_ready());
}

#[test]
fn a_set_event_lets_everybody_pass_until_it_is_cleared() {
    let event = Event::new();
    assert!(!event.clear());
    assert!(event.set() && !event.set());
    for _ in 0..3 {
        assert!(poll_once(pin!(event.wait())).is_ready());
    }
    assert!(event.clear() && !event.clear());
    assert!(poll_once(pin!(event.wait())).is_pending());
}

/// A waker that writes down its number.
struct Tells(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn all_are_woken_once_and_in_order() {
    let event = Event::new();
    let woken = Arc::new(Mutex::new(Vec::new()));
    // More than are woken at a time.
    let mut waits: Vec<_> = (0..70).map(|_| Box::pin(event.wait())).collect();
    for (i, wait) in waits.iter_mut().enumerate() {
        let waker = Waker::from(Arc::new(Tells(i, Arc::clone(&woken))));
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    assert_eq!(event.waiters(), 70);
    event.set();
    event.set();
    assert_eq!(*woken.lock().unwrap(), Vec::from_iter(0..70));
    assert_eq!(event.waiters(), 0);
    for mut wait in waits {
        assert!(poll_once(wait.as_mut()).is_ready());
    }
}

#[test]
fn a_future_that_is_made_but_not_polled_is_not_in_line() {
    let event = Event::new();
    let mut wait = pin!(event.wait());
    assert_eq!(event.waiters(), 0);
    event.set();
    event.clear();
    assert!(poll_once(wait.as_mut()).is_pending());
}

#[test]
fn threads_wait_beside_tasks() {
    let event = Arc::new(Event::new());
    let thread = std::thread::spawn({
        let event = Arc::clone(&event);
        move || event.wait_blocking()
    });
    let mut task = pin!(Arc::clone(&event).wait_owned());
    assert!(poll_once(task.as_mut()).is_pending());
    while event.waiters() < 2 {
        std::thread::yield_now();
    }
    event.set();
    thread.join().unwrap();
    assert!(poll_once(task).is_ready());
    assert_eq!(event.wait_blocking_until(Instant::now()), Some(()));
    event.clear();
    let soon = Instant::now() + Duration::from_millis(2);
    assert_eq!(event.wait_blocking_until(soon), None);
    assert_eq!(event.statistics().waiting, 0);
}
