//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use tidegate_test::{race, spawn};

#[test]
fn it_links() {
    race(|| {
        use tidegate_condition as _;
        spawn(|| ()).join().unwrap();
    });
}
