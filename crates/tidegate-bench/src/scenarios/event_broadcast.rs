//! One `set`, many waiters.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::contenders::{Event, events};
use crate::measure::{Scenario, timed};
use crate::poll::let_others_go;
use crate::stage::{On, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "event/wake-1000",
            "1,000 wait: `set`, and each looks; per waiter, no runtime",
            events!(T => |stage, n| times(n, stage.crowd(1_000), in_order::<T>)),
        ),
        Scenario::new(
            "event/wake-100000",
            "100,000 wait: `set`, and each looks; per waiter, no runtime",
            events!(T => |stage, n| times(n, stage.crowd(100_000), in_order::<T>)),
        )
        .crowded(100_000),
        Scenario::new(
            "event/wake-100000-cold",
            "100,000 wait, scattered over cold memory: `set` alone, per waiter",
            events!(T => |stage, n| times(n, stage.crowd(100_000), scattered::<T>)),
        )
        .crowded(100_000),
        Scenario::new(
            "event/tasks-1000-two",
            "1,000 tasks wait: `set` until all are through, per task; two workers",
            events!(T => |stage, n| times(n, stage.crowd(1_000), |k| tasks::<T>(stage, On::Two, k))),
        ),
        Scenario::new(
            "event/tasks-1000-one",
            "1,000 tasks wait: `set` until all are through, per task; one thread",
            events!(T => |stage, n| times(n, stage.crowd(1_000), |k| tasks::<T>(stage, On::Current, k))),
        ),
        Scenario::new(
            "event/tasks-100000-two",
            "100,000 tasks wait: `set` until all are through, per task; two workers",
            events!(T => |stage, n| times(n, stage.crowd(100_000), |k| tasks::<T>(stage, On::Two, k))),
        )
        .crowded(100_000),
        Scenario::new(
            "event/tasks-100000-one",
            "100,000 tasks wait: `set` until all are through, per task; one thread",
            events!(T => |stage, n| times(n, stage.crowd(100_000), |k| tasks::<T>(stage, On::Current, k))),
        )
        .crowded(100_000),
    ]
}

/// Does it for `n` waiters, `k` at a time, and says what `n` took.
fn times(n: u64, k: u64, mut work: impl FnMut(u64) -> Duration) -> Duration {
    let rounds = n.div_ceil(k);
    let took: Duration = (0..rounds).map(|_| work(k)).sum();
    took.mul_f64(n as f64 / (rounds * k) as f64)
}

/// A task's waker, as far as memory goes: a line of its own, which waking touches.
#[derive(Default)]
struct Woken {
    _task: [u64; 14],
    times: AtomicU64,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.times.store(self.times.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

#[inline(never)]
fn in_order<E: Event>(k: u64) -> Duration {
    let event = E::new();
    let woken: Vec<_> = (0..k).map(|_| Arc::new(Woken::default())).collect();
    let wakers: Vec<Waker> = woken.iter().map(|it| Arc::clone(it).into()).collect();
    let mut waits: Vec<_> = (0..k).map(|_| Box::pin(event.wait())).collect();
    for (wait, waker) in waits.iter_mut().zip(&wakers) {
        assert!(wait.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    }
    let took = timed(|| {
        event.set();
        for (wait, waker) in waits.iter_mut().zip(&wakers) {
            assert!(wait.as_mut().poll(&mut Context::from_waker(waker)).is_ready());
        }
    });
    assert!(woken.iter().all(|it| it.times.load(Ordering::Relaxed) == 1));
    took
}

#[inline(never)]
fn scattered<E: Event>(k: u64) -> Duration {
    let event = E::new();
    let woken: Vec<_> = (0..k).map(|_| Arc::new(Woken::default())).collect();
    let wakers: Vec<Waker> = woken.iter().map(|it| Arc::clone(it).into()).collect();
    let mut waits: Vec<_> = (0..k)
        .map(|_| {
            let event = &event;
            Box::pin(async move {
                // What else a task has to remember while it waits.
                let rest = black_box([0u64; 24]);
                event.wait().await;
                black_box(rest);
            })
        })
        .collect();
    let order = shuffled(k);
    for &it in &order {
        assert!(waits[it].as_mut().poll(&mut Context::from_waker(&wakers[it])).is_pending());
    }
    forget_all();
    let took = timed(|| event.set());
    assert!(woken.iter().all(|it| it.times.load(Ordering::Relaxed) == 1));
    for &it in &order {
        assert!(waits[it].as_mut().poll(&mut Context::from_waker(&wakers[it])).is_ready());
    }
    took
}

/// The numbers below `k` in an order without one, the same each time.
fn shuffled(k: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..k as usize).collect();
    let mut seed = 88_172_645_463_325_252_u64;
    for last in (1..k as usize).rev() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        order.swap(last, (seed % (last as u64 + 1)) as usize);
    }
    order
}

/// Makes the caches forget: reads and writes more than they hold.
fn forget_all() {
    let mut more = vec![1_u64; 16 << 20];
    for word in &mut more {
        *word = word.wrapping_mul(3).wrapping_add(1);
    }
    black_box(more);
}

fn tasks<E: Event>(stage: &Stage, on: On, k: u64) -> Duration {
    struct Shared<E> {
        event: E,
        waiting: AtomicU64,
        through: AtomicU64,
    }
    let shared = Arc::new(Shared {
        event: E::new(),
        waiting: AtomicU64::new(0),
        through: AtomicU64::new(0),
    });
    stage.runtime(on).block_on(async {
        let (all, mut all_through) = oneshot::channel();
        let all = Arc::new(std::sync::Mutex::new(Some(all)));
        for _ in 0..k {
            let shared = Arc::clone(&shared);
            let all = Arc::clone(&all);
            tokio::spawn(async move {
                shared.waiting.fetch_add(1, Ordering::Relaxed);
                shared.event.wait().await;
                if shared.through.fetch_add(1, Ordering::AcqRel) + 1 == k {
                    let all = all.lock().expect("nobody panics").take();
                    let _ = all.expect("only the last one").send(Instant::now());
                }
            });
        }
        while shared.waiting.load(Ordering::Relaxed) < k {
            let_others_go().await;
        }
        // The last one may be between counting and waiting.
        for _ in 0..64 {
            let_others_go().await;
        }
        assert!(all_through.try_recv().is_err(), "somebody went through before the `set`");
        let start = Instant::now();
        shared.event.set();
        let end = all_through.await.expect("the last one tells");
        end.duration_since(start)
    })
}
