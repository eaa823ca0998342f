//! Wakers that call back in, panic, or drop things.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use tidegate_test::{CountingWaker, poll_with};
use tidegate_timeout::scope::{Ended, Guard, Scope};
use tidegate_timeout::{
    CancelReason, Deadline, ScopeExt, ScopeHandle, cancel_scope, cancelled, checkpoint,
    current_scope, shield, timeout,
};
use tokio::time::Instant;

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

/// Polls its future when it is woken, in the middle of whatever wakes it.
struct Inline {
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Inline {
    fn start(future: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        let this = Arc::new(Self { future: Mutex::new(Some(Box::pin(future))) });
        Arc::clone(&this).wake();
        this
    }

    fn is_done(&self) -> bool {
        self.future.lock().unwrap().is_none()
    }
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let Ok(mut future) = self.future.try_lock() else { return };
        let waker = Waker::from(Arc::clone(&self));
        let polled = future.as_mut().map(|it| poll_with(it.as_mut(), &waker));
        if polled.is_some_and(|it| it.is_ready()) {
            *future = None;
        }
    }
}

#[test]
fn a_waker_may_poll_what_it_wakes_at_once() {
    paused(async {
        let scope = Scope::new();
        let inner = scope.enter(Scope::new);
        let mut guard = inner.guard();
        let guarded = async move {
            poll_fn(|cx| guard.poll_cancelled(cx)).await;
            drop(guard);
        };
        let (one, two) = (scope.run(pending::<()>()), inner.run(cancelled()));
        let tasks = [
            Inline::start(async { drop(one.await) }),
            Inline::start(async { drop(two.await) }),
            Inline::start(guarded),
        ];
        assert!(!tasks.iter().any(|it| it.is_done()));
        scope.handle().cancel("enough");
        // Each was woken and polled inside `cancel`, and the last guard woke the first one again.
        assert!(tasks.iter().all(|it| it.is_done()));

        let work = timeout(ms(1000), pending::<()>());
        let handle = work.handle();
        let task = Inline::start(async { drop(work.await) });
        handle.reschedule(Deadline::at(Instant::now()));
        assert!(task.is_done() && handle.expired());
    });
}

/// Drops the future that it wakes.
struct Drops(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl Wake for Drops {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

#[test]
fn a_waker_may_drop_what_it_wakes() {
    paused(async {
        let scope = Scope::new();
        let kept = scope.enter(Scope::new).guard();
        let futures: [Pin<Box<dyn Future<Output = ()> + Send>>; 4] = [
            Box::pin(async { drop(timeout(ms(10), pending::<()>()).await) }.in_current_scope()),
            Box::pin(scope.enter(|| shield(pending::<()>()).in_current_scope())),
            {
                let run = scope.run(pending::<()>());
                Box::pin(async { drop(run.await) })
            },
            Box::pin(scope.enter(|| async { drop(cancelled().await) }.in_current_scope())),
        ];
        for mut future in futures {
            let holder = Arc::new(Drops(Mutex::new(None)));
            let waker = Waker::from(Arc::clone(&holder));
            assert!(poll_with(future.as_mut(), &waker).is_pending());
            *holder.0.lock().unwrap() = Some(future);
        }
        scope.handle().reschedule(Deadline::after(ms(1)));
        scope.handle().cancel("enough");
        drop(kept);
        assert!(poll_with(pin!(scope.run(pending::<()>())), Waker::noop()).is_ready());
        tokio::time::sleep(ms(20)).await;
    });
}

/// Panics when it is dropped.
struct PanicsWhenDropped;

impl Wake for PanicsWhenDropped {
    fn wake(self: Arc<Self>) {
        std::mem::forget(self);
    }
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("on purpose");
        }
    }
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_leaves_everything_in_order() {
    let scope = Scope::new();
    let drops = |f: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(f)).is_err();
    let waker = || Waker::from(Arc::new(PanicsWhenDropped));

    // Given up: a wait, a guard, a run.
    let mut waits = Some(Box::pin(cancelled()));
    scope.enter(|| assert!(poll_with(waits.as_mut().unwrap().as_mut(), &waker()).is_pending()));
    assert!(drops(&mut || waits = None));
    let mut guard = Some(scope.guard());
    let polled = guard.as_mut().unwrap().poll_cancelled(&mut Context::from_waker(&waker()));
    assert!(polled.is_pending());
    assert!(drops(&mut || guard = None));
    let mut run = Some(Box::pin(scope.run(pending::<()>())));
    assert!(poll_with(run.as_mut().unwrap().as_mut(), &waker()).is_pending());
    assert!(drops(&mut || run = None));

    // Replaced.
    let mut run = Box::pin(scope.run(pending::<()>()));
    assert!(poll_with(run.as_mut(), &waker()).is_pending());
    let (woken, counting) = CountingWaker::new();
    // A run takes it for a panic of its body.
    let ended = poll_with(run.as_mut(), &counting);
    assert!(matches!(ended, Poll::Ready(Ended::Panicked(_))));
    drop(run);
    scope.handle().cancel("enough");
    assert_eq!(woken.count(), 0);
    let mut another = pin!(scope.run(pending::<()>()));
    assert!(poll_with(another.as_mut(), &counting).is_ready(), "no guard is left");
}

