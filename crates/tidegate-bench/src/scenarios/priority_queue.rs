//! The smallest first.

use std::time::Duration;

use super::queue::{four_to_four, one_to_one};
use crate::contenders::heap::Alone;
use crate::contenders::{Queue, priority_queues};
use crate::measure::{Scenario, timed};
use crate::poll::now;
use crate::stage::On;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "priority-queue/ready-1000",
            "`put().await` and `get().await` with 1,000 in it; no runtime",
            priority_queues!(T => |_, n| ready::<T>(n); Alone),
        )
        .counted(),
        Scenario::new(
            "priority-queue/two-1-1",
            "one puts and lets others go after 64, one gets, per item; two workers",
            priority_queues!(T => |stage, n| one_to_one::<T>(stage, On::Two, n, 64)),
        )
        .with_tasks(),
        Scenario::new(
            "priority-queue/two-4-4",
            "four put and let others go after 64, four get, per item; two workers",
            priority_queues!(T => |stage, n| four_to_four::<T>(stage, On::Two, n, 64)),
        )
        .with_tasks(),
        Scenario::new(
            "priority-queue/one-1-1",
            "one puts and lets others go after 64, one gets, per item; one thread",
            priority_queues!(T => |stage, n| one_to_one::<T>(stage, On::Current, n, 64)),
        )
        .with_tasks(),
        Scenario::new(
            "priority-queue/one-4-4",
            "four put and let others go after 64, four get, per item; one thread",
            priority_queues!(T => |stage, n| four_to_four::<T>(stage, On::Current, n, 64)),
        )
        .with_tasks(),
    ]
}

const QUEUED: u64 = 1_000;

/// Puts numbers without an order, so that the heap has to work.
#[inline(never)]
fn ready<Q: Queue>(n: u64) -> Duration {
    let (put, mut get) = Q::bounded(QUEUED as usize + 1);
    let mut seed = 88_172_645_463_325_252_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed >> 32
    };
    let mut sum = 0_u64;
    for _ in 0..QUEUED {
        let item = next();
        sum += item;
        now(Q::put(&put, item));
    }
    let took = timed(|| {
        for _ in 0..n {
            let item = next();
            sum += item;
            now(Q::put(&put, item));
            sum -= now(Q::get(&mut get));
        }
    });
    let mut last = 0;
    for _ in 0..QUEUED {
        let item = now(Q::get(&mut get));
        assert!(item >= last, "the smallest first");
        last = item;
        sum -= item;
    }
    assert_eq!(sum, 0, "every item comes out once");
    took
}
