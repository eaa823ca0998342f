//! Futures that share what one of them holds: nobody sleeps while another waits for it.

use std::pin::Pin;
use std::time::Duration;

use tidegate_lock::Lock;
use tidegate_task_group::{Wait, for_each_concurrent, local_scope, race, wait};
use tokio::time::sleep;

use crate::support::paused;

const SECOND: Duration = Duration::from_secs(1);

/// A background task holds the lock for a while; `one` stands in line for it.
async fn with_a_lock_that_is_taken(test: impl AsyncFnOnce(&Lock<u32>)) {
    let lock = std::sync::Arc::new(Lock::new(0));
    let holder = {
        let lock = std::sync::Arc::clone(&lock);
        tokio::spawn(async move {
            let _guard = lock.lock().await;
            sleep(5 * SECOND).await;
        })
    };
    tokio::task::yield_now().await;
    let all = tokio::time::timeout(60 * SECOND, test(&lock)).await;
    all.expect("futurelock");
    holder.await.unwrap();
}

#[test]
fn a_loser_that_stood_in_line_for_a_lock_is_gone_when_the_winner_asks_for_it() {
    // Futurelock: `select!` on `&mut future`, and then the lock that the future was handed in the meantime.
    paused(with_a_lock_that_is_taken(async |lock| {
        let asks: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
            *lock.lock().await += 1;
        });
        let late: Pin<Box<dyn Future<Output = ()>>> = Box::pin(sleep(SECOND));
        race([asks, late]).await;
        assert_eq!(*lock.lock().await, 0);
    }));
}

#[test]
fn what_is_pending_and_dropped_lets_go_of_its_place_in_line() {
    paused(with_a_lock_that_is_taken(async |lock| {
        let asks: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
            *lock.lock().await += 1;
        });
        let late: Pin<Box<dyn Future<Output = ()>>> = Box::pin(sleep(SECOND));
        let first = wait([asks, late], Wait::FirstCompleted).await;
        assert_eq!(first.pending.len(), 1);
        drop(first);
        assert_eq!(*lock.lock().await, 0);
    }));
}

#[test]
fn a_worker_that_holds_what_the_sink_waits_for_goes_on() {
    // Barbara: a pool with one connection, which the work uses across an await, and so does the loop's body.
    paused(async {
        let connections = tidegate_lock::Lock::new(0);
        let work = async |it: u64| {
            let mut uses = connections.lock().await;
            sleep(SECOND).await;
            *uses += 1;
            it
        };
        let sink = async |_| {
            sleep(SECOND).await;
            *connections.lock().await += 1;
            Ok::<_, ()>(())
        };
        let all = for_each_concurrent(futures_util::stream::iter(0..20), 5, work, sink);
        tokio::time::timeout(600 * SECOND, all).await.expect("nobody sleeps").unwrap();
        assert_eq!(*connections.lock().await, 40);
    });
}

#[test]
fn a_body_and_a_child_of_one_scope_take_turns_with_a_lock() {
    paused(async {
        let lock = Lock::new(0);
        let all = local_scope(async |scope| {
            let holds = scope.spawn(async {
                for _ in 0..10 {
                    let mut guard = lock.lock().await;
                    sleep(SECOND).await;
                    *guard += 1;
                }
            });
            for _ in 0..10 {
                *lock.lock().await += 1;
                sleep(SECOND).await;
            }
            drop(holds);
        });
        tokio::time::timeout(600 * SECOND, all).await.expect("nobody sleeps");
        assert_eq!(lock.into_inner(), 20);
    });
}
