//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use std::pin::pin;
use std::sync::Arc;

use tidegate_semaphore::Semaphore;
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{block_on, poll_once, race, spawn};

#[test]
fn one_permit_admits_one() {
    race(|| {
        let shared = Arc::new((Semaphore::new(1), AtomicUsize::new(0)));
        let enter = |shared: Arc<(Semaphore, AtomicUsize)>| {
            let permit = block_on(shared.0.acquire()).unwrap();
            assert_eq!(shared.1.fetch_add(1, Ordering::Relaxed), 0);
            shared.1.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || enter(shared))
            })
            .collect();
        enter(Arc::clone(&shared));
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(shared.0.available_permits(), 1);
    });
}

#[test]
fn a_large_request_gets_what_two_others_give_back() {
    race(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                spawn(move || drop(block_on(semaphore.acquire())))
            })
            .collect();
        drop(block_on(semaphore.acquire_many(2)).unwrap());
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn closing_races_a_waiter_that_leaves_and_one_that_stays() {
    race(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let stays = spawn({
            let semaphore = Arc::clone(&semaphore);
            move || assert!(block_on(semaphore.acquire()).is_err())
        });
        let leaves = spawn({
            let semaphore = Arc::clone(&semaphore);
            move || drop(poll_once(pin!(semaphore.acquire())))
        });
        semaphore.close();
        stays.join().unwrap();
        leaves.join().unwrap();
        assert_eq!(semaphore.waiters(), 0);
    });
}
