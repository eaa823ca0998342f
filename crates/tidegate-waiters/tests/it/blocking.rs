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
