//! Children that block a thread.
//!
//! A closure that has to wait does so for a gate of the test's, so nothing depends on how long anything takes.

mod cancelled;
mod children;
mod ends;
mod panics;
mod threads;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tidegate_task_group::{JobCx, OnPanic, Panicked, Policy, Task, TaskError, TaskGroup};
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{
    CancelReason, ContextVar, Deadline, cancel_scope, checkpoint, current_scope, timeout,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, advance, sleep};

use crate::support::*;

/// What a closure waits for, until it is opened or dropped.
struct Gate(Sender<()>);

/// Also says that somebody waits.
struct Closed(Receiver<()>, Option<oneshot::Sender<()>>);

impl Gate {
    fn new() -> (Self, Closed, oneshot::Receiver<()>) {
        let ((sender, receiver), (started, has_started)) = (channel(), oneshot::channel());
        (Self(sender), Closed(receiver, Some(started)), has_started)
    }

    fn open(self) {
        drop(self.0);
    }
}

impl Closed {
    fn started(&mut self) {
        let _ = self.1.take().map(|started| started.send(()));
    }

    fn wait(mut self) {
        self.started();
        self.0.recv().expect_err("nothing is ever sent");
    }
}

/// Blocks its thread until the job is cancelled.
fn wait_for_cancellation(cx: &JobCx) {
    while !cx.is_cancelled() {
        thread::yield_now();
    }
}
