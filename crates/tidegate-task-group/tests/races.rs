//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.
//!
//! Tokio cannot be modelled, so a group is taken apart here: its core, and children that are polled by hand.

use std::future::{pending, poll_fn, ready};
use std::sync::Arc;
use std::task::Poll;

use tidegate_shim::atomic::{AtomicBool, AtomicUsize, Ordering};
use tidegate_test::{block_on, race, spawn};
use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::{Ended, Scope};

use crate::model::{Child, group, over};
use crate::shelf::Shelf;

mod model;

// The inside of the crate, which its tests cannot name otherwise; not all of it is modelled.
#[path = "../src/core.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod core;
#[path = "../src/origin.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod origin;
#[path = "../src/panicked.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod panicked;
#[path = "../src/place.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod place;
#[path = "../src/seat.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod seat;
#[path = "../src/shelf.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod shelf;
#[path = "../src/signal.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod signal;
#[path = "../src/statistics.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod statistics;
#[path = "../src/turn.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod turn;

/// What the core keeps for the printed tree, which is not modelled.
mod tree {
    #[derive(Default)]
    pub(crate) struct Card {
        pub(crate) limit: Option<std::sync::Arc<tidegate_semaphore::Semaphore>>,
    }
}

fn reason<T>(ended: Ended<T>) -> CancelReason {
    match ended {
        Ended::Cancelled(reason) => reason,
        Ended::Value(_) => panic!("a value"),
        Ended::Panicked(panic) => std::panic::resume_unwind(panic),
    }
}

fn is_abort(reason: &CancelReason) -> bool {
    *reason == CancelReason::from("the task was aborted")
}

/// Cleans up for ever.
async fn never_ends() {
    let mut guard = Scope::new().guard();
    poll_fn(|cx| {
        let _ = guard.poll_cancelled(cx);
        Poll::<()>::Pending
    })
    .await;
}

