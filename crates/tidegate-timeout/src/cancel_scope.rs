use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use crate::current;
use crate::deadline::Deadline;
use crate::driver::{Driver, Verdict};
use crate::handle::ScopeHandle;
use crate::node::{Kind, Node};
use crate::reason::{CancelReason, Cancelled};

/// Runs `body` inside a scope that it, or anybody it gives the handle to, can cancel.
///
/// The scope has no deadline until its handle sets one.
///
/// # Errors
///
/// When the scope was cancelled before the body was ready; a value that is ready is returned in any case.
///
/// # Cancel safety
///
/// That of the body. Dropping the future drops the body at once.
///
/// # Panics
///
/// When the scope was given a deadline and is polled outside of a tokio runtime that has timers.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::{CancelReason, cancel_scope};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let searched = cancel_scope(async |scope| {
///     scope.cancel("found by somebody else");
///     std::future::pending::<()>().await;
/// });
/// let cancelled = searched.await.unwrap_err();
/// assert_eq!(cancelled.reason(), CancelReason::from("found by somebody else"));
/// # })
/// ```
pub async fn cancel_scope<R>(body: impl AsyncFnOnce(&ScopeHandle) -> R) -> Result<R, Cancelled> {
    let node = Node::new(Kind::Reporter, Deadline::NEVER, None);
    current::place(&node);
    let handle = ScopeHandle::new(Arc::clone(&node));
    let mut driver = pin!(Driver::on(body(&handle), node, true));
    poll_fn(|cx| {
        let verdict = ready!(driver.as_mut().poll_end(cx));
        Poll::Ready(match verdict {
            Verdict::Value(value) => Ok(value),
            Verdict::Expired(_) => Err(Cancelled::new(CancelReason::Deadline)),
            Verdict::Cancelled(cause) => Err(Cancelled::new(cause.reason.clone())),
        })
    })
    .await
}
