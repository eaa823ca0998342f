//! Explicit cancellation: it is never a timeout, and the first cause stays.

use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use tidegate_test::{CountingWaker, poll_with};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{
    CancelReason, Deadline, ScopeExt, cancel_scope, cancelled, current_scope, move_on_after,
    timeout,
};
use tokio::time::{Instant, advance, sleep};

use crate::support::{OnDrop, ms, paused};

#[test]
fn a_cancelled_scope_ends_with_the_reason() {
    paused(async {
        let outcome = cancel_scope(async |scope| {
            scope.cancel(String::from("the user pressed stop"));
            pending::<()>().await;
        });
        let reason = outcome.await.unwrap_err().reason();
        assert_eq!(reason, CancelReason::from("the user pressed stop"));
    });
}

// trio 30
#[test]
fn a_scope_cancelled_after_its_last_await_keeps_its_value() {
    paused(async {
        let outcome = cancel_scope(async |scope| {
            scope.cancel("too late");
            5
        });
        assert_eq!(outcome.await, Ok(5));
    });
}

#[test]
fn a_body_is_polled_once_more_when_it_was_cancelled_during_its_poll() {
    paused(async {
        let outcome = cancel_scope(async |scope| {
            let mut cancelled = false;
            poll_fn(|_| {
                if std::mem::replace(&mut cancelled, true) {
                    return Poll::Ready(5);
                }
                scope.cancel("enough");
                Poll::Pending
            })
            .await
        });
        assert_eq!(outcome.await, Ok(5));
    });
}

// trio 33
#[test]
fn the_first_cause_stays() {
    paused(async {
        let outcome = cancel_scope(async |scope| {
            scope.cancel("first");
            scope.cancel("second");
            assert_eq!(scope.reason(), Some(CancelReason::from("first")));
            let inner = Scope::new().handle();
            inner.cancel("third");
            assert_eq!(inner.reason(), Some(CancelReason::from("first")), "from around, earlier");
            scope.reschedule(Deadline::after(ms(0)));
            pending::<()>().await;
        });
        assert_eq!(outcome.await.unwrap_err().reason(), CancelReason::from("first"));
    });
}

// trio 32
#[test]
fn a_scope_cancelled_before_its_deadline_and_left_after_it_has_not_expired() {
    paused(async {
        let work = move_on_after(ms(100), async {
            current_scope().unwrap().cancel("enough");
            advance(ms(500)).await;
            pending::<()>().await;
        });
        let handle = work.handle();
        assert_eq!(work.await, None);
        assert!(!handle.expired());
        assert_eq!(handle.reason(), Some(CancelReason::from("enough")));
    });
}

#[test]
fn an_explicitly_cancelled_timeout_drops_its_body_and_never_says_elapsed() {
    paused(async {
        let dropped = Rc::new(Cell::new(false));
        let flag = Rc::clone(&dropped);
        let work = timeout(ms(100), async move {
            let _on_drop = OnDrop(|| flag.set(true));
            pending::<()>().await;
        });
        let handle = work.handle();
        let mut work = pin!(work);
        let (woken, waker) = CountingWaker::new();
        assert!(poll_with(work.as_mut(), &waker).is_pending());
        handle.cancel("enough");
        assert_eq!(woken.count(), 1);
        assert!(poll_with(work.as_mut(), &waker).is_pending());
        assert!(dropped.get(), "what it held is free");
        assert!(!handle.expired());
        // Not later either, and no timer is left that would wake it.
        sleep(ms(1000)).await;
        assert_eq!(woken.count(), 1);
        assert!(poll_with(work.as_mut(), &waker).is_pending());
    });
}

#[test]
fn an_explicitly_cancelled_timeout_returns_a_value_that_its_body_is_ready_with() {
    paused(async {
        let work = timeout(ms(100), cancelled());
        let handle = work.handle();
        let (why, ()) = tokio::join!(work, async {
            sleep(ms(10)).await;
            handle.cancel("enough");
        });
        assert_eq!(why, Ok(CancelReason::from("enough")));
        assert!(!handle.expired());
    });
}

#[test]
fn an_explicit_cancellation_passes_through_a_timeout_to_the_scope_that_can_report_it() {
    paused(async {
        let start = Instant::now();
        let between = Cell::new(false);
        let outcome = cancel_scope(async |_| {
            let outer = timeout(ms(1000), async {
                let inner = timeout(ms(100), pending::<()>());
                let handle = inner.handle();
                let (_, ()) = tokio::join!(inner, async {
                    sleep(ms(10)).await;
                    handle.cancel("enough");
                });
                between.set(true);
            });
            let outer = outer.await;
            between.set(true);
            outer
        });
        assert_eq!(outcome.await.unwrap_err().reason(), CancelReason::from("enough"));
        assert_eq!(start.elapsed(), ms(10));
        assert!(!between.get());

        let outcome = move_on_after(
            ms(1000),
            timeout(ms(100), async {
                current_scope().unwrap().cancel("enough");
                pending::<()>().await;
            }),
        );
        assert_eq!(outcome.await, None);

        let task = Scope::new().run(timeout(ms(100), async {
            current_scope().unwrap().cancel("enough");
            pending::<()>().await;
        }));
        let Ended::Cancelled(reason) = task.await else { panic!("not cancelled") };
        assert_eq!(reason, CancelReason::from("enough"));
    });
}

#[test]
fn an_explicitly_cancelled_timeout_leaves_timeouts_around_it_to_their_deadlines() {
    paused(async {
        let start = Instant::now();
        let outer = timeout(ms(200), async {
            let inner = timeout(ms(100), pending::<()>());
            inner.handle().cancel("enough");
            inner.await
        });
        let handle = outer.handle();
        assert!(outer.await.unwrap_err().is_from(&handle));
        assert_eq!(start.elapsed(), ms(200));
        assert!(handle.expired());
    });
}

