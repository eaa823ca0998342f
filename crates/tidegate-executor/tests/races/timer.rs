//! A callback that is run and cancelled at once.

use std::sync::Arc;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{race, spawn};

use crate::Counted;
use crate::timer::{Callback, Timer};

/// A callback that says when it begins and when it ends, and counts when it is dropped.
fn callback() -> (Arc<dyn Timer>, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (stage, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (own, token) = (Arc::clone(&stage), Counted(Arc::clone(&dropped)));
    let callback = Callback::new(move || {
        let _token = token;
        own.store(1, Ordering::Relaxed);
        own.store(2, Ordering::Relaxed);
    });
    (Arc::new(callback), stage, dropped)
}

#[test]
fn after_cancel_has_returned_a_callback_does_not_run_and_is_not_running() {
    race(|| {
        let (timer, stage, dropped) = callback();
        let runs = spawn({
            let timer = Arc::clone(&timer);
            move || timer.run()
        });
        let cancelled = timer.cancel();
        let seen = stage.load(Ordering::Relaxed);
        assert_eq!(seen, if cancelled { 0 } else { 2 });
        assert_eq!(dropped.load(Ordering::Relaxed), 1, "either way");
        runs.join().unwrap();
        assert_eq!(stage.load(Ordering::Relaxed), seen);
        assert_eq!(timer.is_dropped(), cancelled);
    });
}

#[test]
fn of_two_who_cancel_one_did_and_neither_sees_it_run_after() {
    race(|| {
        let (timer, stage, dropped) = callback();
        let cancels = spawn({
            let (timer, stage) = (Arc::clone(&timer), Arc::clone(&stage));
            move || (timer.cancel(), stage.load(Ordering::Relaxed))
        });
        let runs = spawn({
            let timer = Arc::clone(&timer);
            move || timer.run()
        });
        let here = (timer.cancel(), stage.load(Ordering::Relaxed));
        let there = cancels.join().unwrap();
        runs.join().unwrap();
        assert!(!(here.0 && there.0));
        let expected = if here.0 || there.0 { 0 } else { 2 };
        assert_eq!((here.1, there.1), (expected, expected));
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    });
}
