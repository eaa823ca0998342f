//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use tidegate_test::{crowd, member};

#[test]
fn it_links() {
    crowd(|| {
        use tidegate_condition as _;
        let members: Vec<_> = (0..5).map(|_| member(async {})).collect();
        members.into_iter().for_each(|it| it.join());
    });
}
