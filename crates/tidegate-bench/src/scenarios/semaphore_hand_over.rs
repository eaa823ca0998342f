//! A line of waiters that stays as long as it is: release, look at the next one's permit, join at the back.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::contenders::{Semaphore, semaphores};
use crate::measure::{Scenario, timed};
use crate::poll::{now, poll};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "semaphore/hand-over-10",
            "one permit, 10 in line: release, the first gets it and looks, another joins; no runtime",
            semaphores!(T => |stage, n| hand_over::<T>(stage.crowd(10), n)),
        )
        .counted(),
        Scenario::new(
            "semaphore/hand-over-1000",
            "the same, 1,000 in line",
            semaphores!(T => |stage, n| hand_over::<T>(stage.crowd(1_000), n)),
        ),
        Scenario::new(
            "semaphore/hand-over-100000",
            "the same, 100,000 in line",
            semaphores!(T => |stage, n| hand_over::<T>(stage.crowd(100_000), n)),
        )
        .crowded(100_000),
    ]
}

#[inline(never)]
fn hand_over<S: Semaphore>(k: u64, n: u64) -> Duration {
    let semaphore = S::new(1);
    let mut held = Some(now(semaphore.acquire()));
    let mut line: Vec<_> = (0..k).map(|_| Box::pin(semaphore.acquire())).collect();
    for waiter in &mut line {
        assert!(poll(waiter.as_mut()).is_pending());
    }
    let mut next = 0;
    let took = timed(|| {
        for _ in 0..n {
            drop(held.take());
            let mut waiter: Pin<&mut _> = line[next].as_mut();
            held = match poll(waiter.as_mut()) {
                Poll::Ready(permit) => Some(permit),
                Poll::Pending => panic!("the permit went to somebody else"),
            };
            waiter.set(semaphore.acquire());
            assert!(poll(waiter).is_pending());
            next = if next + 1 == line.len() { 0 } else { next + 1 };
        }
    });
    drop(line);
    drop(held);
    assert_eq!(semaphore.free(), 1);
    took
}
