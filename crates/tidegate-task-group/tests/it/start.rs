//! Children that say when they are ready, and who is concerned until then.

mod awaited;
mod ends;
mod groups;
mod hygiene;
mod leaving;
mod panics;
mod ready;
mod starters;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use futures_util::future::join_all;
use tidegate_task_group::{
    BoxError, OnPanic, Policy, Ready, StartError, Task, TaskError, TaskGroup,
};
use tidegate_test::cut_everywhere;
use tidegate_timeout::{CancelReason, Deadline, cancel_scope, shield, timeout};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::support::*;

fn failure<S, T>(started: Result<(S, Task<T>), StartError<BoxError>>) -> String {
    match started {
        Err(StartError::Failed(error)) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it is ready"),
    }
}
