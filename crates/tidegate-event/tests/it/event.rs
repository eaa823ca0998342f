use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use tidegate_event::{Event, WaitOwnedFut};
use tidegate_test::{CountingWaker, poll_once, poll_with};

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

// R19: who comes while others are being woken waits for the next `set`.
#[test]
fn who_comes_between_two_wakes_is_not_released_with_the_others() {
    struct Clears(Arc<Event>, Arc<Mutex<Option<Pin<Box<WaitOwnedFut>>>>>);
    impl Wake for Clears {
        fn wake(self: Arc<Self>) {
            self.0.clear();
            let mut late = Box::pin(Arc::clone(&self.0).wait_owned());
            assert!(poll_once(late.as_mut()).is_pending());
            *self.1.lock().unwrap() = Some(late);
        }
    }
    let event = Arc::new(Event::new());
    let late = Arc::default();
    let waker = Waker::from(Arc::new(Clears(Arc::clone(&event), Arc::clone(&late))));
    let (wakes, calm) = CountingWaker::new();
    // The first is woken while the last, which is of a later batch, is still to be woken.
    let mut waits: Vec<_> = (0..70).map(|_| Box::pin(event.wait())).collect();
    for (i, wait) in waits.iter_mut().enumerate() {
        assert!(poll_with(wait.as_mut(), if i == 0 { &waker } else { &calm }).is_pending());
    }
    event.set();
    assert_eq!((wakes.count(), event.waiters(), event.is_set()), (69, 1, false));
    for mut wait in waits {
        assert!(poll_once(wait.as_mut()).is_ready());
    }
    let mut late = late.lock().unwrap().take().unwrap();
    assert!(poll_once(late.as_mut()).is_pending());
    event.set();
    assert!(poll_once(late.as_mut()).is_ready());
}

// R20: who leaves while others are being woken leaves nobody behind.
#[test]
fn who_leaves_between_two_wakes_is_not_missed() {
    type Shared = Arc<Mutex<Vec<Pin<Box<WaitOwnedFut>>>>>;
    struct Drops(Shared);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            drop(std::mem::take(&mut *self.0.lock().unwrap()));
        }
    }
    let event = Arc::new(Event::new());
    let leavers: Shared = Arc::default();
    let waker = Waker::from(Arc::new(Drops(Arc::clone(&leavers))));
    let (wakes, calm) = CountingWaker::new();
    let mut stay = Vec::new();
    for i in 0..100 {
        let mut wait = Box::pin(Arc::clone(&event).wait_owned());
        assert!(poll_with(wait.as_mut(), if i == 0 { &waker } else { &calm }).is_pending());
        // Those of the first batch are out of the ring when they are dropped, the others still in it.
        if i % 3 == 1 { leavers.lock().unwrap().push(wait) } else { stay.push(wait) }
    }
    event.set();
    // The first batch is of 32, the first of which drops the others: ten of them are woken all the same.
    let dropped = leavers.lock().unwrap().len();
    assert_eq!((dropped, event.waiters()), (0, 0));
    assert!(wakes.count() >= stay.len() - 1);
    for mut wait in stay {
        assert!(poll_once(wait.as_mut()).is_ready());
    }
}

// R22: making a future is not waiting yet; a level is asked when it is polled.
#[test]
fn a_future_that_is_made_before_a_pulse_and_polled_after_it_waits() {
    let event = Event::new();
    let mut wait = pin!(event.wait());
    event.set();
    event.clear();
    assert!(poll_once(wait.as_mut()).is_pending());
    event.set();
    assert!(poll_once(wait).is_ready());
}