#[test]
fn the_last_one_wakes_the_scope_which_sees_what_all_have_done() {
    race(|| {
        let core = group();
        let done = Arc::new(AtomicUsize::new(0));
        let children: Vec<_> = (0..2)
            .map(|_| {
                let (child, done) = (Child::new(&core, ready(())).unwrap(), Arc::clone(&done));
                spawn(move || {
                    // Relaxed on purpose: only the count orders it.
                    done.fetch_add(1, Ordering::Relaxed);
                    drop(child);
                })
            })
            .collect();
        core.body_ended();
        block_on(over(&core));
        assert_eq!(done.load(Ordering::Relaxed), 2);
        children.into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn who_comes_when_the_last_one_leaves_is_inside_or_is_refused() {
    race(|| {
        let core = group();
        let child = Child::new(&core, ready(())).unwrap();
        let leaves = spawn(move || drop(child));
        let comes = spawn({
            let core = Arc::clone(&core);
            move || {
                let late = Child::new(&core, ready(()));
                assert!(late.is_none() || !core.is_over(), "it is inside");
            }
        });
        core.body_ended();
        block_on(over(&core));
        assert!(core.enter().is_none() && core.len() == 0);
        leaves.join().unwrap();
        comes.join().unwrap();
        assert!(core.is_over());
    });
}

#[test]
fn an_abort_is_never_lost() {
    race(|| {
        let core = group();
        let child = Child::new(&core, pending::<()>()).unwrap();
        let id = child.id();
        let runs = spawn(move || block_on(child));
        core.abort(id);
        assert!(is_abort(&reason(runs.join().unwrap())));
        assert!(core.is_tidy());
    });
}

#[test]
fn an_abort_of_one_who_ends_leaves_nothing() {
    race(|| {
        let core = group();
        let child = Child::new(&core, ready(5)).unwrap();
        let id = child.id();
        let runs = spawn(move || drop(block_on(child)));
        core.abort(id);
        runs.join().unwrap();
        // What the task of a child that has ended does.
        core.stand_up(id, true);
        assert!(core.is_tidy());
    });
}

#[test]
fn a_cancellation_reaches_a_child_wherever_it_is() {
    race(|| {
        let core = group();
        let child = Child::new(&core, pending::<()>()).unwrap();
        let runs = spawn(move || block_on(child));
        core.handle.cancel("enough");
        assert_eq!(reason(runs.join().unwrap()), CancelReason::from("enough"));
        core.body_ended();
        assert!(core.is_over() && core.is_tidy());
    });
}

#[test]
fn of_an_abort_and_a_cancellation_one_ends_a_child() {
    race(|| {
        let core = group();
        let child = Child::new(&core, pending::<()>()).unwrap();
        let id = child.id();
        let runs = spawn(move || block_on(child));
        let cancels = spawn({
            let core = Arc::clone(&core);
            move || core.handle.cancel("enough")
        });
        core.abort(id);
        let reason = reason(runs.join().unwrap());
        assert!(is_abort(&reason) || reason == CancelReason::from("enough"));
        cancels.join().unwrap();
    });
}

#[test]
fn a_dismissal_reaches_a_child_that_cleans_up_for_ever() {
    race(|| {
        let core = group();
        let child = Child::new(&core, never_ends()).unwrap();
        let runs = spawn(move || block_on(child));
        core.handle.cancel("enough");
        core.dismiss();
        assert_eq!(reason(runs.join().unwrap()), CancelReason::from("enough"));
        assert!(core.is_tidy());
    });
}

fn abandoned(body_has_ended: bool) {
    let around = Scope::new();
    let core = around.enter(group);
    let child = Child::new(&core, ready(())).unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    let leaves = spawn({
        let ended = Arc::clone(&ended);
        move || {
            ended.store(1, Ordering::Relaxed);
            drop(child);
        }
    });
    if body_has_ended {
        core.body_ended();
    }
    core.abandon("dropped", !body_has_ended, || ());
    assert!(matches!(block_on(around.run(ready(()))), Ended::Value(())));
    assert_eq!(ended.load(Ordering::Relaxed), 1);
    leaves.join().unwrap();
}

#[test]
fn an_abandoned_group_holds_the_scope_around_until_its_last_child_has_ended() {
    race(|| abandoned(false));
}

#[test]
fn an_abandoned_group_whose_last_child_ends_meanwhile_lets_the_scope_around_go() {
    race(|| abandoned(true));
}

/// Looks, when it is dropped, whether the scope around has gone on without it.
struct Watch {
    minds: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let gone = self.minds.load(Ordering::Relaxed) && self.gone.load(Ordering::Relaxed);
        assert!(!gone, "it was in time, and is waited for");
    }
}

#[test]
fn a_group_that_nobody_polls_lets_a_cancelled_scope_go_when_nobody_is_inside() {
    race(|| {
        let around = Scope::new();
        let core = around.enter(group);
        core.hold();
        let gone = Arc::new(AtomicBool::new(false));
        let comes = spawn({
            let (core, gone) = (Arc::clone(&core), Arc::clone(&gone));
            move || {
                let minds = Arc::new(AtomicBool::new(false));
                let watch = Watch { minds: Arc::clone(&minds), gone };
                let waits = async {
                    let _watch = watch;
                    pending::<()>().await;
                };
                let child = Child::new(&core, waits).filter(|_| core.is_in_time());
                minds.store(true, Ordering::Relaxed);
                child.into_iter().for_each(|child| drop(reason(block_on(child))));
            }
        });
        around.handle().cancel("enough");
        assert_eq!(reason(block_on(around.run(pending::<()>()))), CancelReason::from("enough"));
        gone.store(true, Ordering::Relaxed);
        comes.join().unwrap();
    });
}

#[test]
fn a_value_that_nobody_takes_is_dropped_before_its_child_has_ended() {
    race(|| {
        let core = group();
        let shelf = Arc::new(Shelf::new());
        let value = Arc::new(());
        let child = Child::new(&core, ready(())).unwrap();
        let runs = spawn({
            let (shelf, value) = (Arc::clone(&shelf), Arc::clone(&value));
            move || {
                shelf.put(value);
                drop(child);
            }
        });
        drop(shelf.take());
        core.body_ended();
        block_on(over(&core));
        assert_eq!(Arc::strong_count(&value), 1);
        runs.join().unwrap();
    });
}
