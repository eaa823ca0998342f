//! Tasks that are started together and waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::contenders::{Group, groups};
use crate::measure::Scenario;
use crate::poll::let_others_go;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "group/8",
            "8 children that are ready at once; per child, one thread",
            groups!(T => |stage, n| ready::<T>(stage, On::Current, 8, n)),
        )
        .counted()
        .with_tasks(),
        Scenario::new(
            "group/8-yield",
            "8 children that let others go once; per child, one thread",
            groups!(T => |stage, n| yields::<T>(stage, On::Current, 8, n)),
        )
        .counted()
        .with_tasks(),
        Scenario::new(
            "group/10000",
            "10,000 children that are ready at once; per child, one thread",
            groups!(T => |stage, n| ready::<T>(stage, On::Current, stage.crowd(10_000), n)),
        )
        .with_tasks(),
        Scenario::new(
            "group/10000-two",
            "10,000 children that are ready at once; per child, two workers",
            groups!(T => |stage, n| ready::<T>(stage, On::Two, stage.crowd(10_000), n)),
        )
        .with_tasks(),
        Scenario::new(
            "group/10000-yield",
            "10,000 children that let others go once; per child, one thread",
            groups!(T => |stage, n| yields::<T>(stage, On::Current, stage.crowd(10_000), n)),
        )
        .with_tasks(),
    ]
}

fn ready<T: Group>(stage: &Stage, on: On, children: u64, n: u64) -> Duration {
    rounds::<T, _>(stage, on, children, n, || async {})
}

fn yields<T: Group>(stage: &Stage, on: On, children: u64, n: u64) -> Duration {
    rounds::<T, _>(stage, on, children, n, let_others_go)
}

/// As many groups, one after the other, as `n` children are; the time is that of `n` of them.
fn rounds<T: Group, F>(
    stage: &Stage,
    on: On,
    children: u64,
    n: u64,
    work: impl Fn() -> F + Send + Sync + 'static,
) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    stage.warm_heap();
    let rounds = n.div_ceil(children);
    let ended = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&ended);
    let child = move || {
        let (work, counted) = (work(), Arc::clone(&counted));
        async move {
            work.await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    };
    let work = async move {
        let start = Instant::now();
        for _ in 0..rounds {
            T::run(children, &child).await;
        }
        start.elapsed()
    };
    let took =
        stage.runtime(on).block_on(async { tokio::spawn(work).await.expect("no task panics") });
    assert_eq!(ended.load(Ordering::Relaxed), rounds * children);
    took.mul_f64(n as f64 / (rounds * children) as f64)
}
