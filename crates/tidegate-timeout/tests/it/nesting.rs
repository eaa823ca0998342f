//! Scopes inside scopes.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tidegate_test::poll_once;
use tidegate_timeout::scope::{Run, Scope};
use tidegate_timeout::{
    CancelReason, Deadline, ScopeExt, cancel_scope, checkpoint, current_scope, move_on_after,
    shield, timeout, timeout_at,
};
use tokio::time::{Instant, sleep};

use crate::support::{ms, paused};

// trio 26
#[test]
fn the_outer_one_wins_and_the_code_between_does_not_run() {
    for (outer_time, inner_time) in [(50, 100), (100, 100), (100, 50)] {
        paused(async {
            let between = Cell::new(false);
            let start = Instant::now();
            let outer = timeout(ms(outer_time), async {
                let inner = timeout(ms(inner_time), pending::<()>()).named("inner").await;
                between.set(true);
                inner
            });
            let outcome = outer.named("outer").await;
            assert_eq!(start.elapsed(), ms(outer_time.min(inner_time)));
            if inner_time < outer_time {
                assert_eq!(outcome.unwrap().unwrap_err().name(), Some("inner"));
            } else {
                assert_eq!(outcome.unwrap_err().name(), Some("outer"), "{outer_time} {inner_time}");
                assert!(!between.get());
            }
        });
    }
}

#[test]
fn of_several_that_expired_unnoticed_the_outermost_reports() {
    paused(async {
        let handles = RefCell::new(Vec::new());
        let note = || handles.borrow_mut().push(current_scope().unwrap());
        let outer = timeout(ms(300), async {
            note();
            let middle = timeout(ms(200), async {
                note();
                let inner = timeout(ms(100), async {
                    note();
                    sleep(ms(1)).await;
                    // The thread is held up: all three deadlines pass before anybody looks.
                    tokio::time::advance(ms(1000)).await;
                    pending::<()>().await;
                });
                inner.named("inner").await
            });
            middle.named("middle").await
        });
        assert_eq!(outer.named("outer").await.unwrap_err().name(), Some("outer"));
        let handles = handles.into_inner();
        assert!(handles.iter().all(|scope| scope.expired()), "each one's deadline had passed");
    });
}

#[test]
fn both_of_two_equal_deadlines_count_as_expired_and_a_later_one_does_not() {
    for (inner_time, expired) in [(100, true), (101, false)] {
        paused(async {
            let inner_handle = RefCell::new(None);
            let outer = timeout(ms(100), async {
                let inner = timeout(ms(inner_time), pending::<()>());
                *inner_handle.borrow_mut() = Some(inner.handle());
                inner.await
            });
            let outer_handle = outer.handle();
            assert!(outer.await.unwrap_err().is_from(&outer_handle));
            let inner_handle = inner_handle.into_inner().unwrap();
            assert_eq!((outer_handle.expired(), inner_handle.expired()), (true, expired));
            assert_eq!(inner_handle.reason(), Some(CancelReason::Deadline));
        });
    }
}

// B-W4, trio 32
#[test]
fn an_outer_cancellation_is_never_reported_as_an_inner_timeout() {
    paused(async {
        let inner_seen = Cell::new(false);
        let outcome = cancel_scope(async |scope| {
            let guard = tidegate_timeout::scope::Scope::new().guard();
            let scope = scope.clone();
            tokio::spawn(async move {
                sleep(ms(50)).await;
                scope.cancel("stop");
                // The scope waits for the guard while the inner deadline passes.
                sleep(ms(100)).await;
                drop(guard);
            });
            let inner = timeout(ms(100), pending::<()>()).await;
            inner_seen.set(true);
            inner
        });
        let start = Instant::now();
        assert_eq!(outcome.await.unwrap_err().reason(), CancelReason::from("stop"));
        assert_eq!(start.elapsed(), ms(150));
        assert!(!inner_seen.get());
    });
}

