//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.
//!
//! No timer ever fires here: deadlines are far away, or have passed. What a timer does is in `tests/it/`.

#[path = "races/cancelling.rs"]
mod cancelling;
#[path = "races/deadlines.rs"]
mod deadlines;
#[path = "races/guards.rs"]
mod guards;
#[path = "races/orphans.rs"]
mod orphans;
#[path = "races/stopping.rs"]
mod stopping;

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tidegate_shim::atomic::{AtomicBool, Ordering};
use tidegate_test::{CountingWaker, block_on, poll_with, race, spawn};
use tidegate_timeout::scope::{Ended, Run, Scope};
use tidegate_timeout::{
    CancelReason, Deadline, ScopeHandle, cancel_scope, cancelled, checkpoint, current_scope,
    is_stopping, move_on_after, shield, stop_requested, timeout, timeout_at,
};
use tokio::time::Instant;

/// As `race`, in a runtime that nobody drives: timers can be set, and none fires.
///
/// Only the thread that runs the scenario is in it. (A model checker's threads all are.)
fn race_with_timers(scenario: impl Fn() + Send + Sync + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _inside = runtime.enter();
    race(scenario);
}

const HOUR: Duration = Duration::from_secs(3600);

/// Ready once `scope` is cancelled, wherever it is polled.
async fn end_of(scope: Scope) -> CancelReason {
    let mut waits = pin!(cancelled());
    poll_fn(|cx| scope.enter(|| waits.as_mut().poll(cx))).await
}

fn reason<T>(ended: Ended<T>) -> Option<CancelReason> {
    match ended {
        Ended::Value(_) => None,
        Ended::Cancelled(reason) => Some(reason),
        Ended::Panicked(panic) => std::panic::resume_unwind(panic),
    }
}

/// Ready with the second poll.
async fn pause() {
    let mut paused = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn enough() -> CancelReason {
    CancelReason::from("enough")
}
