//! What comes out of a group, case by case; all of them in a table are in `matrix.rs`.

mod around;
mod cancelled;
mod deadlines;
mod errors;
mod values;

use std::time::Duration;

use tidegate_task_group::{BoxError, ErrorGroup, Policy, Task, TaskError, TaskGroup};
use tidegate_timeout::{
    CancelReason, Cancelled, Deadline, ScopeExt, cancel_scope, cancelled, checkpoint,
    current_scope, timeout,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::support::*;
