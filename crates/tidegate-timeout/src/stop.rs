use std::pin::Pin;
use std::task::{Context, Poll};

use crate::ask::checkpoint;
use crate::current;
use crate::watching::Watching;

/// Whether the code that asks should come to an end: it was asked to, or it is cancelled.
///
/// For loops that can leave off between two rounds, in tasks and in thread jobs. A request to stop comes from
/// [`ScopeHandle::request_stop`](crate::ScopeHandle::request_stop) of a scope around; it ends nothing by itself.
/// `true` also when a [`checkpoint`] would fail, so such a loop ends either way. `false` outside of every scope, and
/// in a [shield](crate::shield()), which hides a request as it hides a cancellation.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::{is_stopping, scope::Scope};
///
/// let scope = Scope::new();
/// assert!(!scope.enter(is_stopping));
/// scope.handle().request_stop();
/// assert!(scope.enter(is_stopping));
/// assert!(!is_stopping(), "outside");
/// ```
pub fn is_stopping() -> bool {
    current::is_asked_to_stop() || checkpoint().is_err()
}

/// Waits until the code that asks is asked to come to an end.
///
/// For what a task does between two waits, and for what it waits for beside. The request comes from
/// [`ScopeHandle::request_stop`](crate::ScopeHandle::request_stop) of a scope around. Outside of every scope, and in
/// a [shield](crate::shield()), it waits for ever. As [`cancelled`](crate::cancelled), it stays with the scope in which
/// it was polled first.
///
/// A cancellation is no request: it drops who waits here, like anybody. So a timeout around this is a pause that a
/// request cuts short.
///
/// # Cancel safety
///
/// Strict. A request is not used up by being waited for.
///
/// # Examples
///
/// Something to be done every minute, until it is time to stop:
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::{cancel_scope, stop_requested, timeout};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let minutes = cancel_scope(async |scope| {
///     let mut minutes = 0;
///     while timeout(Duration::from_secs(60), stop_requested()).await.is_err() {
///         minutes += 1;
///         if minutes == 3 {
///             scope.request_stop();
///         }
///     }
///     minutes
/// });
/// assert_eq!(minutes.await.unwrap(), 3);
/// # })
/// ```
pub fn stop_requested() -> StopRequested {
    StopRequested { watching: None }
}

/// The future of [`stop_requested`].
///
/// # Examples
///
/// See [`stop_requested`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct StopRequested {
    watching: Option<Watching>,
}

impl Future for StopRequested {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.watching.is_none() {
            // What can be said without making a node of any scope around.
            if current::is_asked_to_stop() {
                return Poll::Ready(());
            }
            self.watching = current::node().map(Watching::for_stop);
        }
        let Some(Watching { node, place }) = &self.watching else { return Poll::Pending };
        if !node.is_asked_to_stop() {
            node.watch(*place, cx.waker());
            // It is noted before anybody is woken for it.
            if !node.is_asked_to_stop() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}
