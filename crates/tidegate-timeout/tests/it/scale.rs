//! Depth and numbers.

use std::future::pending;
use std::pin::Pin;

use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{ScopeExt, checkpoint, timeout};
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
