use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use crate::current;
use crate::elapsed::Elapsed;
use crate::scope::Guard;
use crate::timeout::timeout;

/// Hides the cancellation of the scopes around from `future`, and lets them wait for it.
///
/// Inside, there is no deadline and no scope but those made there. A scope around that is cancelled meanwhile
/// does not drop its body before `future` is ready, or its [grace](crate::Timeout::grace) is over. Two futures
/// that are polled together in one scope share its fate: while one of them is in a shield, both go on.
///
/// # Cancel safety
///
/// That of `future`: a shield does not protect from being dropped by something that is not a scope (`select!`,
/// [`JoinHandle::abort`](tokio::task::JoinHandle::abort)).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::{shield, timeout};
/// use tokio::time::sleep;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let saved = timeout(Duration::from_secs(1), async {
///     shield(sleep(Duration::from_secs(2))).await;
///     "saved"
/// });
/// assert_eq!(saved.await, Ok("saved"));
/// # })
/// ```
pub async fn shield<F: IntoFuture>(future: F) -> F::Output {
    // In this order: the body is dropped before the scopes around are let go.
    let mut guard = None;
    let mut future = pin!(future.into_future());
    let mut entered = false;
    poll_fn(|cx| {
        if !entered {
            entered = true;
            guard = current::node().map(Guard::new);
        }
        current::outside(|| future.as_mut().poll(cx))
    })
    .await
}

/// A [`shield`] for no longer than `max`.
///
/// # Errors
///
/// When `future` was not ready by then; it is dropped.
///
/// # Cancel safety
///
/// As [`shield`].
///
/// # Panics
///
/// When it needs a timer and is polled outside of a tokio runtime that has one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::shield_for;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let stuck = shield_for(Duration::from_secs(1), std::future::pending::<()>()).await;
/// assert_eq!(stuck.unwrap_err().after(), Duration::from_secs(1));
/// # })
/// ```
#[track_caller]
pub fn shield_for<F: IntoFuture>(
    max: Duration,
    future: F,
) -> impl Future<Output = Result<F::Output, Elapsed>> {
    // No `async fn`, so that the error can name the caller's place in the source.
    shield(timeout(max, future))
}
