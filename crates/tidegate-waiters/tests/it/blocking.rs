use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_waiters::{Gate, block_on, block_on_until};

#[test]
fn a_thread_stands_in_the_same_line() {
    let gate = Arc::new(Gate::new(0));
    let thread = std::thread::spawn({
        let gate = Arc::clone(&gate);
        move || block_on(gate.acquire(1))
    });
    while gate.waiters() == 0 {
        std::thread::yield_now();
    }
    gate.release(1);
    assert!(thread.join().unwrap().is_some());
}

#[test]
fn a_thread_gives_up_at_its_deadline_and_leaves_the_line() {
    let gate = Gate::new(0);
    let soon = Instant::now() + Duration::from_millis(5);
    assert_eq!(block_on_until(soon, gate.acquire(1)), None);
    assert!(Instant::now() >= soon);
    assert_eq!(gate.waiters(), 0);
}

#[test]
fn what_is_ready_is_taken_though_the_deadline_has_passed() {
    let gate = Gate::new(1);
    assert_eq!(block_on_until(Instant::now(), gate.acquire(1)), Some(Some(1)));
}

#[test]
fn blocking_nests_and_survives_stray_unparks() {
    std::thread::current().unpark();
    let sum = block_on(async {
        let inner = block_on(async { 1 });
        std::thread::current().unpark();
        let mut yields = 3;
        std::future::poll_fn(|cx| {
            if yields == 0 {
                return std::task::Poll::Ready(());
            }
            yields -= 1;
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        inner + 1
    });
    assert_eq!(sum, 2);
}

#[test]
fn a_wait_within_a_wait_takes_no_wake_up_of_the_other() {
    block_on(async {}); // From now on the thread has what it waits by.
    let mut looks = 0;
    block_on(std::future::poll_fn(|cx| {
        looks += 1;
        if looks == 2 {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        block_on(async {});
        std::task::Poll::Pending
    }));
}

#[test]
fn a_future_that_keeps_waking_itself_does_not_outlive_the_deadline() {
    let restless = std::future::poll_fn(|cx| -> std::task::Poll<()> {
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    });
    assert_eq!(block_on_until(Instant::now() + Duration::from_millis(2), restless), None);
}

#[test]
fn a_thread_that_is_being_torn_down_may_wait() {
    static GATE: Gate = Gate::new(0);
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            assert!(block_on(GATE.acquire(1)).is_some());
            assert!(block_on_until(Instant::now(), Gate::new(0).acquire(1)).is_none());
        }
    }
    thread_local! {
        static FIRST: Waits = const { Waits };
        static LAST: Waits = const { Waits };
    }
    // One is dropped before the thread's parker, one after it.
    let thread = std::thread::spawn(|| {
        FIRST.with(|_| {});
        block_on(async {});
        LAST.with(|_| {});
    });
    for _ in 0..2 {
        while GATE.waiters() == 0 {
            std::thread::yield_now();
        }
        GATE.release(1);
    }
    thread.join().unwrap();
    assert_eq!(GATE.available(), 0);
}

#[test]
fn a_thread_that_was_woken_once_parks_again() {
    let mut polls = 0;
    let wakes_itself_once = std::future::poll_fn(|cx| {
        polls += 1;
        if polls == 1 {
            cx.waker().wake_by_ref();
        }
        std::task::Poll::<()>::Pending
    });
    let soon = std::time::Instant::now() + std::time::Duration::from_millis(5);
    assert!(block_on_until(soon, wakes_itself_once).is_none());
    assert!(polls <= 3, "polled {polls} times, woken once");
}
