use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use tidegate_test::{CountingWaker, Explorer, hold, leaked, poll_once, poll_with};
use tidegate_waiters::{Acquire, Borrowed, Gate, Permits};

#[test]
fn a_granted_turn_moves_on_when_its_waiter_is_dropped() {
    let gate = Gate::new(0);
    let mut first = Box::pin(gate.acquire(1));
    let mut second = pin!(gate.acquire(1));
    let (wakes, waker) = CountingWaker::new();
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_with(second.as_mut(), &waker).is_pending());

    gate.release(1); // Granted to `first` ...
    drop(first); // ... which never looks.

    assert_eq!(wakes.count(), 1);
    assert!(poll_once(second.as_mut()).is_ready());
}

#[test]
fn a_large_head_that_leaves_frees_all_who_fit() {
    let gate = Gate::new(2);
    let mut large = Box::pin(gate.acquire(3));
    let mut small: Vec<_> = (0..3).map(|_| Box::pin(gate.acquire(1))).collect();
    assert!(poll_once(large.as_mut()).is_pending());
    for it in &mut small {
        assert!(poll_once(it.as_mut()).is_pending());
    }
    drop(large);
    let ready: Vec<_> = small.iter_mut().map(|it| poll_once(it.as_mut()).is_ready()).collect();
    assert_eq!(ready, [true, true, false]);
}

#[test]
fn an_acquire_dropped_anywhere_keeps_the_number_of_permits() {
    let schedules = Explorer::new(|| Gate::new(0))
        .future(|gate| {
            hold(async move {
                let open = gate.acquire(2).await;
                // Whoever holds permits gives them back by hand here; a semaphore's permit does so by itself.
                struct Back<'g>(&'g Gate);
                impl Drop for Back<'_> {
                    fn drop(&mut self) {
                        self.0.release(2);
                    }
                }
                open.map(|_| Back(gate))
            })
        })
        .step(|gate| gate.release(1))
        .step(|gate| gate.release(2))
        .step(|gate| assert!(gate.available() <= 3))
        .check(|gate| {
            assert_eq!(gate.available(), 3);
            assert_eq!(gate.waiters(), 0);
            assert!(gate.try_acquire(3));
        })
        .run();
    assert_eq!(schedules, 16 * 5);
}

#[test]
fn an_acquire_dropped_anywhere_around_a_close_leaves_nothing() {
    let schedules = Explorer::new(|| Gate::new(0))
        .future(|gate| hold(gate.acquire(1)))
        .step(Gate::close)
        .step(|gate| gate.release(1))
        .check(|gate| {
            assert!(gate.is_closed());
            assert_eq!((gate.available(), gate.waiters()), (1, 0));
        })
        .run();
    assert_eq!(schedules, 8 * 4);
}

#[test]
fn a_forgotten_waiter_stalls_but_breaks_nothing() {
    let gate = Box::leak(Box::new(Gate::new(0)));
    let mut forgotten = Box::pin(gate.acquire(1));
    assert!(poll_once(forgotten.as_mut()).is_pending());
    std::mem::forget(forgotten);
    gate.release(1);
    assert_eq!((gate.available(), gate.waiters()), (0, 0));
    gate.release(1);
    assert!(gate.try_acquire(1));
}

#[test]
fn a_future_dropped_before_its_first_poll_was_never_there() {
    let gate = Gate::new(0);
    drop(gate.acquire(1));
    assert_eq!(gate.waiters(), 0);
}

// The last one is granted and beyond those who are woken at a time when the first one's waker drops it.
#[test]
fn a_granted_turn_moves_on_when_its_waiter_is_dropped_before_it_is_woken() {
    type Last = Pin<Box<Acquire<Borrowed<'static, Permits>>>>;
    struct Drops(Mutex<Option<Last>>);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }
    let gate = leaked(Gate::new(0));
    let drops = Arc::new(Drops(Mutex::new(None)));
    let (wakes, waker) = CountingWaker::new();
    let mut first = Box::pin(gate.acquire(1));
    assert!(poll_with(first.as_mut(), &Waker::from(Arc::clone(&drops))).is_pending());
    let mut line: Vec<_> = (0..50).map(|_| Box::pin(gate.acquire(1))).collect();
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    *drops.0.lock().unwrap() = line.pop();
    gate.release(51);
    assert_eq!((gate.available(), gate.waiters(), wakes.count()), (1, 0, 49));
    assert!(poll_once(first.as_mut()).is_ready());
    assert!(line.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
}
