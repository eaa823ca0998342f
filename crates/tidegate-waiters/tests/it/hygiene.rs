//! Foreign code in awkward places: wakers that call back in, and wakers that panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use tidegate_test::{CountingWaker, leaked, poll_with};
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
    let gate: &'static Gate = leaked(Gate::new(0));
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

    // At a later look, as the newer waker; and as one that is not needed after all.
    let mut acquire = Box::pin(GATE.acquire(1));
    assert!(poll_with(acquire.as_mut(), Waker::noop()).is_pending());
    assert!(poll_with(acquire.as_mut(), &waker).is_pending());
    assert!(poll_with(acquire.as_mut(), Waker::noop()).is_pending());
    GATE.close();
    assert!(poll_with(Box::pin(GATE.acquire(1)).as_mut(), &waker).is_ready());
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

/// Gives so many permits when it is dropped.
struct Gives<'a>(&'a Gate, usize);
impl Drop for Gives<'_> {
    fn drop(&mut self) {
        self.0.release(self.1);
    }
}

#[test]
fn a_waker_that_panics_while_another_panic_unwinds_ends_nothing() {
    // One is woken on its own, two from a batch.
    for n in [1, 2] {
        let gate = Gate::new(0);
        let mad = Waker::from(Arc::new(Panics));
        let mut line: Vec<_> = (0..n).map(|_| Box::pin(gate.acquire(1))).collect();
        for it in &mut line {
            assert!(poll_with(it.as_mut(), &mad).is_pending());
        }
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _gives = Gives(&gate, n);
            panic!("the first one");
        }))
        .unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"the first one"));
        for it in &mut line {
            assert!(poll_with(it.as_mut(), &mad).is_ready());
        }
    }
}

/// A waker that panics when its last clone is dropped.
struct Bomb;
impl Wake for Bomb {
    fn wake(self: Arc<Self>) {}
}
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a waker's own panic while it is dropped");
    }
}

#[test]
fn a_waker_that_panics_while_it_is_replaced_leaves_the_waiter_in_line() {
    let gate = Gate::new(0);
    let mut acquire = Box::pin(gate.acquire(1));
    {
        let bomb = Waker::from(Arc::new(Bomb));
        assert!(poll_with(acquire.as_mut(), &bomb).is_pending());
    }
    let (wakes, calm) = CountingWaker::new();
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(acquire.as_mut(), &calm))).is_err());
    assert_eq!(gate.waiters(), 1);
    gate.release(1);
    assert_eq!(wakes.count(), 1);
    assert!(poll_with(acquire.as_mut(), &calm).is_ready());
}

#[test]
fn a_waker_that_panics_while_it_is_cloned_changes_nothing() {
    use std::task::{RawWaker, RawWakerVTable};

    const VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("a waker's own panic"), |_| {}, |_| {}, |_| {});
    // SAFETY: the functions ignore their data and may be called from anywhere.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    let gate = Gate::new(0);
    let mut acquire = Box::pin(gate.acquire(1));
    for in_line in [0, 1] {
        assert!(catch_unwind(AssertUnwindSafe(|| poll_with(acquire.as_mut(), &waker))).is_err());
        assert_eq!(gate.waiters(), in_line);
        assert!(poll_with(acquire.as_mut(), Waker::noop()).is_pending());
    }
    gate.release(1);
    assert!(poll_with(acquire.as_mut(), &waker).is_ready(), "which clones nothing");
}