#[test]
fn an_inner_timeout_is_not_reported_while_the_outer_one_waits_for_a_guard() {
    paused(async {
        let outer = timeout(ms(50), async {
            let _guard_holder = tokio::spawn({
                let guard = tidegate_timeout::scope::Scope::new().guard();
                async move {
                    sleep(ms(200)).await;
                    drop(guard);
                }
            });
            timeout(ms(100), pending::<()>()).named("inner").await
        });
        let start = Instant::now();
        assert_eq!(outer.named("outer").await.unwrap_err().name(), Some("outer"));
        assert_eq!(start.elapsed(), ms(200));
    });
}

#[test]
fn an_inner_timeout_looser_than_the_outer_one_registers_no_timer() {
    let hour = Duration::from_secs(3600);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let now = Instant::now();
    let try_with = |outer: Duration, inner: Duration| {
        let entered = Cell::new(None);
        let mut inner = Box::pin(timeout_at(now + inner, pending::<()>()));
        let mut outer = Box::pin(timeout_at(
            now + outer,
            poll_fn(|cx| {
                // The inner one is polled outside of the runtime, where it could not have a timer.
                entered.set(None);
                let polled = inner.as_mut().poll(cx);
                entered.set(Some(runtime.enter()));
                polled
            }),
        ));
        let polled = catch_unwind(AssertUnwindSafe(|| poll_once(outer.as_mut()).is_pending()));
        drop(outer);
        entered.set(None);
        polled
    };
    assert!(try_with(hour, 2 * hour).unwrap());
    assert!(try_with(hour, hour).unwrap(), "the outer one of two equal ones");
    assert!(try_with(2 * hour, hour).is_err(), "the tighter one needs its timer");
}

// trio 28
#[test]
fn the_ambient_deadline_is_the_earliest_around() {
    paused(async {
        assert_eq!(Deadline::ambient(), Deadline::NEVER);
        let start = Instant::now();
        let at = |n| Deadline::at(start + ms(n));
        let outer = timeout(ms(100), async {
            assert_eq!(Deadline::ambient(), at(100));
            let looser = timeout(ms(500), async { Deadline::ambient() });
            assert_eq!(looser.await, Ok(at(100)));
            let tighter = timeout(ms(50), async { Deadline::ambient() });
            assert_eq!(tighter.await, Ok(at(50)));
            assert_eq!(move_on_after(ms(70), async { Deadline::ambient() }).await, Some(at(70)));
            current_scope().unwrap().extend(ms(100));
            assert_eq!(Deadline::ambient(), at(200));
            let inner = timeout(ms(500), async {
                tokio::task::yield_now().await;
                Deadline::ambient()
            });
            assert_eq!(inner.await, Ok(at(200)));
        });
        outer.await.unwrap();
        assert_eq!(Deadline::ambient(), Deadline::NEVER);
    });
}

#[test]
fn two_requests_share_what_is_left_of_one_deadline() {
    paused(async {
        let both = timeout(ms(9000), async {
            sleep(ms(5000)).await;
            assert_eq!(Deadline::ambient().remaining(), Some(ms(4000)));
            sleep(ms(8000)).await;
        });
        let start = Instant::now();
        assert!(both.await.is_err());
        assert_eq!(start.elapsed(), ms(9000));
    });
}

#[test]
fn a_timeout_that_moves_to_another_task_between_polls_still_ends() {
    paused(async {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let outer = timeout(ms(100), async {
            // Polled here once, and left without a timer because the outer one is tighter.
            let mut inner = Box::pin(timeout(ms(200), pending::<()>()));
            assert!(futures_poll(&mut inner).await);
            sender.send(inner).ok().unwrap();
            pending::<()>().await;
        });
        let start = Instant::now();
        let elsewhere = tokio::spawn(async move { receiver.await.unwrap().await });
        assert!(outer.await.is_err());
        assert_eq!(start.elapsed(), ms(100));
        assert!(elsewhere.await.unwrap().is_err());
        assert_eq!(start.elapsed(), ms(200));
    });
}

/// Polls once; whether it is pending.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> bool {
    poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())).await
}

