//! The parts that task groups and thread pools are built of.

use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tidegate_test::{CountingWaker, poll_once, poll_with};
use tidegate_timeout::scope::{Ended, Guard, Run, Scope, cut_short, is_cut_short};
use tidegate_timeout::{CancelReason, Deadline, cancel_scope, checkpoint, current_scope, timeout};
use tokio::time::{Instant, sleep};

use crate::support::{OnDrop, ms, paused};

fn cancelled<T>(ended: Poll<Ended<T>>) -> CancelReason {
    match ended {
        Poll::Ready(Ended::Cancelled(reason)) => reason,
        Poll::Ready(Ended::Value(_)) => panic!("a value"),
        Poll::Ready(Ended::Panicked(_)) => panic!("a panic"),
        Poll::Pending => panic!("pending"),
    }
}

/// Cleans up for a while when it is cancelled, as a task group would.
async fn clean_up(mut guard: Guard, done: impl Future<Output = ()>) {
    poll_fn(|cx| guard.poll_cancelled(cx)).await;
    done.await;
    drop(guard);
    pending().await
}

#[test]
fn a_value_comes_out_of_a_scope() {
    assert!(matches!(poll_once(pin!(Scope::new().run(ready(5)))), Poll::Ready(Ended::Value(5))));
}

#[test]
fn a_panic_comes_out_of_a_scope_and_the_thread_is_as_before() {
    let scope = Scope::new();
    let mut run = pin!(scope.run(async { panic!("on purpose") }));
    let Poll::Ready(Ended::Panicked(panic)) = poll_once(run.as_mut()) else { panic!("no panic") };
    assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    assert!(current_scope().is_none());
}

#[test]
fn what_the_last_guard_leaves_while_a_cancelled_scope_is_polled_is_not_lost() {
    let scope = Scope::new();
    let (mut guard, mut polls) = (None, 0);
    let mut run = pin!(scope.run(poll_fn(|_| {
        polls += 1;
        match polls {
            1 => guard = Some(Scope::new().guard()),
            // As a thread would that is done between this and what the scope makes of it.
            2 => guard = None,
            _ => return Poll::Ready(7),
        }
        Poll::Pending
    })));
    assert!(poll_once(run.as_mut()).is_pending());
    scope.handle().cancel("enough");
    assert!(matches!(poll_once(run), Poll::Ready(Ended::Value(7))));
}

#[test]
fn a_cancelled_scope_wakes_and_drops_what_runs_inside() {
    let dropped = Rc::new(Cell::new(false));
    let scope = Scope::new();
    let flag = Rc::clone(&dropped);
    let mut run = pin!(scope.run(async move {
        let _on_drop = OnDrop(|| flag.set(true));
        pending::<()>().await;
    }));
    let (woken, waker) = CountingWaker::new();
    assert!(poll_with(run.as_mut(), &waker).is_pending());
    scope.handle().cancel("enough");
    assert_eq!(woken.count(), 1);
    assert!(!dropped.get());
    assert_eq!(cancelled(poll_with(run.as_mut(), &waker)), CancelReason::from("enough"));
    assert!(dropped.get());
}

#[test]
fn a_run_without_a_scope_ends_with_the_scopes_around_it() {
    paused(async {
        let ended = cancel_scope(async |scope| {
            let scope = scope.clone();
            let (ended, ()) = tokio::join!(Run::new(pending::<()>()), async move {
                sleep(ms(10)).await;
                scope.cancel("enough");
            });
            matches!(ended, Ended::Cancelled(_))
        });
        assert_eq!(ended.await, Ok(true));

        let scope = Scope::new();
        let mut run = pin!(Run::new(pending::<()>()));
        let (woken, waker) = CountingWaker::new();
        assert!(scope.enter(|| poll_with(run.as_mut(), &waker)).is_pending());
        scope.handle().cancel("enough");
        assert_eq!(woken.count(), 1);
        assert_eq!(cancelled(poll_with(run.as_mut(), &waker)), CancelReason::from("enough"));
    });
}

// trio 29
#[test]
fn a_scope_cancelled_before_the_first_poll_runs_its_body_to_the_first_await() {
    let polls = Cell::new(0);
    let scope = Scope::new();
    scope.handle().cancel("early");
    let ended = poll_once(pin!(scope.run(poll_fn(|_| {
        polls.set(polls.get() + 1);
        Poll::<()>::Pending
    }))));
    assert_eq!(cancelled(ended), CancelReason::from("early"));
    assert_eq!(polls.get(), 1);
}

// trio 30
#[test]
fn a_value_that_is_ready_when_the_scope_is_cancelled_is_kept() {
    let scope = Scope::new();
    scope.handle().cancel("early");
    assert!(matches!(poll_once(pin!(scope.run(ready(5)))), Poll::Ready(Ended::Value(5))));
}

