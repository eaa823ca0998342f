use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::current::{self, Around};
use crate::deadline::Deadline;
use crate::node::{Kind, Node};
use crate::scope::Guard;
use crate::timeout::{Timeout, timeout};

/// Hides the cancellation of the scopes around from `future`, and lets them wait for it.
///
/// Inside, there is no deadline and no scope but those made there. A scope around that is cancelled meanwhile
/// does not drop its body before `future` is ready, or its [grace](crate::Timeout::grace) is over. Two futures
/// that are polled together in one scope share its fate: while one of them is in a shield, both go on.
///
/// # Cancel safety
///
/// That of `future`: a shield does not protect from being dropped by something that is not a scope (`select!`,
/// [`JoinHandle::abort`](tokio::task::JoinHandle::abort)). [`protect`](crate::protect()) does.
///
/// Leaked half-way ([`std::mem::forget`]), it never lets go of the scopes around: once cancelled they wait for ever,
/// unless they have a grace.
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
pub fn shield<F: IntoFuture>(future: F) -> Shield<F::IntoFuture> {
    Shield { body: Some(future.into_future()), guard: None, node: None, entered: false }
}

pin_project! {
    /// The future of [`shield`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Shield<F> {
        #[pin]
        body: Option<F>,
        // After the body: that is dropped before the scopes around are let go.
        guard: Option<Guard>,
        node: Option<Arc<Node>>,
        entered: bool,
    }
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut me = self.project();
        if !std::mem::replace(me.entered, true) {
            *me.node = current::node().map(|around| {
                let node = Node::new(Kind::Shield, Deadline::NEVER, None);
                node.attach(around);
                node
            });
            *me.guard = me.node.clone().map(Guard::new);
        }
        let body =
            me.body.as_mut().as_pin_mut().expect("a shield is not polled again after it was ready");
        let output = {
            let _inside = current::enter(me.node, Around::NOBODY);
            ready!(body.poll(cx))
        };
        me.body.set(None);
        *me.guard = None;
        Poll::Ready(output)
    }
}

impl<F> fmt::Debug for Shield<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("ended", &self.body.is_none()).finish()
    }
}

/// A [`shield`] for no longer than `max`.
///
/// As in any timeout, what is shielded inside of `future` in turn is waited for.
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
pub fn shield_for<F: IntoFuture>(max: Duration, future: F) -> Shield<Timeout<F::IntoFuture>> {
    shield(timeout(max, future))
}
