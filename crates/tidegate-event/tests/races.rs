//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use std::pin::pin;
use std::sync::Arc;

use tidegate_event::Event;
use tidegate_shim::atomic::{AtomicU32, Ordering};
use tidegate_test::{block_on, poll_once, race, spawn};

#[test]
fn what_happened_before_set_has_happened_for_all_who_waited() {
    race(|| {
        // Relaxed on purpose: only the event orders the write before the reads, and loom lets a read see an old
        // value wherever nothing does.
        let message = Arc::new((Event::new(), AtomicU32::new(0)));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let message = Arc::clone(&message);
                spawn(move || {
                    block_on(message.0.wait());
                    assert_eq!(message.1.load(Ordering::Relaxed), 7);
                })
            })
            .collect();
        message.1.store(7, Ordering::Relaxed);
        message.0.set();
        readers.into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn setting_and_clearing_at_once_releases_who_was_in_line_and_strands_nobody() {
    race(|| {
        let event = Arc::new(Event::new());
        let mut early = Box::pin(Arc::clone(&event).wait_owned());
        assert!(poll_once(early.as_mut()).is_pending());
        let pulse = spawn({
            let event = Arc::clone(&event);
            move || {
                event.set();
                event.clear();
            }
        });
        let leaver = spawn({
            let event = Arc::clone(&event);
            move || _ = poll_once(pin!(event.wait()))
        });
        let mut late = pin!(event.wait());
        let _ = poll_once(late.as_mut());
        pulse.join().unwrap();
        leaver.join().unwrap();
        assert!(poll_once(early.as_mut()).is_ready());
        let last = spawn({
            let event = Arc::clone(&event);
            move || _ = event.set()
        });
        block_on(event.wait());
        last.join().unwrap();
        assert_eq!(event.waiters(), 0);
    });
}

#[test]
fn two_setters_agree_who_was_first() {
    race(|| {
        let event = Arc::new(Event::new());
        let mut wait = Box::pin(Arc::clone(&event).wait_owned());
        assert!(poll_once(wait.as_mut()).is_pending());
        let others: Vec<_> = (0..2)
            .map(|_| {
                let event = Arc::clone(&event);
                spawn(move || usize::from(event.set()))
            })
            .collect();
        let first: usize = others.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!(first, 1);
        assert!(poll_once(wait.as_mut()).is_ready());
    });
}

// 24: reset racing set.
#[test]
fn who_comes_after_a_clear_is_not_released_by_the_set_that_it_cleared() {
    race(|| {
        let event = Arc::new(Event::new());
        let mut early = Box::pin(Arc::clone(&event).wait_owned());
        assert!(poll_once(early.as_mut()).is_pending());
        let setter = spawn({
            let event = Arc::clone(&event);
            move || _ = event.set()
        });
        let late = event.clear().then(|| {
            // Since the clear nobody has called `set`: the one that is still under way took effect before.
            let mut late = Box::pin(Arc::clone(&event).wait_owned());
            assert!(poll_once(late.as_mut()).is_pending());
            late
        });
        setter.join().unwrap();
        assert!(poll_once(early.as_mut()).is_ready());
        if let Some(mut late) = late {
            assert!(poll_once(late.as_mut()).is_pending());
            event.set();
            assert!(poll_once(late.as_mut()).is_ready());
        }
    });
}
