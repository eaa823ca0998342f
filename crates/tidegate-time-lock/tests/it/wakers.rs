use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use tidegate_test::{CountingWaker, poll_with};
use tidegate_time_lock::{Reopen, TimeLock};

use crate::support::{line, look, secs};

/// A waker that does everything to the gate that woke it, also when it is dropped.
struct Meddler {
    gate: TimeLock,
    calls: AtomicUsize,
}

impl Meddler {
    fn meddle(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let gate = &self.gate;
        let _ = (gate.waiters(), gate.is_locked(), gate.snapshot(), gate.stats(), gate.epoch());
        let _ = format!("{gate} {gate:?}");
        gate.lock_for(secs(1));
        drop(gate.try_acquire());
        gate.unlock();
    }
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        self.meddle();
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.meddle();
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_may_call_straight_back_in() {
    for reopen in [Reopen::All, Reopen::Probe { n: 1 }] {
        let gate = TimeLock::builder().reopen(reopen).build();
        gate.lock();
        let meddler = Arc::new(Meddler { gate: gate.clone(), calls: AtomicUsize::new(0) });
        let waker = Waker::from(Arc::clone(&meddler));
        let mut head = Box::pin(gate.acquire());
        let mut next = Box::pin(gate.acquire());
        let mut onlooker = Box::pin(gate.opened());
        assert!(poll_with(head.as_mut(), &waker).is_pending());
        assert!(poll_with(next.as_mut(), &waker).is_pending());
        assert!(poll_with(onlooker.as_mut(), &waker).is_pending());
        gate.unlock();
        assert!(meddler.calls.load(Ordering::SeqCst) > 0);
        // The last owner of its waker is the line: dropped there, it meddles once more.
        drop((waker, meddler));
        drop(head);
        drop((next, onlooker));
        gate.unlock_now();
        gate.try_acquire().unwrap().ok();
        assert_eq!(gate.waiters(), 0);
    }
}

struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        // Not through the panic hook: this one is expected.
        std::panic::resume_unwind(Box::new("a waker panicked"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_keeps_nobody_else_asleep() {
    let gate = TimeLock::new();
    gate.lock();
    let bomb = Waker::from(Arc::new(Bomb));
    let mut head = Box::pin(gate.acquire());
    assert!(poll_with(head.as_mut(), &bomb).is_pending());
    let (wakes, waker) = CountingWaker::new();
    let mut next = Box::pin(gate.acquire());
    assert!(poll_with(next.as_mut(), &waker).is_pending());
    let (seen, waker) = CountingWaker::new();
    let mut onlooker = Box::pin(gate.opened());
    assert!(poll_with(onlooker.as_mut(), &waker).is_pending());

    assert!(catch_unwind(AssertUnwindSafe(|| gate.unlock())).is_err());
    assert!(!gate.is_locked(), "unlocked nevertheless");
    assert_eq!(seen.count(), 1, "onlookers were told");
    // Its task is gone with the panic.
    drop(head);
    assert_eq!(wakes.count(), 1);
    look(&mut next).unwrap().ok();
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_not_lost_when_the_waker_of_the_next_one_panics() {
    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    gate.lock_for(secs(1));
    let mut first = line(&gate, 1);
    let bomb = Waker::from(Arc::new(Bomb));
    let mut second = Box::pin(gate.acquire());
    assert!(poll_with(second.as_mut(), &bomb).is_pending());
    let mut third = line(&gate, 1);
    tokio::time::advance(secs(1)).await;
    // The panic of somebody else's waker is not this one's business: it has its pass.
    let probe = look(&mut first[0]).unwrap();
    drop(second);
    drop(probe);
    let probe = look(&mut third[0]).expect("the slot was handed on");
    assert!(probe.is_probe());
    probe.ok();
}