#[test]
fn the_current_scope_goes_along_to_a_spawned_task_but_does_not_drop_it() {
    paused(async {
        let outer = timeout(ms(100), async {
            let plain = tokio::spawn(async { Deadline::ambient() });
            assert_eq!(plain.await.unwrap(), Deadline::NEVER, "not by itself");
            Some(tokio::spawn(
                async {
                    let start = Instant::now();
                    assert_eq!(Deadline::ambient().remaining(), Some(ms(100)));
                    // Looser than what is around, but what is around does not end it.
                    let inner = timeout(ms(300), pending::<()>()).await;
                    assert!(inner.is_err());
                    assert_eq!(start.elapsed(), ms(300));
                    assert!(tidegate_timeout::checkpoint().is_err());
                    // What can report a cancellation from around does so at once.
                    assert_eq!(move_on_after(ms(1000), pending::<()>()).await, None);
                    assert_eq!(start.elapsed(), ms(300));
                    "done"
                }
                .in_current_scope(),
            ))
        });
        let task = outer.await.unwrap().unwrap();
        // The scope has ended by now, so nobody is there to cancel it when its deadline passes.
        sleep(ms(100)).await;
        assert_eq!(task.await.unwrap(), "done");
    });
}

#[test]
fn a_cancellation_reaches_a_task_that_took_the_scope_along() {
    paused(async {
        let start = Instant::now();
        let task = Cell::new(None);
        let outer = timeout(ms(100), async {
            let inner = async move {
                let skipped = move_on_after(ms(1000), pending::<()>()).await;
                // A timeout cannot report it, and goes on until its own deadline.
                let late = timeout(ms(50), pending::<()>()).await;
                (skipped, late.is_err(), start.elapsed())
            };
            task.set(Some(tokio::spawn(inner.in_current_scope())));
            pending::<()>().await;
        });
        assert!(outer.await.is_err());
        assert_eq!(start.elapsed(), ms(100));
        assert_eq!(task.take().unwrap().await.unwrap(), (None, true, ms(150)));
    });
}

#[test]
fn a_deadline_counts_for_what_was_taken_along_after_its_scope_has_ended() {
    paused(async {
        let start = Instant::now();
        let work = timeout(ms(100), async {
            let outlives = async move {
                let skipped = move_on_after(ms(1000), pending::<()>()).await;
                (skipped, start.elapsed(), checkpoint().is_err())
            };
            Some(tokio::spawn(outlives.in_current_scope()))
        });
        let handle = work.handle();
        let task = work.await.unwrap().unwrap();
        assert_eq!(task.await.unwrap(), (None, ms(100), true));
        assert!(!handle.expired() && !handle.is_cancelled(), "it had ended before");
    });
}

#[test]
fn an_explicit_cancellation_after_the_end_does_not_reach_what_was_taken_along() {
    paused(async {
        let work = timeout(ms(100), async {
            let outlives = async {
                sleep(ms(50)).await;
                checkpoint()
            };
            Some(tokio::spawn(outlives.in_current_scope()))
        });
        let handle = work.handle();
        let task = work.await.unwrap().unwrap();
        handle.cancel("too late");
        assert_eq!(task.await.unwrap(), Ok(()));
    });
}

// trio 26, 29
#[test]
fn in_a_scope_that_was_cancelled_before_no_scope_inside_goes_on() {
    paused(async {
        let between = Cell::new(false);
        let outcome = cancel_scope(async |scope| {
            scope.cancel("early");
            let middle = timeout(ms(100), async {
                let inner = move_on_after(ms(50), pending::<()>());
                let _known = inner.handle();
                inner.await;
                between.set(true);
            });
            middle.await
        });
        assert_eq!(outcome.await.unwrap_err().reason(), CancelReason::from("early"));
        assert!(!between.get());
    });
}

