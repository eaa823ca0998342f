use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tidegate_test::poll_once;
use tidegate_time_lock::{Acquire, Pass, TimeLock};

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// How many random programs: so many, or as many as the environment says (`cargo xtask stress`).
pub(crate) fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").map_or(usual, |cases| cases.parse().expect("a number"))
}

/// Waiters that have been polled once each, in order.
pub(crate) fn line(gate: &TimeLock, n: usize) -> Vec<Pin<Box<Acquire<'_>>>> {
    (0..n)
        .map(|_| {
            let mut waiter = Box::pin(gate.acquire());
            assert!(poll_once(waiter.as_mut()).is_pending());
            waiter
        })
        .collect()
}

/// The pass that this waiter gets when it is polled, if so.
pub(crate) fn look(waiter: &mut Pin<Box<Acquire<'_>>>) -> Option<Pass> {
    match poll_once(waiter.as_mut()) {
        Poll::Ready(pass) => Some(pass.expect("the gate is not closed")),
        Poll::Pending => None,
    }
}
