//! A polite request: it goes down the tree, and ends nobody.

use std::cell::Cell;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate_test::{CountingWaker, poll_once, poll_with};
use tidegate_timeout::scope::{Ended, Run, Scope};
use tidegate_timeout::{
    AsyncContext, Exit, cancel_scope, cancelled, checkpoint, current_scope, exit_stack,
    is_stopping, move_on_after, protect, shield, stop_requested, timeout, with,
};
use tokio::time::{Instant, advance, sleep};

use crate::support::{Apart, breathe, ms, on_both, paused, until};

#[test]
fn outside_of_every_scope_nobody_is_asked_to_stop() {
    assert!(!is_stopping());
    let mut stop = pin!(stop_requested());
    assert!(poll_once(stop.as_mut()).is_pending());
    // It has no scope yet, so it finds one later.
    let scope = Scope::new();
    scope.handle().request_stop();
    assert!(scope.enter(|| poll_once(stop.as_mut())).is_ready());
}

#[test]
fn a_request_reaches_everybody_below_and_nobody_else() {
    let top = Scope::new();
    let (left, right) = (top.enter(Scope::new), top.enter(Scope::new));
    let below = left.enter(Scope::new);
    left.handle().request_stop();
    let asked = [&top, &left, &right, &below].map(|scope| scope.handle().is_stopping());
    assert_eq!(asked, [false, true, false, true]);
    assert!(below.enter(is_stopping) && !right.enter(is_stopping));
    assert!(!below.handle().is_cancelled() && below.enter(checkpoint).is_ok());

    top.handle().request_stop();
    assert!(right.handle().is_stopping());
}

#[test]
fn a_scope_that_is_made_below_a_stopping_one_is_stopping() {
    let top = Scope::new();
    top.handle().request_stop();
    let below = top.enter(Scope::new).enter(Scope::new);
    assert!(below.handle().is_stopping());
    paused(async {
        let work = top.run(async {
            assert!(is_stopping());
            timeout(ms(100), async {
                assert!(is_stopping());
                stop_requested().await;
                let handle = current_scope().unwrap();
                assert!(handle.is_stopping() && !handle.is_cancelled());
                sleep(ms(50)).await;
                "in its own time"
            })
            .await
        });
        assert!(matches!(work.await, Ended::Value(Ok("in its own time"))));
    });
}

#[test]
fn whoever_waits_is_woken_once_and_nobody_else_is() {
    let top = Scope::new();
    let below = top.enter(Scope::new);
    let (woken, waker) = CountingWaker::new();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(stop_requested())).collect();
    for (i, one) in waiting.iter_mut().enumerate() {
        let scope = [&top, &below][i % 2];
        assert!(scope.enter(|| poll_with(one.as_mut(), &waker)).is_pending());
    }
    drop(waiting.pop());

    let (others, other) = CountingWaker::new();
    let mut run = pin!(below.run(pending::<()>()));
    let mut cancelled = pin!(cancelled());
    assert!(poll_with(run.as_mut(), &other).is_pending());
    assert!(below.enter(|| poll_with(cancelled.as_mut(), &other)).is_pending());

    top.handle().request_stop();
    top.handle().request_stop();
    assert_eq!((woken.count(), others.count()), (2, 0));
    for one in &mut waiting {
        assert!(poll_once(one.as_mut()).is_ready(), "wherever it is polled");
        assert!(poll_once(one.as_mut()).is_ready(), "and it is not used up");
    }
    top.handle().cancel("now it is meant");
    assert_eq!((woken.count(), others.count()), (2, 2));
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let scope = Scope::new();
    let (first, waker) = CountingWaker::new();
    let (last, other) = CountingWaker::new();
    let mut stop = pin!(stop_requested());
    assert!(scope.enter(|| poll_with(stop.as_mut(), &waker)).is_pending());
    assert!(poll_with(stop.as_mut(), &other).is_pending());
    scope.handle().request_stop();
    assert_eq!((first.count(), last.count()), (0, 1));
}

#[test]
fn a_cancelled_scope_is_stopping_and_nobody_asked_it_to() {
    let scope = Scope::new();
    let mut stop = pin!(stop_requested());
    assert!(scope.enter(|| poll_once(stop.as_mut())).is_pending());
    scope.handle().cancel("enough");
    assert!(scope.handle().is_stopping() && scope.enter(is_stopping));
    assert!(scope.enter(Scope::new).enter(is_stopping));
    assert!(poll_once(stop.as_mut()).is_pending());
    scope.handle().request_stop();
    assert!(poll_once(stop).is_ready());
}

#[test]
fn a_loop_ends_at_its_deadline_although_its_timer_had_no_chance() {
    paused(async {
        let rounds = Cell::new(0);
        let work = timeout(ms(100), async {
            while !is_stopping() {
                rounds.set(rounds.get() + 1);
                let mut step = pin!(advance(ms(30)));
                while poll_once(step.as_mut()).is_pending() {}
            }
            "as far as it got"
        });
        assert_eq!(work.await, Ok("as far as it got"));
        assert_eq!(rounds.get(), 4);
    });
}

#[test]
fn a_deadline_around_is_no_request() {
    paused(async {
        let start = Instant::now();
        let work = cancel_scope(async |scope| {
            let mut pauses = 0;
            while timeout(ms(100), stop_requested()).await.is_err() {
                pauses += 1;
                if pauses == 3 {
                    scope.request_stop();
                }
            }
            pauses
        });
        assert_eq!(work.await.unwrap(), 3);
        assert_eq!(start.elapsed(), ms(300));
    });
}

