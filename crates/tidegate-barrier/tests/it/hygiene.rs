use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};

use tidegate_barrier::{Barrier, Broken};
use tidegate_test::{CountingWaker, poll_once, poll_with};

/// Uses the barrier whenever it is woken and when it is dropped.
struct Meddler {
    barrier: Arc<Barrier>,
    calls: Arc<AtomicUsize>,
}

impl Meddler {
    fn meddle(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let _ = format!("{:?} {:?}", self.barrier, self.barrier.statistics());
        // Arrives, and goes away in both ways, unless it is broken just now.
        let _ = poll_once(pin!(self.barrier.wait()));
        let mut wait = pin!(self.barrier.wait());
        if poll_once(wait.as_mut()).is_pending() {
            assert_eq!(wait.leave(), None);
        }
    }
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        self.meddle();
        self.barrier.abort();
        self.barrier.reset();
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.meddle();
    }
}

// 25.
#[test]
fn a_waker_may_use_the_barrier_while_it_is_woken_replaced_or_dropped() {
    const N: usize = 40;
    let ends: [fn(&Barrier); 3] = [
        |it| assert!(poll_once(pin!(it.wait())).is_ready()),
        Barrier::reset,
        |it| {
            it.abort();
            it.reset();
        },
    ];
    for end in ends {
        let barrier = Arc::new(Barrier::new(N + 1));
        let calls = Arc::new(AtomicUsize::new(0));
        let waker = || {
            let (barrier, calls) = (Arc::clone(&barrier), Arc::clone(&calls));
            Waker::from(Arc::new(Meddler { barrier, calls }))
        };
        let mut replaced = Box::pin(barrier.wait());
        assert!(poll_with(replaced.as_mut(), &waker()).is_pending());
        assert!(poll_with(replaced.as_mut(), &waker()).is_pending());
        assert_eq!(calls.load(Ordering::Relaxed), 1, "the first was dropped");
        drop(replaced);
        assert_eq!(calls.load(Ordering::Relaxed), 2, "and the second");

        let mut waits: Vec<_> = (0..N).map(|_| Box::pin(barrier.wait())).collect();
        for wait in &mut waits {
            assert!(poll_with(wait.as_mut(), &waker()).is_pending());
        }
        end(&barrier);
        // Each was woken, and dropped by that.
        assert_eq!(calls.load(Ordering::Relaxed), 2 + 2 * N);
        let outcomes: Vec<_> = waits.iter_mut().map(|it| poll_once(it.as_mut())).collect();
        let met = outcomes.iter().filter(|it| matches!(it, Poll::Ready(Ok(_)))).count();
        let sent = outcomes.iter().filter(|it| **it == Poll::Ready(Err(Broken))).count();
        assert!([(N, 0), (0, N)].contains(&(met, sent)), "{met} met, {sent} were sent away");
        assert_eq!(barrier.waiting(), 0);
    }
}

struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's own panic");
    }
}

// 26.
#[test]
fn a_waker_that_panics_keeps_nobody_waiting() {
    type End = fn(&Barrier);
    let ends: [(End, bool); 3] = [
        (Barrier::abort, true),
        (Barrier::reset, true),
        // The last to arrive has its turn, which goes before the fault of somebody else's waker.
        (|it| assert!(poll_once(pin!(it.wait())).is_ready()), false),
    ];
    for (end, panics) in ends {
        let barrier = Barrier::new(101);
        let (wakes, calm) = CountingWaker::new();
        let mad = Waker::from(Arc::new(Panics));
        let mut waits: Vec<_> = (0..100).map(|_| Box::pin(barrier.wait())).collect();
        for (i, wait) in waits.iter_mut().enumerate() {
            let waker = if i % 9 == 0 { &mad } else { &calm };
            assert!(poll_with(wait.as_mut(), waker).is_pending());
        }
        assert_eq!(catch_unwind(AssertUnwindSafe(|| end(&barrier))).is_err(), panics);
        assert_eq!((wakes.count(), barrier.waiting()), (100 - 12, 0));
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_ready());
        }
        barrier.reset();
        assert!(poll_once(pin!(barrier.wait())).is_pending(), "the barrier goes on");
    }
}
