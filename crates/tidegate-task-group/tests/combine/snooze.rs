//! Futures that share what one of them holds: nobody sleeps while another waits for it.

use std::pin::Pin;
use std::time::Duration;

use tidegate_lock::Lock;
use tidegate_task_group::{Wait, race, wait};
use tokio::time::sleep;

use crate::runtimes::paused;

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
