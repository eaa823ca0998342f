//! Soft stop, then cancel, then drop.

mod grace;
mod requests;
mod robustness;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_task_group::{Policy, TaskError};
use tidegate_test::cut_everywhere;
use tidegate_timeout::{
    CancelReason, Cancelled, Deadline, ScopeExt, cancel_scope, checkpoint, is_stopping, shield,
    stop_requested, timeout,
};
use tokio::time::{Instant, sleep};

use crate::support::*;