// trio 26
#[test]
fn no_scope_inside_goes_on_while_the_one_around_waits_for_a_shield() {
    type Wrap = fn(Pin<Box<dyn Future<Output = ()>>>) -> Pin<Box<dyn Future<Output = ()>>>;
    let wraps: [(&str, Wrap); 4] = [
        ("timeout", |body| Box::pin(async { drop(timeout(ms(50), body).await) })),
        ("move_on_after", |body| {
            Box::pin(async {
                _ = move_on_after(ms(50), body).await;
            })
        }),
        ("run", |body| {
            let scope = Scope::new().with_deadline(Deadline::after(ms(50)));
            Box::pin(async move { drop(scope.run(body).await) })
        }),
        ("timeout inside a looser one", |body| {
            Box::pin(async { drop(timeout(ms(200), timeout(ms(50), body)).await) })
        }),
    ];
    for (name, wrap) in wraps {
        paused(async {
            let start = Instant::now();
            let between = Rc::new(Cell::new(false));
            let flag = Rc::clone(&between);
            let body = async move {
                let inner = async {
                    assert_eq!(move_on_after(ms(70), pending::<()>()).await, None);
                    flag.set(true);
                };
                let cancelled = async {
                    assert!(cancel_scope(async |_| pending::<()>().await).await.is_err());
                    flag.set(true);
                };
                tokio::join!(shield(sleep(ms(100))), inner, cancelled);
            };
            wrap(Box::pin(body)).await;
            assert!(!between.get(), "{name}");
            assert_eq!(start.elapsed(), ms(100), "{name}");
        });
    }
}

#[test]
fn a_scope_reports_where_the_timeout_around_it_cannot() {
    paused(async {
        let start = Instant::now();
        let outer = Scope::new();
        // Nobody drops this task, and its timeout can tell of its own deadline only.
        let body = timeout(ms(100), async move {
            let skipped = move_on_after(ms(1000), pending::<()>()).await;
            let cancelled = cancel_scope(async |_| pending::<()>().await).await;
            (skipped, cancelled.is_err(), start.elapsed())
        });
        let task = tokio::spawn(outer.enter(|| body.in_current_scope()));
        sleep(ms(20)).await;
        outer.handle().cancel("enough");
        assert_eq!(task.await.unwrap(), Ok((None, true, ms(20))));
    });
}

// Dropped by nobody but themselves, in a scope that nobody drives.
#[test]
fn a_timeout_inside_a_run_fires_although_nobody_minds_the_deadline_around() {
    paused(async {
        let start = Instant::now();
        let task = timeout(ms(50), async {
            Some(tokio::spawn(Run::new(timeout(ms(100), pending::<()>())).in_current_scope()))
        });
        let task = task.await.unwrap().unwrap();
        assert!(timeout(ms(1000), task).await.is_ok());
        assert_eq!(start.elapsed(), ms(100));

        let scope = Scope::new().with_deadline(Deadline::after(ms(50)));
        let body = Run::new(async {
            assert_eq!(
                move_on_after(ms(200), timeout(ms(100), pending::<()>())).await.unwrap().ok(),
                None
            );
        });
        let task = scope.enter(|| tokio::spawn(body.in_current_scope()));
        assert!(timeout(ms(1000), task).await.is_ok());
        assert_eq!(start.elapsed(), ms(200));
    });
}

#[test]
fn a_scope_from_elsewhere_is_the_current_one_where_it_is_entered() {
    paused(async {
        let elsewhere = Scope::new();
        let work = timeout(ms(100), async {
            // Before anybody has asked for the scope of the timeout.
            let inside = elsewhere.enter(|| (current_scope(), Deadline::ambient()));
            let here = current_scope();
            (inside, here)
        });
        let ((inside, deadline), here) = work.await.unwrap();
        assert_eq!((inside, deadline), (Some(elsewhere.handle()), Deadline::NEVER));
        assert_eq!(here.unwrap().deadline().remaining(), Some(ms(100)));
    });
}

#[test]
fn at_any_depth_the_innermost_scope_is_the_current_one() {
    for depth in 1..20 {
        paused(async {
            let start = Instant::now();
            let mut body: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
                assert_eq!(Deadline::ambient(), Deadline::at(start + ms(100)));
                let mine = current_scope().unwrap();
                assert_eq!(mine.deadline(), Deadline::at(start + ms(100)), "{depth}");
                mine.reschedule(Deadline::NEVER);
                let around =
                    (depth > 1).then(|| start + ms(101)).map_or(Deadline::NEVER, Deadline::at);
                assert_eq!(Deadline::ambient(), around, "{depth}");
            });
            for n in 0..depth {
                body = Box::pin(async move { timeout(ms(100 + n), body).await.unwrap() });
            }
            body.await;
            assert!(current_scope().is_none());
        });
    }
}
