//! What runs where, and since when.

mod found;
mod lookers;
mod shown;
mod states;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tidegate_task_group::{BoxError, Policy, TaskSet, TaskState, TaskTree};
use tidegate_timeout::{CancelReason, cancel_scope, current_scope, shield, timeout};
use tokio::time::sleep;

use crate::support::*;

fn names(tree: &TaskTree) -> Vec<String> {
    let name = |name: &Option<String>, id| name.clone().unwrap_or_else(|| format!("#{id}"));
    tree.tasks.iter().map(|task| name(&task.name, task.id)).collect()
}

/// The lines, without the places.
fn drawn(tree: &TaskTree) -> String {
    let drawn = tree.to_string();
    let bare = |line: &str| {
        let end = line.find("; at ").or(line.find(", at ")).unwrap_or(line.len());
        line[..end].to_owned()
    };
    drawn.lines().map(bare).collect::<Vec<_>>().join("\n")
}

async fn inside(name: &'static str) {
    let _ = Group::builder().name(name).scope(async |_| forever::<()>().await).await;
}
