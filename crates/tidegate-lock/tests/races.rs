//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use std::sync::Arc;

use tidegate_lock::Lock;
use tidegate_test::{block_on, race, spawn};

#[test]
fn three_add_one_each() {
    race(|| {
        let sum = Arc::new(Lock::new(0));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let sum = Arc::clone(&sum);
                spawn(move || *block_on(sum.lock()) += 1)
            })
            .collect();
        *block_on(sum.lock()) += 1;
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(*sum.try_lock().unwrap(), 3);
    });
}