// trio 33
#[test]
fn a_cancellation_reaches_scopes_below_in_other_tasks_with_its_reason() {
    let outer = Scope::new();
    let inner = outer.enter(Scope::new);
    let innermost = inner.enter(Scope::new);
    let mut run = pin!(innermost.run(pending::<()>()));
    let (woken, waker) = CountingWaker::new();
    assert!(poll_with(run.as_mut(), &waker).is_pending());

    inner.handle().cancel("the first");
    outer.handle().cancel("the second");
    assert_eq!(woken.count(), 1);
    assert_eq!(cancelled(poll_with(run.as_mut(), &waker)), CancelReason::from("the first"));
    assert_eq!(outer.handle().reason(), Some(CancelReason::from("the second")));
}

#[test]
fn a_scope_made_below_a_cancelled_one_is_cancelled() {
    let outer = Scope::new();
    outer.handle().cancel(CancelReason::Shutdown);
    let inner = outer.enter(Scope::new);
    assert_eq!(inner.handle().reason(), Some(CancelReason::Shutdown));
    assert_eq!(cancelled(poll_once(pin!(inner.run(pending::<()>())))), CancelReason::Shutdown);
}

#[test]
fn a_guard_keeps_the_body_of_every_scope_around_it() {
    let outer = Scope::new();
    let inner = outer.enter(Scope::new);
    let mut guard = inner.guard();
    let mut run = pin!(outer.run(pending::<()>()));
    let (woken, waker) = CountingWaker::new();
    assert!(poll_with(run.as_mut(), &waker).is_pending());

    let (guard_woken, guard_waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&guard_waker);
    assert!(guard.poll_cancelled(&mut cx).is_pending());
    outer.handle().cancel(CancelReason::SiblingFailed);
    assert_eq!((woken.count(), guard_woken.count()), (1, 1));
    assert_eq!(guard.poll_cancelled(&mut cx), Poll::Ready(CancelReason::SiblingFailed));
    assert!(poll_with(run.as_mut(), &waker).is_pending(), "the guard is still there");

    drop(guard);
    assert_eq!(woken.count(), 2);
    assert_eq!(cancelled(poll_with(run.as_mut(), &waker)), CancelReason::SiblingFailed);
}

#[test]
fn the_last_of_several_guards_lets_the_scope_end() {
    let scope = Scope::new();
    let below = scope.enter(Scope::new);
    let guards = [scope.guard(), below.guard(), below.guard()];
    let mut run = pin!(scope.run(pending::<()>()));
    scope.handle().cancel("enough");
    for guard in guards {
        assert!(poll_once(run.as_mut()).is_pending());
        drop(guard);
    }
    cancelled(poll_once(run.as_mut()));
}

#[test]
fn guards_clean_up_innermost_first() {
    paused(async {
        let log = Rc::new(std::cell::RefCell::new(Vec::new()));
        let scope = Scope::new();
        let start = Instant::now();
        // Each level: a guard on the scope around, and a body in a scope of its own.
        let inner = async {
            let guard = current_scope_guard();
            let body = Scope::new();
            assert!(matches!(body.run(pending::<()>()).await, Ended::Cancelled(_)));
            sleep(ms(20)).await;
            log.borrow_mut().push(("inner", start.elapsed()));
            drop(guard);
            pending::<()>().await;
        };
        let outer = async {
            let guard = current_scope_guard();
            let body = Scope::new();
            assert!(matches!(body.run(inner).await, Ended::Cancelled(_)));
            sleep(ms(30)).await;
            log.borrow_mut().push(("outer", start.elapsed()));
            drop(guard);
            pending::<()>().await;
        };
        let handle = scope.handle();
        let stop = async {
            sleep(ms(100)).await;
            handle.cancel("stop");
        };
        let (ended, ()) = tokio::join!(scope.run(outer), stop);
        assert!(matches!(ended, Ended::Cancelled(_)));
        assert_eq!(*log.borrow(), [("inner", ms(120)), ("outer", ms(150))]);
        assert_eq!(start.elapsed(), ms(150));
    });
}

fn current_scope_guard() -> Guard {
    // A guard on the scope around is what a fresh child's parent gets.
    Scope::new().guard()
}

#[test]
fn grace_bounds_the_guards() {
    paused(async {
        let start = Instant::now();
        let scope = Scope::new().with_deadline(Deadline::after(ms(50))).with_grace(ms(500));
        let guard = scope.guard();
        let ended = scope.run(clean_up(guard, pending())).await;
        assert!(matches!(ended, Ended::Cancelled(CancelReason::Deadline)));
        assert_eq!(start.elapsed(), ms(550));
    });
}

#[test]
fn what_is_dropped_learns_whether_its_time_is_up() {
    paused(async {
        let seen = Rc::new(Cell::new(None));
        let work = || {
            let seen = Rc::clone(&seen);
            async {
                let _on_drop = OnDrop(move || seen.set(Some(is_cut_short())));
                clean_up(Scope::new().guard(), pending()).await;
            }
        };
        // By a timeout inside of which is another, when its grace is over.
        let inner = || timeout(ms(20), work());
        assert!(timeout(ms(50), inner()).grace(ms(10)).await.is_err());
        assert_eq!(seen.take(), Some(true));
        // By something else, although it cleans up.
        tokio::select! {
            _ = inner() => unreachable!("it cleans up"),
            () = sleep(ms(50)) => {}
        }
        assert_eq!(seen.take(), Some(false));
        // A panic does not keep the thread so.
        let panics = OnDrop(|| cut_short(|| std::panic::resume_unwind(Box::new(()))));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(panics))).is_err());
        assert!(!is_cut_short());
    });
}

