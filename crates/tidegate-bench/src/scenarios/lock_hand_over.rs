//! A line of waiters that stays as long as it is: unlock, look at the next one's guard, join at the back.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::contenders::{Lock, locks};
use crate::measure::{Scenario, timed};
use crate::poll::{now, poll};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "lock/hand-over-10",
            "10 in line: unlock, the first gets it and looks, another joins; no runtime",
            locks!(T => |stage, n| hand_over::<T>(stage.crowd(10), n)),
        )
        .counted(),
        Scenario::new(
            "lock/hand-over-1000",
            "the same, 1,000 in line",
            locks!(T => |stage, n| hand_over::<T>(stage.crowd(1_000), n)),
        ),
        Scenario::new(
            "lock/hand-over-100000",
            "the same, 100,000 in line",
            locks!(T => |stage, n| hand_over::<T>(stage.crowd(100_000), n)),
        )
        .crowded(100_000),
    ]
}

#[inline(never)]
fn hand_over<L: Lock>(k: u64, n: u64) -> Duration {
    let lock = L::new();
    let mut held = Some(now(lock.lock()));
    let mut line: Vec<_> = (0..k).map(|_| Box::pin(lock.lock())).collect();
    for waiter in &mut line {
        assert!(poll(waiter.as_mut()).is_pending());
    }
    let mut next = 0;
    let took = timed(|| {
        for _ in 0..n {
            drop(held.take());
            let mut waiter: Pin<&mut _> = line[next].as_mut();
            held = match poll(waiter.as_mut()) {
                Poll::Ready(mut guard) => {
                    *guard += 1;
                    Some(guard)
                }
                Poll::Pending => panic!("the lock went to somebody else"),
            };
            waiter.set(lock.lock());
            assert!(poll(waiter).is_pending());
            next = if next + 1 == line.len() { 0 } else { next + 1 };
        }
    });
    assert_eq!(held.map(|it| *it), Some(n));
    took
}
