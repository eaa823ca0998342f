//! Contexts: entered, and left however the body ends.

mod carried;
mod compiler;
mod cut;
mod ends;
mod entering;
mod errors;
mod leaving;
mod nesting;
mod runtimes;

use std::error::Error;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tidegate_test::{Cut, Explorer, cut_everywhere, hold, poll_once};
use tidegate_timeout::scope::Run;
use tidegate_timeout::{
    AsyncContext, CancelReason, Deadline, Exit, ScopeExt, WithError, cancel_scope, current_scope,
    exit_stack, move_on_after, shield, timeout, with, with_both,
};
use tokio::time::{Instant, sleep};

use crate::door::{BoxError, Door, How, Log, Stuck, unreported};
use crate::support::{breathe, ms, on_both, panic_of, paused, until};

async fn forever<T>() -> Result<T, BoxError> {
    pending().await
}

fn out_of_cheese() {
    panic!("out of cheese");
}
