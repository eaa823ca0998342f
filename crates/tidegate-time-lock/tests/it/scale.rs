use tidegate_test::{CountingWaker, poll_with};
use tidegate_time_lock::TimeLock;
use tokio::time::advance;

use crate::support::{ms, secs};

const MANY: usize = 100_000;

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_tasks_drain_in_order() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::with_capacity(MANY)));
    let tasks: Vec<_> = (0..MANY)
        .map(|i| {
            let (gate, order) = (gate.clone(), order.clone());
            tokio::spawn(async move {
                gate.acquire().await.unwrap().ok();
                order.lock().unwrap().push(i);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(order.lock().unwrap().iter().copied().eq(0..MANY));
    assert_eq!(gate.waiters(), 0);
}

#[tokio::test(start_paused = true)]
async fn draining_and_leaving_wake_as_often_as_there_are_waiters() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let (wakes, waker) = CountingWaker::new();
    let mut waiters: Vec<_> = (0..MANY)
        .map(|_| {
            let mut waiter = Box::pin(gate.acquire());
            assert!(poll_with(waiter.as_mut(), &waker).is_pending());
            Some(waiter)
        })
        .collect();
    // Every second one leaves, in a scattered order (7919 is prime to the number).
    for i in 0..MANY {
        let at = i * 7919 % MANY;
        if at % 2 == 1 {
            waiters[at] = None;
        }
    }
    assert_eq!(gate.waiters(), MANY / 2);
    assert_eq!(wakes.count(), 0, "the first one stayed");
    advance(secs(1) + ms(1)).await;
    for waiter in waiters.iter_mut().flatten() {
        assert!(poll_with(waiter.as_mut(), &waker).is_ready());
    }
    assert_eq!(wakes.count(), MANY / 2, "each one by the one before it, the first by its timer");
    assert_eq!(gate.waiters(), 0);
}

#[tokio::test(start_paused = true)]
async fn cancelled_waits_leave_nothing_behind() {
    let gate = TimeLock::new();
    gate.lock_for(secs(1));
    let waker = std::task::Waker::noop();
    for _ in 0..MANY {
        let mut waiter = std::pin::pin!(gate.acquire());
        assert!(poll_with(waiter.as_mut(), waker).is_pending());
    }
    assert_eq!((gate.waiters(), gate.stats().waiters_max), (0, 1));
}
