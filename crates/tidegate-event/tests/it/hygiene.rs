use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Wake, Waker};

use tidegate_event::Event;
use tidegate_test::{CountingWaker, poll_once, poll_with};

/// Uses the event whenever it is woken and when it is dropped.
struct Meddler(Arc<Event>);

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        self.0.clear();
        assert!(poll_once(std::pin::pin!(self.0.wait())).is_pending());
        self.0.set();
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        let _ = format!("{:?} {}", self.0, self.0.waiters());
        self.0.set();
    }
}

#[test]
fn a_waker_may_set_clear_and_wait_while_it_is_woken_replaced_or_dropped() {
    let event = Arc::new(Event::new());
    let waker = || Waker::from(Arc::new(Meddler(Arc::clone(&event))));
    let mut waits: Vec<_> = (0..40).map(|_| Box::pin(event.wait())).collect();
    for wait in &mut waits {
        event.clear();
        assert!(poll_with(wait.as_mut(), &waker()).is_pending());
    }
    event.set();
    for wait in &mut waits {
        assert!(poll_with(wait.as_mut(), &waker()).is_ready());
    }
    event.clear();
    let mut wait = Box::pin(event.wait());
    assert!(poll_with(wait.as_mut(), &waker()).is_pending());
    drop(wait);
    assert!(event.is_set(), "the waker's drop set it");
}

struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's own panic");
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_asleep() {
    let event = Event::new();
    let (wakes, calm) = CountingWaker::new();
    let mad = Waker::from(Arc::new(Panics));
    let mut waits: Vec<_> = (0..100).map(|_| Box::pin(event.wait())).collect();
    for (i, wait) in waits.iter_mut().enumerate() {
        assert!(poll_with(wait.as_mut(), if i % 9 == 0 { &mad } else { &calm }).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| event.set())).is_err());
    assert_eq!(wakes.count(), 100 - 12);
    assert!(event.is_set() && event.waiters() == 0);
    for wait in &mut waits {
        assert!(poll_once(wait.as_mut()).is_ready());
    }
}
