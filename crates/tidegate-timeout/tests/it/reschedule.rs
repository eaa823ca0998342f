//! Moving the deadline, from inside, from outside and from other threads.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tidegate_test::{CountingWaker, poll_with};
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{CancelReason, Deadline, ScopeHandle, current_scope, timeout};
use tokio::time::{Instant, sleep};

use crate::support::{ms, paused};

// trio 31
#[test]
fn a_deadline_moves_earlier_later_away_and_into_the_past() {
    type Change = fn(&ScopeHandle);
    let rows: [(&str, Change, Option<u64>); 6] = [
        ("earlier", |scope| scope.reschedule(Deadline::after(ms(20))), Some(70)),
        ("later", |scope| scope.reschedule(Deadline::after(ms(200))), Some(250)),
        ("further", |scope| scope.extend(ms(30)), Some(130)),
        ("away", |scope| scope.reschedule(Deadline::NEVER), None),
        (
            "into the past",
            |scope| scope.reschedule(Deadline::at(Instant::now() - ms(10))),
            Some(50),
        ),
        ("to now", |scope| scope.reschedule(Deadline::after(Duration::ZERO)), Some(50)),
    ];
    for (name, change, ends) in rows {
        paused(async {
            let start = Instant::now();
            let work = timeout(ms(100), sleep(ms(10_000)));
            let handle = work.handle();
            let (outcome, ()) = tokio::join!(work, async {
                sleep(ms(50)).await;
                change(&handle);
            });
            assert_eq!(outcome.is_err(), ends.is_some(), "{name}");
            assert_eq!(start.elapsed(), ms(ends.unwrap_or(10_000)), "{name}");
        });
        paused(async {
            // The same from inside the body, before the clock was ever read for it.
            let start = Instant::now();
            let work = timeout(ms(100), async {
                change(&current_scope().unwrap());
                sleep(ms(10_000)).await;
            });
            let outcome = work.await;
            assert_eq!(outcome.is_err(), ends.is_some(), "{name}, inside");
            let ends = ends.map_or(10_000, |ends| if ends == 130 { 130 } else { ends - 50 });
            assert_eq!(start.elapsed(), ms(ends), "{name}, inside");
        });
    }
}

#[test]
fn moving_the_deadline_wakes_the_task_from_another_thread() {
    paused(async {
        let work = timeout(ms(1000), pending::<()>());
        let handle = work.handle();
        let mut work = pin!(work);
        let (woken, waker) = CountingWaker::new();
        assert!(poll_with(work.as_mut(), &waker).is_pending());
        let there = handle.clone();
        // The paused clock is this runtime's only.
        let now = Deadline::at(Instant::now());
        std::thread::spawn(move || there.reschedule(now)).join().unwrap();
        assert_eq!(woken.count(), 1);
        assert!(matches!(poll_with(work.as_mut(), &waker), Poll::Ready(Err(_))));
        assert!(handle.expired());
    });
}

#[test]
fn an_outer_deadline_that_moves_later_leaves_the_inner_one_to_itself() {
    paused(async {
        let start = Instant::now();
        let outer = timeout(ms(100), async {
            let outer = current_scope().unwrap();
            // Looser than the outer one, so it has no timer; then it is the tighter one.
            let inner = timeout(ms(200), pending::<()>()).named("inner");
            let (inner, ()) = tokio::join!(inner, async {
                sleep(ms(50)).await;
                outer.reschedule(Deadline::NEVER);
            });
            inner
        });
        assert_eq!(outer.await.unwrap().unwrap_err().name(), Some("inner"));
        assert_eq!(start.elapsed(), ms(200));
    });
}

/// Polls its future only when the waker it gave to it was woken, as `FuturesUnordered` does.
async fn picky<F: Future>(future: F) -> F::Output {
    let (woken, waker) = CountingWaker::new();
    let mut seen = usize::MAX;
    let mut future = pin!(future);
    let mut ticks = tokio::time::interval(ms(1));
    loop {
        if woken.count() != seen {
            seen = woken.count();
            if let Poll::Ready(output) = poll_with(future.as_mut(), &waker) {
                return output;
            }
        }
        ticks.tick().await;
    }
}