// Polls the one behind it, which is granted and not woken yet, and whose own waker panics when it goes.
#[test]
fn a_result_goes_before_the_panic_of_a_waker() {
    use std::sync::Mutex;
    use tidegate_waiters::Acquire;

    let gate = Arc::new(Gate::new(0));
    let acquire = || Box::pin(Gate::acquire_owned(Arc::clone(&gate), |it| it, 1));
    type Shared = Mutex<Option<Pin<Box<Acquire<Arc<Gate>>>>>>;
    let behind: Arc<Shared> = Arc::default();
    let taken = Arc::new(AtomicUsize::new(0));
    let looks = Waker::from(Arc::new(Calls({
        let (behind, taken) = (Arc::clone(&behind), Arc::clone(&taken));
        move || {
            let Some(mut behind) = behind.lock().unwrap().take() else { return };
            assert!(poll_with(behind.as_mut(), Waker::noop()).is_ready());
            taken.fetch_add(1, Ordering::Relaxed);
        }
    })));
    // As many as are woken at a time, and the one behind them.
    let mut batch: Vec<_> = (0..32).map(|_| acquire()).collect();
    for it in &mut batch {
        assert!(poll_with(it.as_mut(), &looks).is_pending());
    }
    let mut last = acquire();
    assert!(poll_with(last.as_mut(), &Waker::from(Arc::new(Bomb))).is_pending());
    *behind.lock().unwrap() = Some(last);

    gate.release(33);
    assert_eq!(taken.load(Ordering::Relaxed), 1);
}

#[test]
fn a_decision_goes_before_the_panic_of_those_whom_it_wakes() {
    struct Quiet;
    impl Policy for Quiet {
        type Note = ();
        fn left(_: &mut Locked<'_, Self>, _: &mut (), _: Left) {}
    }
    let queue = WaitQueue::new(0, Quiet);
    let mut first = Box::pin(Waiter::new(&queue, ()));
    let mad = Waker::from(Arc::new(Panics));
    let cx = &mut Context::from_waker(&mad);
    assert!(first.as_mut().poll::<()>(cx, |_, _| Decision::Wait).is_pending());
    let mut second = Box::pin(Waiter::new(&queue, ()));
    let turn = second.as_mut().poll(&mut Context::from_waker(Waker::noop()), |line, _| {
        line.grant_front();
        Decision::Ready("what it came for")
    });
    assert_eq!(turn, std::task::Poll::Ready(Turn::Decided("what it came for")));

    // One that was nudged, and nudges the next.
    let queue = WaitQueue::new(0, Quiet);
    let mut first = Box::pin(Waiter::new(&queue, ()));
    let mut second = Box::pin(Waiter::new(&queue, ()));
    let calm = &mut Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll::<()>(calm, |_, _| Decision::Wait).is_pending());
    assert!(second.as_mut().poll::<()>(cx, |_, _| Decision::Wait).is_pending());
    queue.lock().nudge_front();
    let turn = first.as_mut().poll(calm, |line, _| {
        line.nudge_front();
        Decision::Ready("what it came for")
    });
    assert_eq!(turn, std::task::Poll::Ready(Turn::Decided("what it came for")));
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

#[test]
fn a_waker_may_use_the_queue_when_it_is_nudged() {
    struct Idle;
    impl Policy for Idle {
        type Note = ();
        fn left(_: &mut Locked<'_, Self>, (): &mut (), _: Left) {}
    }
    static QUEUE: WaitQueue<Idle> = WaitQueue::new(0, Idle);

    let calls = Arc::new(AtomicUsize::new(0));
    let waker = Waker::from(Arc::new(Calls({
        let calls = Arc::clone(&calls);
        move || {
            calls.fetch_add(QUEUE.waiters(), Ordering::Relaxed);
        }
    })));
    let mut waiter = Box::pin(Waiter::new(&QUEUE, ()));
    let mut cx = Context::from_waker(&waker);
    assert!(waiter.as_mut().poll::<()>(&mut cx, |_, _| Decision::Wait).is_pending());
    QUEUE.lock().nudge_front();
    assert_eq!(calls.load(Ordering::Relaxed), 1, "it was woken, and is in line");

    // Together with one that is granted, before it.
    let mut granted = waiter;
    let mut waiter = Box::pin(Waiter::new(&QUEUE, ()));
    assert!(granted.as_mut().poll::<()>(&mut cx, |_, _| Decision::Wait).is_pending());
    assert!(waiter.as_mut().poll::<()>(&mut cx, |_, _| Decision::Wait).is_pending());
    {
        let mut line = QUEUE.lock();
        line.grant_front();
        line.nudge_front();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3, "both were woken, and one is in line");
}
