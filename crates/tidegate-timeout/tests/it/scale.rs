//! Depth and numbers.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use tidegate_test::{CountingWaker, poll_once, poll_with};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{Deadline, ScopeExt, cancelled, checkpoint, shield, timeout};
use tokio::time::{Instant, sleep};

use crate::support::{ms, paused};

/// Nested polls need stack for each level, whoever nests them; what a level needs is bounded here.
fn with_stack(bytes: usize, f: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(bytes).spawn(f).unwrap().join().unwrap();
}

// trio 34, TESTING.md 6
#[test]
fn five_thousand_nested_timeouts() {
    with_stack(5_000 * 8 * 1024, || {
        paused(async {
            let mut body: Pin<Box<dyn Future<Output = bool>>> = Box::pin(async {
                assert!(checkpoint().is_ok());
                pending::<()>().await;
                true
            });
            for _ in 0..5_000 {
                body = Box::pin(async { timeout(ms(100), body).await.is_ok() });
            }
            let start = Instant::now();
            assert!(!body.await, "the outermost reports");
            assert_eq!(start.elapsed(), ms(100));
        });
    });
}

#[test]
fn five_thousand_nested_timeouts_of_which_the_innermost_is_the_tightest() {
    with_stack(5_000 * 8 * 1024, || {
        paused(async {
            let mut body: Pin<Box<dyn Future<Output = u64>>> = Box::pin(async {
                pending::<()>().await;
                0
            });
            for n in 0..5_000 {
                body = Box::pin(async move { timeout(ms(100 + n), body).await.unwrap_or(n) });
            }
            assert_eq!(body.await, 0);
        });
    });
}

/// A chain of tasks each of which starts the next one inside its own scope.
fn chain(
    n: usize,
    ends: tokio::sync::mpsc::UnboundedSender<()>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if n > 0 {
            let next = Scope::new();
            tokio::spawn(async move {
                let ended = next.run(chain(n - 1, ends.clone())).await;
                assert!(matches!(ended, Ended::Cancelled(_)));
                drop(ends);
            });
        }
        pending::<()>().await;
    })
}

// TESTING.md 6
#[test]
fn a_chain_of_a_hundred_thousand_tasks_is_cancelled_from_the_top() {
    paused(async {
        let scope = Scope::new();
        let (ends, mut ended) = tokio::sync::mpsc::unbounded_channel();
        let first = tokio::spawn(scope.run(chain(100_000, ends)));
        sleep(ms(1)).await;
        scope.handle().cancel("enough");
        assert!(matches!(first.await.unwrap(), Ended::Cancelled(_)));
        assert!(ended.recv().await.is_none(), "all tasks are gone");
    });
}

#[test]
fn a_chain_that_was_taken_along_is_dropped_without_a_deep_stack() {
    paused(async {
        fn next(n: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(async move {
                if n > 0 {
                    let body = timeout(ms(1000), next(n - 1));
                    tokio::spawn(async { body.await.unwrap() }.in_current_scope());
                }
            })
        }
        timeout(ms(1000), next(100_000)).await.unwrap();
        sleep(ms(1)).await;
    });
}

#[test]
fn a_hundred_thousand_timeouts_armed_and_dropped_leave_nothing() {
    paused(async {
        let mut timeouts: Vec<_> =
            (0..100_000).map(|n| Box::pin(timeout(ms(1000 + n), pending::<()>()))).collect();
        for one in &mut timeouts {
            assert!(tidegate_test::poll_once(one.as_mut()).is_pending());
        }
        drop(timeouts);
        let start = Instant::now();
        assert!(timeout(ms(500_000), pending::<()>()).await.is_err());
        assert_eq!(start.elapsed(), ms(500_000));
    });
}

// What fits on the stack of a worker or of a test, in a debug build.
#[test]
fn five_hundred_nested_timeouts_on_two_mebibytes_of_stack() {
    with_stack(2 * 1024 * 1024, || {
        paused(async {
            let mut body: Pin<Box<dyn Future<Output = bool>>> = Box::pin(async {
                assert!(checkpoint().is_ok());
                pending::<()>().await;
                true
            });
            for _ in 0..500 {
                body = Box::pin(async { timeout(ms(100), body).await.is_ok() });
            }
            assert!(!body.await);
        });
    });
}

// B-A3
#[test]
fn a_thousand_shields_of_one_future_each_given_up_leave_nothing() {
    paused(async {
        let held = Arc::new(());
        let work = Arc::clone(&held);
        let mut inner = Box::pin(async move {
            let _held = work;
            sleep(ms(10_000)).await;
            Err::<(), _>("failed")
        });
        let scope = Scope::new();
        let (woken, waker) = CountingWaker::new();
        for _ in 0..1000 {
            let mut shielded = Box::pin(shield(&mut inner));
            scope.enter(|| assert!(poll_with(shielded.as_mut(), &waker).is_pending()));
        }
        drop(waker);
        assert_eq!(Arc::strong_count(&woken), 2, "the timer of the inner future has one");
        // No guard is left: the scope may end at once, and the inner future goes on.
        scope.handle().cancel("enough");
        assert!(poll_once(std::pin::pin!(scope.run(pending::<()>()))).is_ready());
        assert_eq!(inner.await, Err("failed"), "once");
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

/// Numbers below `n` in an order of their own.
fn shuffled(n: usize) -> impl Iterator<Item = usize> {
    // A step that has no factor in common with the number of them.
    (0..n).map(move |i| (i * 61_803 + 7) % n)
}

// TESTING.md 6
#[test]
fn a_hundred_thousand_who_wait_are_woken_or_leave_in_any_order() {
    const MANY: usize = 100_000;
    let scope = Scope::new();
    let (woken, waker) = CountingWaker::new();
    let mut waiting: Vec<_> = (0..MANY).map(|_| Some(Box::pin(cancelled()))).collect();
    scope.enter(|| {
        for one in waiting.iter_mut().flatten() {
            assert!(poll_with(one.as_mut(), &waker).is_pending());
        }
    });
    for index in shuffled(MANY).take(MANY / 2) {
        waiting[index] = None;
    }
    scope.handle().cancel("enough");
    assert_eq!(woken.count(), MANY / 2);
    assert!(waiting.iter_mut().flatten().all(|one| poll_once(one.as_mut()).is_ready()));
    drop((waiting, waker));
    assert_eq!(Arc::strong_count(&woken), 1);
}

// TESTING.md 6
#[test]
fn a_hundred_thousand_scopes_inside_one_come_and_go_in_any_order() {
    const MANY: usize = 100_000;
    let outer = Scope::new();
    let mut inner: Vec<_> = (0..MANY).map(|_| Some(outer.enter(Scope::new))).collect();
    let guards: Vec<_> = inner.iter().flatten().map(Scope::guard).collect();
    outer.handle().reschedule(Deadline::after(ms(3_600_000)));
    let deadline = outer.handle().deadline();
    for index in shuffled(MANY).take(MANY / 2) {
        inner[index] = None;
    }
    assert!(inner.iter().flatten().all(|it| it.enter(Deadline::ambient) == deadline));
    outer.handle().cancel("enough");
    assert!(inner.iter().flatten().all(|it| it.handle().is_cancelled()));
    let mut run = std::pin::pin!(outer.run(pending::<()>()));
    assert!(poll_once(run.as_mut()).is_pending());
    drop(guards);
    assert!(poll_once(run.as_mut()).is_ready());
}