#[test]
fn a_guard_that_is_done_within_the_grace_ends_the_scope_at_once() {
    paused(async {
        let start = Instant::now();
        let scope = Scope::new().with_deadline(Deadline::after(ms(50))).with_grace(ms(500));
        let guard = scope.guard();
        let ended = scope.run(clean_up(guard, async { sleep(ms(20)).await })).await;
        assert!(matches!(ended, Ended::Cancelled(CancelReason::Deadline)));
        assert_eq!(start.elapsed(), ms(70));
    });
}

#[test]
fn the_deadline_of_a_scope_ends_its_run_and_those_below() {
    paused(async {
        let scope = Scope::new().with_deadline(Deadline::after(ms(10)));
        let below = scope.enter(Scope::new);
        let task = tokio::spawn(async move { below.run(pending::<()>()).await });
        let ended = scope.run(pending::<()>()).await;
        assert!(matches!(ended, Ended::Cancelled(CancelReason::Deadline)));
        assert!(scope.handle().expired());
        assert!(matches!(task.await.unwrap(), Ended::Cancelled(CancelReason::Deadline)));
    });
}

#[test]
fn of_two_equal_deadlines_the_one_around_counts_also_in_a_task_of_its_own() {
    paused(async {
        let deadline = Deadline::after(ms(10));
        let around = Scope::new().with_deadline(deadline);
        let mut hosted = Box::pin(around.host(pending::<()>()));
        hosted.as_mut().handle().reschedule(deadline);
        let task = tokio::spawn(hosted);
        assert!(matches!(task.await.unwrap(), Ended::Cancelled(CancelReason::Deadline)));
        assert!(around.handle().expired());
    });
}

#[test]
fn several_runs_share_one_scope() {
    let scope = Scope::new();
    let (mut one, mut two) = (pin!(scope.run(pending::<()>())), pin!(scope.run(pending::<()>())));
    let (woken_one, waker_one) = CountingWaker::new();
    let (woken_two, waker_two) = CountingWaker::new();
    assert!(poll_with(one.as_mut(), &waker_one).is_pending());
    assert!(poll_with(two.as_mut(), &waker_two).is_pending());
    scope.handle().cancel("both");
    assert_eq!((woken_one.count(), woken_two.count()), (1, 1));
    cancelled(poll_once(one));
    cancelled(poll_once(two));
}

#[test]
fn a_job_sees_its_scope_in_another_thread() {
    let scope = Scope::new().with_deadline(Deadline::after(ms(3_600_000)));
    let deadline = scope.handle().deadline();
    let there = scope.clone();
    std::thread::spawn(move || {
        there.enter(|| {
            assert_eq!(Deadline::ambient(), deadline);
            assert!(checkpoint().is_ok());
            there.handle().cancel("stop");
            assert!(checkpoint().is_err());
            assert!(Deadline::ambient().has_elapsed());
        });
        assert!(current_scope().is_none());
    })
    .join()
    .unwrap();
    assert!(scope.handle().is_cancelled());
}

#[test]
fn scopes_and_their_parts_go_wherever_their_bodies_can() {
    fn everywhere<T: Send + Sync + 'static>() {}
    everywhere::<Scope>();
    everywhere::<Guard>();
    everywhere::<tidegate_timeout::scope::Run<std::future::Ready<()>>>();
    fn send<T: Send>() {}
    send::<Ended<()>>();
}

#[test]
fn a_guard_wakes_the_newest_waker_only() {
    let scope = Scope::new();
    let mut guard = scope.guard();
    let (old, old_waker) = CountingWaker::new();
    let (new, new_waker) = CountingWaker::new();
    for waker in [&old_waker, &new_waker, &new_waker] {
        assert!(guard.poll_cancelled(&mut Context::from_waker(waker)).is_pending());
    }
    drop(old_waker);
    assert_eq!(Arc::strong_count(&old), 1, "the old waker was dropped");
    scope.handle().cancel("enough");
    assert_eq!((old.count(), new.count()), (0, 1));
    assert!(guard.poll_cancelled(&mut Context::from_waker(Waker::noop())).is_ready());
}

// TESTING.md 6
#[test]
fn a_long_chain_of_scopes_is_cancelled_guarded_and_dropped_without_a_deep_stack() {
    let outermost = Scope::new();
    let mut innermost = outermost.clone();
    for _ in 0..100_000 {
        innermost = innermost.enter(Scope::new);
    }
    let mut guard = innermost.guard();
    let mut run = pin!(outermost.run(pending::<()>()));
    assert!(poll_once(run.as_mut()).is_pending());
    outermost.handle().cancel(CancelReason::Shutdown);
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(guard.poll_cancelled(&mut cx), Poll::Ready(CancelReason::Shutdown));
    assert!(poll_once(run.as_mut()).is_pending());
    drop(guard);
    cancelled(poll_once(run.as_mut()));
    drop(outermost);
    drop(innermost);
}
