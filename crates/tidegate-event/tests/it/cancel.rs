use std::sync::Arc;

use tidegate_event::Event;
use tidegate_test::{Explorer, Held};

#[test]
fn a_wait_dropped_anywhere_leaves_no_trace() {
    let schedules = Explorer::new(Event::new)
        .future(|it| {
            Box::pin(async move {
                it.wait().await;
                Box::new("released") as Box<dyn Held>
            })
        })
        .step(|it| _ = it.set())
        .step(|it| _ = it.clear())
        .step(|it| _ = it.set())
        .check(|it| {
            assert_eq!(it.waiters(), 0);
            assert!(it.is_set());
        })
        .run();
    assert_eq!(schedules, 16 * 5);
}

#[test]
fn an_owned_wait_dropped_anywhere_leaves_no_share() {
    let schedules = Explorer::new(|| Arc::new(Event::new()))
        .future(|it| {
            let wait = Arc::clone(it).wait_owned();
            Box::pin(async move {
                wait.await;
                Box::new("released") as Box<dyn Held>
            })
        })
        .step(|it| _ = it.set())
        .step(|it| _ = it.clear())
        .check(|it| {
            assert_eq!((it.waiters(), Arc::strong_count(it)), (0, 1));
        })
        .run();
    assert_eq!(schedules, 8 * 4);
}
