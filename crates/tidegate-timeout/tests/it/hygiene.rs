//! Wakers that call back in, panic, or drop things.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use tidegate_test::{CountingWaker, poll_with};
use tidegate_timeout::scope::{Guard, Scope};
use tidegate_timeout::{Deadline, ScopeHandle, cancelled};

use crate::support::{ms, paused};

/// Uses the scope whenever it is woken and when it is dropped.
struct CallsBack {
    scope: ScopeHandle,
    cancels: bool,
}

impl CallsBack {
    fn call(&self) {
        if self.cancels {
            self.scope.cancel("again");
        }
        self.scope.extend(ms(1));
        let _ = (self.scope.reason(), self.scope.deadline(), format!("{:?}", self.scope));
    }
}

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        self.call();
    }
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        self.call();
    }
}

#[test]
fn a_waker_may_call_straight_back_in() {
    paused(async {
        let scope = Scope::new();
        let waker = |cancels| Waker::from(Arc::new(CallsBack { scope: scope.handle(), cancels }));
        let mut run = pin!(scope.run(pending::<()>()));
        let mut guard = scope.guard();
        let mut waiting = Box::pin(cancelled());
        for _ in 0..3 {
            // A new waker each time: the old one is dropped, and calls back in.
            assert!(poll_with(run.as_mut(), &waker(false)).is_pending());
            scope.enter(|| assert!(poll_with(waiting.as_mut(), &waker(false)).is_pending()));
            let polled = guard.poll_cancelled(&mut Context::from_waker(&waker(false)));
            assert!(polled.is_pending());
            scope.handle().reschedule(Deadline::after(ms(1000)));
        }
        assert!(poll_with(run.as_mut(), &waker(true)).is_pending());
        // Woken for the new deadline, it cancels.
        scope.handle().reschedule(Deadline::NEVER);
        assert!(scope.handle().is_cancelled());
        drop(waiting);
        drop(guard);
        assert!(poll_with(run.as_mut(), &waker(true)).is_ready());
    });
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("on purpose");
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_asleep() {
    let scope = Scope::new();
    let panics = Waker::from(Arc::new(Panics));
    let (woken, waker) = CountingWaker::new();
    let mut runs: Vec<_> = (0..6).map(|_| Box::pin(scope.run(pending::<()>()))).collect();
    for (index, run) in runs.iter_mut().enumerate() {
        let waker = if index % 2 == 0 { &panics } else { &waker };
        assert!(poll_with(run.as_mut(), waker).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| scope.handle().cancel("enough"))).is_err());
    assert_eq!(woken.count(), 3);
    assert!(runs.iter_mut().all(|run| poll_with(run.as_mut(), &waker).is_ready()));
}

#[test]
fn a_waker_that_panics_when_the_last_guard_goes_leaves_the_counts_right() {
    let outer = Scope::new();
    let inner = outer.enter(Scope::new);
    let guard = inner.guard();
    let panics = Waker::from(Arc::new(Panics));
    let mut one = pin!(inner.run(pending::<()>()));
    let mut two = pin!(outer.run(pending::<()>()));
    outer.handle().cancel("enough");
    let (woken, waker) = CountingWaker::new();
    assert!(poll_with(one.as_mut(), &panics).is_pending());
    assert!(poll_with(two.as_mut(), &waker).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(guard))).is_err());
    assert_eq!(woken.count(), 1);
    assert!(poll_with(two.as_mut(), &waker).is_ready());
    assert!(poll_with(one.as_mut(), &waker).is_ready());
}

/// Holds a guard, and lets it go when it is dropped.
struct HoldsGuard {
    _guard: Mutex<Option<Guard>>,
}

impl Wake for HoldsGuard {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waker_may_own_what_it_wakes_for() {
    let scope = Scope::new();
    let mut run = pin!(scope.run(pending::<()>()));
    let holder = Arc::new(HoldsGuard { _guard: Mutex::new(Some(scope.guard())) });
    assert!(poll_with(run.as_mut(), &Waker::from(holder)).is_pending());
    scope.handle().cancel("enough");
    // Woken, and with that the guard is gone.
    let (_, waker) = CountingWaker::new();
    assert!(poll_with(run.as_mut(), &waker).is_ready());
}
