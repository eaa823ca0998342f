//! Tasks that block their thread are named while they do.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tidegate_executor::{SlowPoll, SlowPollWatch, run_coroutine_threadsafe, watched};

use crate::support::{Elsewhere, current_thread, multi_thread};

/// A watch that hands on what it reports of this file, or what has this name.
fn watch(name: Option<&'static str>) -> (SlowPollWatch, Receiver<SlowPoll>) {
    let (sender, receiver): (Sender<SlowPoll>, _) = channel();
    let watch = SlowPollWatch::start(Duration::from_millis(20), move |stall| {
        if stall.location.file() == file!() && stall.name.as_deref() == name {
            let _ = sender.send(stall.clone());
        }
    });
    (watch.expect("a thread"), receiver)
}

#[test]
fn a_task_that_blocks_is_named_while_it_does_and_again_when_it_is_over() {
    for (name, runtime) in [("on one", current_thread()), ("on many", multi_thread())] {
        let (watch, reports) = watch(Some(name));
        let reports = runtime.block_on(async {
            let place = line!() + 1;
            let task = tokio::spawn(watched(name, async move {
                let stall = reports.recv().expect("it is reported while it blocks");
                assert!(!stall.over && stall.running_for >= Duration::from_millis(20));
                assert_eq!(stall.location.line(), place);
                assert!(stall.to_string().contains(&format!("task `{name}` (")), "{stall}");
                (reports, stall)
            }));
            let (reports, first) = task.await.expect("no panic");
            let last = reports.recv().expect("its end is reported");
            assert!(last.over && last.running_for >= first.running_for);
            assert!(last.to_string().ends_with(" in all"), "{last}");
            reports
        });
        assert!(reports.try_recv().is_err(), "not more than twice");
        assert!(watch.stuck().iter().all(|it| it.name.as_deref() != Some(name)));
    }
}

#[test]
fn a_future_from_a_thread_is_seen_with_the_place_that_handed_it_over() {
    for elsewhere in Elsewhere::both() {
        let (_watch, reports) = watch(None);
        let blocks = async move { reports.recv().expect("it is reported") };
        let stall = run_coroutine_threadsafe(blocks, elsewhere.handle()).result();
        assert_eq!(stall.expect("no panic").location.line(), line!() - 1);
    }
}

#[test]
fn a_report_that_panics_ends_nothing() {
    let (sender, reports) = channel();
    let watch = SlowPollWatch::start(Duration::from_millis(10), move |stall| {
        if stall.name.as_deref() == Some("panics") {
            let _ = sender.send(stall.over);
            std::panic::resume_unwind(Box::new("in the report"));
        }
    });
    let _watch = watch.expect("a thread");
    for _ in 0..2 {
        let first = current_thread().block_on(watched("panics", async { reports.recv() }));
        assert_eq!((first, reports.recv()), (Ok(false), Ok(true)));
    }
}

#[test]
fn a_watch_may_be_dropped_by_its_own_report() {
    let cell = std::sync::Arc::new(std::sync::Mutex::new(None::<SlowPollWatch>));
    let (own, (sender, dropped)) = (std::sync::Arc::clone(&cell), channel());
    let watch = SlowPollWatch::start(Duration::from_millis(10), move |stall| {
        if stall.name.as_deref() == Some("drops it") {
            drop(own.lock().unwrap().take());
            let _ = sender.send(());
        }
    });
    *cell.lock().unwrap() = Some(watch.expect("a thread"));
    current_thread().block_on(watched("drops it", async { dropped.recv() })).expect("reported");
}

#[test]
fn what_is_over_is_not_stuck_though_the_watch_has_not_looked_since() {
    let (watch, reports) = watch(Some("is over"));
    for _ in 0..10 {
        let stuck = || watch.stuck().iter().any(|it| it.name.as_deref() == Some("is over"));
        let while_it_was = current_thread().block_on(watched("is over", async {
            while reports.recv().expect("it is reported").over {}
            stuck()
        }));
        assert!(while_it_was && !stuck());
    }
}