#[test]
fn an_inner_timeout_is_woken_itself_when_the_outer_deadline_moves() {
    paused(async {
        let start = Instant::now();
        let outer = timeout(ms(100), async {
            let outer = current_scope().unwrap();
            let inner = picky(timeout(ms(200), pending::<()>()).named("inner"));
            let (inner, ()) = tokio::join!(inner, async {
                sleep(ms(50)).await;
                outer.reschedule(Deadline::NEVER);
            });
            inner
        });
        assert_eq!(outer.await.unwrap().unwrap_err().name(), Some("inner"));
        assert_eq!(start.elapsed(), ms(200));
    });
}

#[test]
fn a_deadline_that_moves_while_the_body_is_polled_does_not_leave_the_inner_one_asleep() {
    paused(async {
        let start = Instant::now();
        let outer = timeout(ms(100), async {
            let outer = current_scope().unwrap();
            let once = Cell::new(false);
            let mut inner = pin!(picky(timeout(ms(200), pending::<()>()).named("inner")));
            poll_fn(|cx| {
                // As if by another thread, between two looks of one poll.
                if !once.replace(true) {
                    outer.reschedule(Deadline::after(ms(1000)));
                }
                inner.as_mut().poll(cx)
            })
            .await
        });
        assert_eq!(outer.await.unwrap().unwrap_err().name(), Some("inner"));
        assert_eq!(start.elapsed(), ms(200));
    });
}

#[test]
fn an_outer_deadline_that_moves_earlier_ends_the_inner_one_too() {
    paused(async {
        let start = Instant::now();
        let outer = timeout(ms(500), async {
            let outer = current_scope().unwrap();
            let inner = timeout(ms(200), pending::<()>());
            let (inner, ()) = tokio::join!(inner, async {
                sleep(ms(50)).await;
                outer.reschedule(Deadline::after(ms(10)));
            });
            inner
        });
        assert!(outer.await.is_err());
        assert_eq!(start.elapsed(), ms(60));
    });
}

#[test]
fn nothing_moves_once_the_scope_was_cancelled_or_has_ended() {
    paused(async {
        let work = timeout(ms(10), pending::<()>());
        let handle = work.handle();
        let deadline = handle.deadline();
        assert!(work.await.is_err());
        handle.reschedule(Deadline::NEVER);
        handle.extend(ms(10));
        handle.cancel("too late");
        assert_eq!(handle.deadline(), deadline);
        assert_eq!(handle.reason(), Some(CancelReason::Deadline));

        let work = timeout(ms(10), async { 5 });
        let handle = work.handle();
        assert_eq!(work.await, Ok(5));
        handle.cancel("too late");
        handle.reschedule(Deadline::at(Instant::now() - ms(1)));
        assert_eq!((handle.is_cancelled(), handle.expired()), (false, false));
        assert_eq!(handle.reason(), None);
    });
}

#[test]
fn a_scope_without_a_deadline_can_be_given_one() {
    paused(async {
        let start = Instant::now();
        let outcome = tidegate_timeout::cancel_scope(async |scope| {
            scope.reschedule(Deadline::after(ms(70)));
            scope.extend(ms(5));
            pending::<()>().await;
        });
        assert_eq!(outcome.await.unwrap_err().reason(), CancelReason::Deadline);
        assert_eq!(start.elapsed(), ms(75));
    });
}

#[test]
fn a_deadline_that_is_away_is_not_extended() {
    paused(async {
        let work = timeout(Duration::MAX, pending::<()>());
        work.handle().extend(ms(1));
        assert_eq!(work.handle().deadline(), Deadline::NEVER);
        let scope = Scope::new();
        scope.handle().extend(Duration::ZERO);
        assert_eq!(scope.handle().deadline(), Deadline::NEVER);
    });
}