#[test]
fn a_shield_hides_a_request() {
    paused(async {
        let work = cancel_scope(async |scope| {
            scope.request_stop();
            assert!(is_stopping());
            shield(async {
                assert!(!is_stopping());
                assert!(poll_once(pin!(stop_requested())).is_pending());
                assert!(timeout(ms(10), async { is_stopping() }).await == Ok(false));
                assert!(timeout(ms(10), stop_requested()).await.is_err());
            })
            .await;
            protect(async { assert!(!is_stopping()) }).await;
            assert!(is_stopping());
        });
        work.await.unwrap();
    });
}

struct Asks(Arc<AtomicUsize>);

impl AsyncContext for Asks {
    type Guard = Self;
    type Error = String;

    async fn enter(self) -> Result<Self, String> {
        self.0.fetch_add(usize::from(is_stopping()), Ordering::Relaxed);
        Ok(self)
    }

    async fn exit(guard: Self, why: Exit) -> Result<(), String> {
        assert!(matches!(why, Exit::Ok));
        // Clean-up is not asked to leave off.
        guard.0.fetch_add(10 * usize::from(is_stopping()), Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn a_context_and_a_stack_let_a_request_through() {
    paused(async {
        let asked = Arc::new(AtomicUsize::new(0));
        let work = cancel_scope(async |scope| {
            let (outer, inner) = (Asks(Arc::clone(&asked)), Asks(Arc::clone(&asked)));
            with(outer, async |_| {
                assert!(!is_stopping());
                scope.request_stop();
                stop_requested().await;
                exit_stack(async |stack| {
                    stack.enter(inner).await?;
                    assert!(is_stopping());
                    Ok::<_, String>(())
                })
                .await
            })
            .await
        });
        work.await.unwrap().unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_request_may_come_before_the_first_poll() {
    paused(async {
        let work = timeout(ms(100), async { (is_stopping(), stop_requested().await) });
        work.handle().request_stop();
        assert!(work.handle().is_stopping());
        assert_eq!(work.await, Ok((true, ())));

        let mut run = Box::pin(Run::new(stop_requested()));
        run.as_mut().handle().request_stop();
        assert!(matches!(run.await, Ended::Value(())));
    });
}

#[test]
fn a_scope_with_a_handle_is_asked_from_where_it_is_first_polled() {
    paused(async {
        let around = Scope::new();
        around.handle().request_stop();
        let work = timeout(ms(100), async { is_stopping() });
        let handle = work.handle();
        assert!(!handle.is_stopping());
        assert!(matches!(around.run(work).await, Ended::Value(Ok(true))));
        assert!(handle.is_stopping());
    });
}

#[test]
fn a_handle_shows_how_its_scope_ended() {
    paused(async {
        let around = Scope::new();
        let inside = around.enter(|| timeout(ms(100), async {}));
        let (asked, cut) = (timeout(ms(100), async {}), timeout(ms(100), pending::<()>()));
        let handles = [inside.handle(), asked.handle(), cut.handle()];
        handles[1].request_stop();
        assert!(matches!(around.run(inside).await, Ended::Value(Ok(()))));
        asked.await.unwrap();
        cut.await.unwrap_err();
        around.handle().request_stop();
        handles[0].request_stop();
        assert_eq!(handles.map(|handle| handle.is_stopping()), [false, true, true]);
    });
}

#[test]
fn what_lives_on_after_its_scope_ended_hears_of_requests_around() {
    paused(async {
        let work = cancel_scope(async |outer| {
            let kept = timeout(ms(100), async { Scope::new() }).await.unwrap();
            let mut stop = pin!(stop_requested());
            assert!(kept.enter(|| poll_once(stop.as_mut())).is_pending());
            outer.request_stop();
            assert!(poll_once(stop.as_mut()).is_ready());
            assert!(kept.enter(is_stopping));
        });
        work.await.unwrap();
    });
}

#[test]
fn no_scope_is_made_for_the_question() {
    let mut run = pin!(Run::new(async {
        assert!(!is_stopping());
        pending::<()>().await;
    }));
    assert!(poll_once(run.as_mut()).is_pending());
    assert!(format!("{run:?}").contains("scope: None"), "{run:?}");
}

#[test]
fn a_task_winds_down_on_both_runtimes() {
    on_both(|| async {
        let scope = Scope::new();
        let turns = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..4_usize)
            .map(|i| {
                let turns = Arc::clone(&turns);
                let work = async move {
                    turns.fetch_add(1, Ordering::Relaxed);
                    if i % 2 == 0 {
                        move_on_after(Duration::from_secs(3600), Apart::new(stop_requested()))
                            .await
                            .unwrap();
                    } else {
                        while !is_stopping() {
                            tokio::task::yield_now().await;
                        }
                    }
                    breathe().await;
                    i
                };
                tokio::spawn(scope.run(work))
            })
            .collect();
        until(|| turns.load(Ordering::Relaxed) == 4).await;
        scope.handle().request_stop();
        for (i, task) in tasks.into_iter().enumerate() {
            assert!(matches!(task.await.unwrap(), Ended::Value(n) if n == i));
        }
    });
}
