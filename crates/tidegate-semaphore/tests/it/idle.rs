use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_semaphore::CapacityLimiter;
use tidegate_test::{CountingWaker, Explorer, hold, poll_once, poll_with};

#[test]
fn idle_comes_when_the_last_slot_is_back() {
    let limiter = CapacityLimiter::new(2);
    assert!(poll_once(pin!(limiter.wait_idle())).is_ready());
    let (one, two) = (limiter.try_acquire(), limiter.try_acquire());
    let mut idle = pin!(limiter.wait_idle());
    let (wakes, waker) = CountingWaker::new();
    assert!(poll_with(idle.as_mut(), &waker).is_pending());
    drop(one);
    let three = limiter.try_acquire();
    drop(two);
    assert_eq!(wakes.count(), 0);
    drop(three);
    assert_eq!(wakes.count(), 1);
    assert!(poll_once(idle).is_ready());
}

#[test]
fn idle_that_came_is_kept_though_somebody_came_since() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let mut idle = pin!(limiter.wait_idle());
    assert!(poll_once(idle.as_mut()).is_pending());
    drop(slot);
    let _slot = limiter.try_acquire();
    assert!(poll_once(idle).is_ready());
    assert!(poll_once(pin!(limiter.wait_idle())).is_pending(), "but it is not idle now");
}

#[test]
fn a_slot_that_goes_on_in_the_line_is_not_back() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let mut next = Box::pin(limiter.acquire());
    assert!(poll_once(next.as_mut()).is_pending());
    let mut idle = pin!(limiter.wait_idle());
    assert!(poll_once(idle.as_mut()).is_pending());
    drop(slot);
    assert!(poll_once(idle.as_mut()).is_pending());
    // Granted, never looked at: now nobody holds it.
    drop(next);
    assert!(poll_once(idle).is_ready());
}

#[test]
fn who_stands_in_line_for_a_total_of_nought_does_not_keep_it_from_being_idle() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let mut next = pin!(limiter.acquire());
    assert!(poll_once(next.as_mut()).is_pending());
    limiter.set_total(0);
    let mut idle = pin!(limiter.wait_idle());
    assert!(poll_once(idle.as_mut()).is_pending());
    drop(slot);
    assert!(poll_once(idle).is_ready());
    assert!(poll_once(next.as_mut()).is_pending());
}

#[test]
fn all_who_wait_for_idle_hear_of_it_and_none_twice() {
    let limiter = CapacityLimiter::new(1);
    let (wakes, waker) = CountingWaker::new();
    for round in 1..=3 {
        let slot = limiter.try_acquire();
        let mut all: Vec<_> = (0..70).map(|_| Box::pin(limiter.wait_idle())).collect();
        for it in &mut all {
            assert!(poll_with(it.as_mut(), &waker).is_pending());
        }
        drop(all.remove(3));
        drop(slot);
        assert_eq!(wakes.count(), 69 * round);
        for it in &mut all {
            assert!(poll_once(it.as_mut()).is_ready());
        }
    }
}

// The second one joins between the news and its delivery: it must not take the first one's.
#[test]
fn who_waits_for_idle_from_a_waker_waits_for_the_next_time() {
    use std::sync::Mutex;
    use std::task::{Wake, Waker};
    use tidegate_semaphore::{OwnedSlot, WaitIdleOwnedFut};

    type Late = (OwnedSlot, std::pin::Pin<Box<WaitIdleOwnedFut>>);
    struct Comes(Arc<CapacityLimiter>, Mutex<Option<Late>>);
    impl Wake for Comes {
        fn wake(self: Arc<Self>) {
            let slot = Arc::clone(&self.0).try_acquire_owned().unwrap();
            let mut late = Box::pin(Arc::clone(&self.0).wait_idle_owned());
            assert!(poll_once(late.as_mut()).is_pending());
            *self.1.lock().unwrap() = Some((slot, late));
        }
    }
    let limiter = Arc::new(CapacityLimiter::new(2));
    let slot = limiter.try_acquire();
    let comes = Arc::new(Comes(Arc::clone(&limiter), Mutex::new(None)));
    let (wakes, calm) = CountingWaker::new();
    let mut early: Vec<_> = (0..40).map(|_| Box::pin(limiter.wait_idle())).collect();
    for (i, it) in early.iter_mut().enumerate() {
        let waker = if i == 0 { Waker::from(Arc::clone(&comes)) } else { calm.clone() };
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    drop(slot);
    assert_eq!(wakes.count(), 39);
    let (slot, mut late) = comes.1.lock().unwrap().take().unwrap();
    assert!(poll_once(late.as_mut()).is_pending());
    drop(slot);
    assert!(poll_once(late.as_mut()).is_ready());
    for it in &mut early {
        assert!(poll_once(it.as_mut()).is_ready());
    }
}

#[test]
fn once_nobody_waits_for_idle_any_more_nobody_is_told() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let mut idle = Box::pin(limiter.wait_idle());
    assert!(poll_once(idle.as_mut()).is_pending());
    drop(idle);
    // The last one who waited for it has left: nobody is told, and the fast way is open again.
    assert!(format!("{limiter:?}").contains("word: 0x0,"), "{limiter:?}");
    drop(slot);
    let slot = limiter.try_acquire();
    let mut idle = pin!(limiter.wait_idle());
    assert!(poll_once(idle.as_mut()).is_pending());
    drop(slot);
    assert!(poll_once(idle).is_ready());
}

#[test]
fn a_wait_for_idle_dropped_anywhere_leaves_no_trace() {
    let schedules = Explorer::new(|| {
        let limiter = Arc::new(CapacityLimiter::new(2));
        let slots = std::cell::RefCell::new(Vec::new());
        slots.borrow_mut().extend(Arc::clone(&limiter).try_acquire_owned());
        (limiter, slots)
    })
    .future(|(it, _)| hold(it.wait_idle()))
    .step(|(it, slots)| slots.borrow_mut().extend(Arc::clone(it).try_acquire_owned()))
    .step(|(_, slots)| slots.borrow_mut().clear())
    .step(|(it, slots)| slots.borrow_mut().extend(Arc::clone(it).try_acquire_owned()))
    .step(|(_, slots)| slots.borrow_mut().clear())
    .check(|(it, _)| {
        assert_eq!((it.borrowed(), it.available(), it.waiters()), (0, 2, 0));
        assert!(format!("{it:?}").contains("word: 0x10,"), "{it:?}"); // Two to spare, and nobody to be told.
    })
    .run();
    assert_eq!(schedules, 32 * 6);
}

#[test]
fn an_owned_wait_for_idle_dropped_anywhere_leaves_no_share() {
    let schedules = Explorer::new(|| Arc::new(CapacityLimiter::new(1)))
        .future(|it| {
            let idle = Arc::clone(it).wait_idle_owned();
            hold(idle)
        })
        .step(|it| drop(it.try_acquire()))
        .check(|it| assert_eq!((it.borrowed(), Arc::strong_count(it)), (0, 1)))
        .run();
    assert_eq!(schedules, 4 * 3);
}

#[test]
fn a_thread_may_wait_for_idle_and_give_up() {
    let limiter = CapacityLimiter::new(1);
    let slot = limiter.try_acquire();
    let soon = Instant::now() + Duration::from_millis(2);
    assert_eq!(limiter.wait_idle_blocking_until(soon), None);
    std::thread::scope(|threads| {
        threads.spawn(|| limiter.wait_idle_blocking());
        threads.spawn(move || drop(slot));
    });
    assert_eq!(limiter.wait_idle_blocking_until(Instant::now()), Some(()));
}