// trio 29
#[test]
fn a_scope_cancelled_before_it_starts_runs_to_its_first_await_and_no_further() {
    paused(async {
        let steps = Cell::new(0);
        let work = move_on_after(ms(100), async {
            steps.set(1);
            sleep(ms(1)).await;
            steps.set(2);
        });
        work.handle().cancel("early");
        assert_eq!(work.await, None);
        assert_eq!(steps.get(), 1);

        let work = move_on_after(ms(100), ready(5));
        work.handle().cancel("early");
        assert_eq!(work.await, Some(5));
    });
}

#[test]
fn a_deadline_given_as_an_explicit_reason_is_no_timeout() {
    paused(async {
        let work = timeout(ms(100), pending::<()>());
        let handle = work.handle();
        handle.cancel(CancelReason::Deadline);
        let mut work = pin!(work);
        let (_, waker) = CountingWaker::new();
        assert!(poll_with(work.as_mut(), &waker).is_pending());
        assert!(!handle.expired() && handle.is_cancelled());
        assert!(matches!(poll_with(work.as_mut(), &waker), Poll::Pending));
    });
}

#[test]
fn a_handle_says_how_its_scope_is() {
    paused(async {
        let work = timeout(ms(100), pending::<()>()).named("work");
        let handle = work.handle();
        assert!(!handle.is_cancelled() && !handle.expired() && handle.reason().is_none());
        assert!(format!("{handle:?}").contains("\"work\""), "{handle:?}");
        assert!(work.await.is_err());
        assert!(handle.is_cancelled() && handle.expired());
        assert!(format!("{handle:?}").contains("Deadline"), "{handle:?}");
    });
}

// B-W4
#[test]
fn a_cancellation_in_the_step_in_which_the_body_is_ready_loses_neither() {
    paused(async {
        let kept = Cell::new(None);
        let steps = Cell::new(0);
        let outcome = cancel_scope(async |scope| {
            tokio::join!(biased; async {
                sleep(ms(50)).await;
                scope.cancel("stop");
            }, async {
                kept.set(timeout(ms(100), async {
                    sleep(ms(50)).await;
                    5
                }).await.ok());
                steps.set(1);
                sleep(ms(1)).await;
                steps.set(2);
            });
        });
        let start = Instant::now();
        assert_eq!(outcome.await.unwrap_err().reason(), CancelReason::from("stop"));
        assert_eq!((kept.get(), steps.get()), (Some(5), 1));
        assert_eq!(start.elapsed(), ms(50));
    });
}

// trio 33: whoever is inside, in whatever task, hears the first cause.
#[test]
fn those_inside_report_the_root_cause() {
    paused(async {
        let outer = Scope::new();
        let tasks: Vec<_> = (0..3)
            .map(|depth| {
                let inner = (0..depth).fold(outer.clone(), |scope, _| scope.enter(Scope::new));
                tokio::spawn(async move {
                    let ended = inner.run(timeout(ms(1000), cancelled())).await;
                    (ended, inner.handle().reason())
                })
            })
            .collect();
        sleep(ms(10)).await;
        outer.handle().cancel("the root");
        outer.handle().cancel("another");
        for task in tasks {
            let (ended, reason) = task.await.unwrap();
            let Ended::Value(Ok(why)) = ended else { panic!("it ended otherwise") };
            assert_eq!(why, CancelReason::from("the root"));
            assert_eq!(reason, Some(why));
        }
    });
}

// trio 29, for the other two ways to be inside
#[test]
fn what_starts_inside_a_cancelled_scope_runs_to_its_first_await() {
    paused(async {
        let scope = Scope::new();
        scope.handle().cancel("early");
        let steps = Rc::new(Cell::new(0));
        let body = || {
            let steps = Rc::clone(&steps);
            async move {
                steps.set(steps.get() + 1);
                sleep(ms(1)).await;
                steps.set(steps.get() + 100);
            }
        };
        assert!(matches!(scope.run(body()).await, Ended::Cancelled(_)));
        assert_eq!(steps.get(), 1);
        let inside = scope.enter(|| move_on_after(ms(10), body()).in_current_scope());
        assert_eq!(inside.await, None);
        assert_eq!(steps.get(), 2);
        // It cannot be used anew: what starts in it later ends as early.
        assert!(matches!(scope.run(body()).await, Ended::Cancelled(_)));
        assert_eq!(steps.get(), 3);
    });
}

#[test]
fn a_scope_that_is_cancelled_before_it_is_polled_keeps_its_cause_inside_a_cancelled_one() {
    paused(async {
        let work = move_on_after(ms(100), pending::<()>());
        let handle = work.handle();
        handle.cancel("first");
        let outcome = cancel_scope(async |scope| {
            scope.cancel("second");
            work.await
        });
        assert!(outcome.await.is_err());
        assert_eq!(handle.reason(), Some(CancelReason::from("first")));
    });
}

#[test]
fn a_deadline_that_passes_after_an_explicit_cancellation_was_not_first() {
    paused(async {
        let work = timeout(ms(100), async {
            cancelled().await;
            let mut blocks = pin!(advance(ms(200)));
            while poll_with(blocks.as_mut(), Waker::noop()).is_pending() {}
            5
        });
        let work = work.deadline_first();
        let handle = work.handle();
        let (outcome, ()) = tokio::join!(work, async {
            sleep(ms(10)).await;
            handle.cancel("enough");
        });
        // It ends with its value, and not with a timeout: the deadline was not the first cause.
        assert_eq!(outcome, Ok(5));
        assert!(!handle.expired());
    });
}
