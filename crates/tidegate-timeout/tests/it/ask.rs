//! What code inside a scope can ask.

use std::cell::Cell;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use tidegate_test::{CountingWaker, poll_once, poll_with};
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{
    CancelReason, Deadline, cancelled, checkpoint, current_scope, move_on_after, shield, timeout,
};
use tokio::time::{Instant, advance};

use crate::support::{ms, paused};

#[test]
fn outside_of_every_scope_there_is_nothing_to_stop_for() {
    assert!(current_scope().is_none());
    assert!(checkpoint().is_ok());
    assert_eq!(Deadline::ambient(), Deadline::NEVER);
    assert!(poll_once(pin!(cancelled())).is_pending());
}

#[test]
fn the_current_scope_is_the_innermost_one() {
    paused(async {
        let outer = timeout(ms(100), async {
            let outer = current_scope().unwrap();
            let inner = timeout(ms(50), async {
                let inner = current_scope().unwrap();
                assert_ne!(inner.deadline(), outer.deadline());
                inner.cancel("inner only");
            });
            inner.await.unwrap();
            assert!(!outer.is_cancelled());
            assert_eq!(current_scope().unwrap().deadline(), outer.deadline());
        });
        outer.await.unwrap();
    });
}

#[test]
fn a_checkpoint_notices_a_deadline_whose_timer_had_no_chance() {
    paused(async {
        let rounds = Cell::new(0);
        let work = timeout(ms(100), async {
            while checkpoint().is_ok() {
                rounds.set(rounds.get() + 1);
                // A computation that takes its time, and never gives way to the timer.
                let mut step = pin!(advance(ms(30)));
                while poll_once(step.as_mut()).is_pending() {}
            }
            assert_eq!(current_scope().unwrap().reason(), Some(CancelReason::Deadline));
            "as far as it got"
        });
        let handle = work.handle();
        assert_eq!(work.await, Ok("as far as it got"));
        assert_eq!(rounds.get(), 4);
        assert!(handle.expired());
    });
}

#[test]
fn a_checkpoint_blames_the_outermost_deadline_that_has_passed() {
    paused(async {
        let outer = timeout(ms(100), async {
            let outer = current_scope().unwrap();
            let inner = timeout(ms(50), async {
                let inner = current_scope().unwrap();
                let mut step = pin!(advance(ms(200)));
                while poll_once(step.as_mut()).is_pending() {}
                assert_eq!(checkpoint().unwrap_err().reason(), CancelReason::Deadline);
                assert!(outer.is_cancelled() && outer.expired() && inner.expired());
                pending::<()>().await;
            });
            inner.named("inner").await
        });
        assert_eq!(outer.named("outer").await.unwrap_err().name(), Some("outer"));
    });
}

#[test]
fn a_checkpoint_in_a_timeout_of_no_time_fails() {
    paused(async {
        let work = timeout(Duration::ZERO, async { checkpoint() });
        assert_eq!(work.await.unwrap().unwrap_err().reason(), CancelReason::Deadline);
    });
}

#[test]
fn the_ambient_deadline_of_a_cancelled_scope_has_passed() {
    paused(async {
        let work = move_on_after(ms(100), async {
            current_scope().unwrap().cancel("enough");
            assert_eq!(Deadline::ambient().remaining(), Some(Duration::ZERO));
            assert!(Deadline::ambient().has_elapsed());
            shield(async { assert_eq!(Deadline::ambient(), Deadline::NEVER) }).await;
        });
        work.await.unwrap();
    });
}

#[test]
fn everybody_who_waits_to_be_cancelled_is_woken_once() {
    let scope = Scope::new();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(cancelled())).collect();
    let (woken, waker) = CountingWaker::new();
    scope.enter(|| {
        for one in &mut waiting {
            assert!(poll_with(one.as_mut(), &waker).is_pending());
        }
    });
    drop(waiting.pop());
    scope.handle().cancel("enough");
    assert_eq!(woken.count(), 2);
    for one in &mut waiting {
        assert!(poll_once(one.as_mut()).is_ready(), "wherever it is polled");
    }
}

#[test]
fn a_deadline_compares_by_its_instant() {
    let now = Instant::now();
    let (soon, later) = (Deadline::at(now), Deadline::at(now + ms(1)));
    assert!(soon < later && later < Deadline::NEVER);
    assert_eq!(Deadline::NEVER.max(soon), Deadline::NEVER);
    assert_eq!(later.earliest(soon), soon);
    assert_eq!(Deadline::from(now), soon);
    assert_eq!(Deadline::NEVER.remaining(), None);
    assert!(soon.has_elapsed() && !Deadline::NEVER.has_elapsed());
    assert_eq!(format!("{:?}", Deadline::NEVER), "Deadline::NEVER");
    assert_eq!((later.instant(), Deadline::NEVER.instant()), (Some(now + ms(1)), None));
}
