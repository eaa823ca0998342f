//! What a group resolves to: asyncio's outcomes (2.5), row by row, and the same for every policy.
//!
//! The table for users is in the guide: crates/tidegate/src/guide/cancellation.md.

mod asyncio;
mod policies;
mod world;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tidegate_task_group::{BoxError, OnPanic, Policy, Task, TaskError};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{CancelReason, cancelled, checkpoint, shield};
use tokio::runtime::RuntimeFlavor;
use tokio::sync::Barrier;
use tokio::task::yield_now;

use crate::support::*;

/// What a child does once everybody has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Child {
    /// Ends with a value after a while.
    Succeeds,
    /// Spawns, when the body has ended, a child that spawns a child.
    Spawns,
    /// Pending for ever.
    Waits,
    Fails,
    Panics,
    /// Cancels the group when the body has ended, and has a value.
    CancelsTheGroup,
    /// Learns of the cancellation, cleans up for a while, and would go on.
    CleansUp,
    /// Learns of it, and fails after those before it.
    FailsInCleanUp,
    /// Learns of it, and never ends.
    NeverEnds,
}
use Child::{CancelsTheGroup, CleansUp, FailsInCleanUp, NeverEnds, Spawns, Succeeds};

/// What the body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Ends with a value.
    Ends,
    /// Ends with an error.
    Fails,
    /// The same before its first await.
    FailsAtOnce,
    /// Ends with an error when all children have ended, or it is cancelled.
    FailsLast,
    /// Pending for ever.
    Waits,
    Panics,
    /// Aborts the first child, and sees why that has no value.
    AbortsAndLooks,
    /// Aborts the first child, and passes on why that has no value.
    AbortsAndPassesOn,
    /// Cancels the group, and has a value.
    Cancels,
    /// Cancels the group, and would go on.
    CancelsAndWaits,
}

/// When the scope around is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Never,
    /// When everybody has begun.
    Early,
    /// When a child cleans up.
    WhileCleaningUp,
}

/// Errors are in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Out {
    Value,
    Errors(Vec<String>),
    /// It never came back: the scope around reports.
    Around,
    /// These, and then the scope around.
    ErrorsThenAround(Vec<String>),
    Panic(String),
}

#[derive(Clone)]
struct Row {
    /// Body, children, and what happens outside.
    case: &'static str,
    body: Body,
    children: &'static [Child],
    around: Around,
    policy: Policy,
    on_panic: OnPanic,
    grace: Option<Duration>,
    ours: Out,
    /// What asyncio does, where that is something else, and why it is not done here.
    differs: &'static str,
}

fn row(case: &'static str, body: Body, children: &'static [Child], ours: Out) -> Row {
    Row {
        case,
        body,
        children,
        around: Around::Never,
        policy: Policy::FailFast,
        on_panic: OnPanic::Propagate,
        grace: None,
        ours,
        differs: "",
    }
}

impl Row {
    fn around(self, around: Around) -> Self {
        Self { around, ..self }
    }

    fn grace(self, grace: Duration) -> Self {
        Self { grace: Some(grace), ..self }
    }

    fn capture(self) -> Self {
        Self { on_panic: OnPanic::Capture, ..self }
    }

    fn differs(self, differs: &'static str) -> Self {
        Self { differs, ..self }
    }
}

fn errors(messages: &[&str]) -> Out {
    Out::Errors(messages.iter().map(ToString::to_string).collect())
}

fn errors_then_around(messages: &[&str]) -> Out {
    Out::ErrorsThenAround(messages.iter().map(ToString::to_string).collect())
}

fn panic(message: &str) -> Out {
    Out::Panic(message.to_owned())
}

fn check(row: Row, ours: Out) {
    let case = format!("{}, {:?} (asyncio: {})", row.case, row.policy, row.differs);
    on_both(move || {
        let (row, ours, case) = (row.clone(), ours.clone(), case.clone());
        async move { assert_eq!(world::seen(row).await, ours, "{case}") }
    });
}

#[test]
fn the_outcome_of_a_group_is_as_in_the_table() {
    for row in asyncio::rows() {
        check(row.clone(), row.ours);
    }
}

#[test]
fn the_outcome_is_as_the_policy_says() {
    let all = [Policy::FailFast, Policy::CollectAll, Policy::Supervise, Policy::FirstSuccess];
    for (row, ours) in policies::rows() {
        for (policy, ours) in all.into_iter().zip(ours) {
            check(Row { policy, ..row.clone() }, ours);
        }
    }
}
