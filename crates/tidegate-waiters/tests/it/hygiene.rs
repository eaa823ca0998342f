//! Foreign code in awkward places: wakers that call back in, and wakers that panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use tidegate_test::{CountingWaker, poll_with};
use tidegate_waiters::{Decision, Gate, Left, Locked, Policy, Turn, WaitQueue, Waiter};

/// A waker that calls `call` when it is woken and when its last clone is dropped.
struct Calls<F: Fn() + Send + Sync + 'static>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Calls<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn use_it(gate: &Gate) {
    let _ = format!("{gate:?}");
    let _ = gate.waiters();
    if gate.try_acquire(1) {
        gate.release(1);
    }
    gate.release(0);
}

#[test]
fn a_waker_may_use_the_gate_when_it_is_woken_replaced_and_dropped() {
    let gate: &'static Gate = Box::leak(Box::new(Gate::new(0)));
    let calls = Arc::new(AtomicUsize::new(0));
    let waker = || {
        let calls = Arc::clone(&calls);
        Waker::from(Arc::new(Calls(move || {
            calls.fetch_add(1, Ordering::Relaxed);
            use_it(gate);
        })))
    };

    let mut woken = Box::pin(gate.acquire(1));
    assert!(poll_with(woken.as_mut(), &waker()).is_pending());
    gate.release(1); // Wakes one, which calls back in.
    assert!(poll_with(woken.as_mut(), &waker()).is_ready());

    let mut replaced = Box::pin(gate.acquire(1));
    assert!(poll_with(replaced.as_mut(), &waker()).is_pending());
    assert!(poll_with(replaced.as_mut(), &waker()).is_pending()); // Drops the first.
    drop(replaced); // Drops the second.

    let mut closed = Box::pin(gate.acquire(1));
    assert!(poll_with(closed.as_mut(), &waker()).is_pending());
    gate.close();
    assert!(calls.load(Ordering::Relaxed) >= 5);
}

#[test]
fn a_waker_may_use_the_gate_while_it_is_cloned() {
    use std::task::{RawWaker, RawWakerVTable};

    static GATE: Gate = Gate::new(0);
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            use_it(&GATE);
            RawWaker::new(data, &VTABLE)
        },
        |_| use_it(&GATE),
        |_| use_it(&GATE),
        |_| use_it(&GATE),
    );
    // SAFETY: the functions ignore their data and may be called from anywhere.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    let mut acquire = Box::pin(GATE.acquire(1));
    assert!(poll_with(acquire.as_mut(), &waker).is_pending());
    GATE.release(1);
    assert!(poll_with(acquire.as_mut(), &waker).is_ready());
}

struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's own panic");
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_asleep() {
    // More than a batch, with panics in several of them.
    let gate = Gate::new(0);
    let (wakes, calm) = CountingWaker::new();
    let mad = Waker::from(Arc::new(Panics));
    let mut line: Vec<_> = (0..100).map(|_| Box::pin(gate.acquire(1))).collect();
    for (i, it) in line.iter_mut().enumerate() {
        let waker = if i % 7 == 0 { &mad } else { &calm };
        assert!(poll_with(it.as_mut(), waker).is_pending());
    }
    let panic = catch_unwind(AssertUnwindSafe(|| gate.release(100))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"a waker's own panic"), "the first one is passed on");
    assert_eq!(wakes.count(), 100 - 15);
    for it in &mut line {
        assert!(poll_with(it.as_mut(), &calm).is_ready());
    }
    gate.release(1);
    assert!(gate.try_acquire(1), "the gate goes on");
}

struct Touchy;
impl Policy for Touchy {
    type Note = ();
    fn left(_: &mut Locked<'_, Self>, _: &mut (), _: Left) {
        panic!("a policy's own panic");
    }
}

#[test]
fn a_policy_that_panics_leaves_the_line_whole() {
    let queue = WaitQueue::new(0, Touchy);
    let wait = |waiter: Pin<&mut Waiter<Touchy, _>>,
                mut decide: Box<dyn FnMut() -> Decision<()>>| {
        waiter.poll(&mut Context::from_waker(Waker::noop()), |_, _| decide())
    };
    let mut first = Box::pin(Waiter::new(&queue, ()));
    let mut second = Box::pin(Waiter::new(&queue, ()));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        wait(first.as_mut(), Box::new(|| panic!("while deciding")))
    }));
    assert!(outcome.is_err());
    assert_eq!(queue.waiters(), 0);

    assert!(wait(first.as_mut(), Box::new(|| Decision::Wait)).is_pending());
    assert!(wait(second.as_mut(), Box::new(|| Decision::Wait)).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(first))).is_err());
    assert_eq!(queue.waiters(), 1);
    queue.lock().grant_front();
    let turn = wait(second.as_mut(), Box::new(|| Decision::Wait));
    assert_eq!(turn, std::task::Poll::Ready(Turn::Granted));
}
