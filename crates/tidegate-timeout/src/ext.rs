use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::current::{self, Around};
use crate::deadline::Deadline;
use crate::node::Node;
use crate::time::Time;
use crate::timeout::Timeout;
use crate::vars::{InVars, Vars};

/// Scopes as methods of futures.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::ScopeExt;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// assert_eq!(async { 5 }.timeout(Duration::from_secs(1)).await, Ok(5));
/// # })
/// ```
pub trait ScopeExt: Future {
    /// As [`timeout`](crate::timeout), written after the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::ScopeExt;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// assert!(std::future::pending::<()>().timeout(Duration::ZERO).await.is_err());
    /// # })
    /// ```
    #[track_caller]
    fn timeout(self, after: Duration) -> Timeout<Self>
    where
        Self: Sized,
    {
        Timeout::new(self, Time::after(after))
    }

    /// As [`timeout_at`](crate::timeout_at), written after the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::ScopeExt;
    /// use tokio::time::Instant;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// assert!(std::future::pending::<()>().timeout_at(Instant::now()).await.is_err());
    /// # })
    /// ```
    #[track_caller]
    fn timeout_at(self, at: Instant) -> Timeout<Self>
    where
        Self: Sized,
    {
        Timeout::new(self, Time::at(Deadline::at(at)))
    }

    /// Takes the current scope along to wherever the future will be polled, and the
    /// [context variables](crate::ContextVar) that are set.
    ///
    /// A task that is spawned does not know of the scopes of the task that spawned it; this is how it does.
    /// The future sees their deadline and their cancellation, but it is not dropped by them, and they do not
    /// wait for it. For that there are task groups.
    ///
    /// It is also for a future that is kept, in a `FuturesUnordered` say, and polled inside timeouts that are meant
    /// for the wait and not for the work.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::{Deadline, ScopeExt, timeout};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let seen = timeout(Duration::from_secs(1), async {
    ///     tokio::spawn(async { Deadline::ambient() }.in_current_scope()).await.unwrap()
    /// });
    /// assert_eq!(seen.await.unwrap().remaining(), Some(Duration::from_secs(1)));
    /// # })
    /// ```
    fn in_current_scope(self) -> InScope<Self>
    where
        Self: Sized,
    {
        InScope::new(self, current::node())
    }
}

impl<F: Future> ScopeExt for F {}

pin_project! {
    /// The future of [`ScopeExt::in_current_scope`].
    ///
    /// # Cancel safety
    ///
    /// That of the future inside.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct InScope<F> {
        #[pin]
        future: InVars<F>,
        node: Option<Arc<Node>>,
    }
}

impl<F> InScope<F> {
    /// In the scope of `node`, with the variables of here and now.
    pub(crate) fn new(future: F, node: Option<Arc<Node>>) -> Self {
        Self { future: InVars::new(future, Vars::current()), node }
    }
}

impl<F> fmt::Debug for InScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InScope").field("scope", &self.node).finish_non_exhaustive()
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let _inside = current::enter(me.node, Around::NOBODY);
        me.future.poll(cx)
    }
}