#[test]
fn a_body_may_use_its_scope_while_it_is_dropped() {
    paused(async {
        struct Uses(ScopeHandle, Scope);
        impl Drop for Uses {
            fn drop(&mut self) {
                self.0.cancel("from a destructor");
                self.0.extend(ms(1));
                drop(self.1.guard());
                let _ =
                    (current_scope(), checkpoint(), Deadline::ambient(), format!("{:?}", self.0));
                let mut inside = Box::pin(timeout(ms(10), pending::<()>()));
                assert!(poll_with(inside.as_mut(), Waker::noop()).is_pending());
            }
        }
        let body = async {
            let _uses = Uses(current_scope().unwrap(), Scope::new());
            pending::<()>().await;
        };
        let work = timeout(ms(10), body);
        let handle = work.handle();
        assert!(work.await.is_err());
        assert_eq!((handle.reason(), handle.expired()), (Some(CancelReason::Deadline), true));
        assert!(current_scope().is_none());
    });
}

#[test]
fn a_job_that_panics_leaves_the_thread_outside_of_its_scope() {
    let scope = Scope::new();
    let job = || scope.enter(|| panic!("on purpose"));
    assert!(catch_unwind(AssertUnwindSafe(job)).is_err());
    assert!(current_scope().is_none());
    assert!(scope.enter(|| current_scope().is_some()));
}

#[test]
fn a_waker_may_call_back_in_when_what_it_was_for_is_given_up() {
    paused(async {
        let scope = Scope::new();
        let waker = || Waker::from(Arc::new(CallsBack { scope: scope.handle(), cancels: false }));
        let mut guard = scope.guard();
        assert!(guard.poll_cancelled(&mut Context::from_waker(&waker())).is_pending());
        drop(guard);
        let mut waits = Box::pin(cancelled());
        scope.enter(|| assert!(poll_with(waits.as_mut(), &waker()).is_pending()));
        drop(waits);
        let mut run = Box::pin(scope.run(pending::<()>()));
        assert!(poll_with(run.as_mut(), &waker()).is_pending());
        drop(run);
        let mut work = Box::pin(timeout(ms(10), pending::<()>()));
        let _handle = work.handle();
        assert!(poll_with(work.as_mut(), &waker()).is_pending());
        drop(work);
    });
}

#[test]
fn a_handle_shows_the_end_although_a_waker_panics_when_it_is_dropped() {
    paused(async {
        let handle = Mutex::new(None);
        let mut work = Some(Box::pin(cancel_scope(async |scope| {
            *handle.lock().unwrap() = Some(scope.clone());
            pending::<()>().await;
        })));
        let waker = Waker::from(Arc::new(PanicsWhenDropped));
        assert!(poll_with(work.as_mut().unwrap().as_mut(), &waker).is_pending());
        drop(waker);
        assert!(catch_unwind(AssertUnwindSafe(|| work = None)).is_err());
        let handle = handle.lock().unwrap().take().unwrap();
        handle.cancel("too late");
        assert!(!handle.is_cancelled());
    });
}
