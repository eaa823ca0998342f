//! Items from hand to hand.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::contenders::{Queue, Shared, queues, queues_of_one};
use crate::measure::{Scenario, timed};
use crate::poll::{let_others_go, now};
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "queue/try",
            "`try_put` and `try_get`",
            queues_of_one!(T => |_, n| tried::<T>(n)),
        )
        .counted(),
        Scenario::new(
            "queue/ready",
            "`put().await` and `get().await`, both ready; no runtime",
            queues_of_one!(T => |_, n| ready::<T>(n)),
        )
        .counted(),
        Scenario::new(
            "queue/two-1-1",
            "one puts, one gets, capacity 128, per item; two workers",
            queues_of_one!(T => |stage, n| one_to_one::<T>(stage, On::Two, n, u64::MAX)),
        )
        .with_tasks(),
        Scenario::new(
            "queue/one-1-1",
            "one puts, one gets, capacity 128, per item; one thread",
            queues_of_one!(T => |stage, n| one_to_one::<T>(stage, On::Current, n, u64::MAX)),
        )
        .with_tasks(),
        Scenario::new(
            "queue/two-4-4",
            "four put, four get, capacity 128, per item; two workers",
            queues!(T => |stage, n| four_to_four::<T>(stage, On::Two, n, u64::MAX)),
        )
        .with_tasks(),
        Scenario::new(
            "queue/one-4-4",
            "four put, four get, capacity 128, per item; one thread",
            queues!(T => |stage, n| four_to_four::<T>(stage, On::Current, n, u64::MAX)),
        )
        .with_tasks(),
    ]
}

const CAPACITY: usize = 128;

/// Says that there is no more.
const END: u64 = u64::MAX;

#[inline(never)]
fn tried<Q: Queue>(n: u64) -> Duration {
    let (put, mut get) = Q::bounded(CAPACITY);
    let mut sum = 0;
    let took = timed(|| {
        for item in 0..n {
            assert!(Q::try_put(black_box(&put), item));
            sum += Q::try_get(black_box(&mut get)).expect("it was put");
        }
    });
    assert_eq!(sum, sum_below(n));
    took
}

#[inline(never)]
fn ready<Q: Queue>(n: u64) -> Duration {
    let (put, mut get) = Q::bounded(CAPACITY);
    let mut sum = 0;
    let took = timed(|| {
        for item in 0..n {
            now(Q::put(black_box(&put), item));
            sum += now(Q::get(black_box(&mut get)));
        }
    });
    assert_eq!(sum, sum_below(n));
    took
}

/// Each `pause` items the one that puts lets others go first, where nothing else makes it wait.
pub(super) fn one_to_one<Q: Queue>(stage: &Stage, on: On, n: u64, pause: u64) -> Duration {
    let (put, mut get) = Q::bounded(CAPACITY);
    stage.runtime(on).block_on(async move {
        let start = Instant::now();
        let gets = tokio::spawn(async move {
            let (mut count, mut sum) = (0, 0);
            loop {
                match Q::get(&mut get).await {
                    END => return (count, sum),
                    item => {
                        count += 1;
                        sum += item;
                    }
                }
            }
        });
        let puts = tokio::spawn(async move {
            for item in 0..n {
                Q::put(&put, item).await;
                if item % pause == pause - 1 {
                    let_others_go().await;
                }
            }
            Q::put(&put, END).await;
            // Until the other has all of it.
            put
        });
        let _put = puts.await.expect("no task panics");
        assert_eq!(gets.await.expect("no task panics"), (n, sum_below(n)));
        start.elapsed()
    })
}

const ENDS: u64 = 4;

pub(super) fn four_to_four<Q: Shared>(stage: &Stage, on: On, n: u64, pause: u64) -> Duration {
    let (put, get) = Q::bounded(CAPACITY);
    stage.runtime(on).block_on(async move {
        let start = Instant::now();
        let gets: Vec<_> = (0..ENDS)
            .map(|_| {
                let mut get = Q::another_get(&get);
                tokio::spawn(async move {
                    let (mut count, mut sum) = (0, 0);
                    loop {
                        match Q::get(&mut get).await {
                            END => return (count, sum),
                            item => {
                                count += 1;
                                sum += item;
                            }
                        }
                    }
                })
            })
            .collect();
        let puts: Vec<_> = (0..ENDS)
            .map(|own| {
                let put = Q::another_put(&put);
                tokio::spawn(async move {
                    for (turn, item) in (own..n).step_by(ENDS as usize).enumerate() {
                        Q::put(&put, item).await;
                        if turn as u64 % pause == pause - 1 {
                            let_others_go().await;
                        }
                    }
                })
            })
            .collect();
        for task in puts {
            task.await.expect("no task panics");
        }
        for _ in 0..ENDS {
            Q::put(&put, END).await;
        }
        let (mut count, mut sum) = (0, 0);
        for task in gets {
            let own = task.await.expect("no task panics");
            count += own.0;
            sum += own.1;
        }
        assert_eq!((count, sum), (n, sum_below(n)));
        start.elapsed()
    })
}

fn sum_below(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}
