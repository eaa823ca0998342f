use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::driver::{Driver, Verdict};
use crate::handle::ScopeHandle;
use crate::node::Kind;
use crate::time::Time;

/// Gives `future` the time `after`, and goes on without it if that was not enough.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::move_on_after;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let hint = move_on_after(Duration::from_millis(100), std::future::pending::<&str>()).await;
/// assert_eq!(hint.unwrap_or("none yet"), "none yet");
/// # })
/// ```
///
/// # Timeout or this?
///
/// - [`timeout`](crate::timeout): being too late is an error, which says whose.
/// - `move_on_after`: being too late is fine, and so is being cancelled through the handle.
pub fn move_on_after<F: IntoFuture>(after: Duration, future: F) -> MoveOn<F::IntoFuture> {
    MoveOn { driver: Driver::new(future.into_future(), Time::after(after), Kind::Reporter) }
}

/// Gives `future` the time until `at`, and goes on without it if that was not enough.
///
/// # Examples
///
/// What there is when the time is over:
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::move_on_at;
/// use tokio::time::{Instant, sleep};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let at = Instant::now() + Duration::from_millis(250);
/// let mut replies = 0;
/// while move_on_at(at, sleep(Duration::from_millis(100))).await.is_some() {
///     replies += 1;
/// }
/// assert_eq!(replies, 2);
/// # })
/// ```
pub fn move_on_at<F: IntoFuture>(at: Instant, future: F) -> MoveOn<F::IntoFuture> {
    let time = Time::at(Deadline::at(at));
    MoveOn { driver: Driver::new(future.into_future(), time, Kind::Reporter) }
}

pin_project! {
    /// The future of [`move_on_after`] and [`move_on_at`].
    ///
    /// `None` if the time was over first, or if its scope was cancelled. For everything else it is as
    /// [`Timeout`](crate::Timeout).
    ///
    /// # Cancel safety
    ///
    /// That of the body. Dropping it drops the body at once, and leaves no timer behind.
    ///
    /// # Panics
    ///
    /// When it needs a timer and is polled outside of a tokio runtime that has one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::move_on_after;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// assert_eq!(move_on_after(Duration::from_secs(1), async { 5 }).await, Some(5));
    /// # })
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct MoveOn<F: Future, T = <F as Future>::Output> {
        #[pin]
        driver: Driver<F, T>,
    }
}

impl<F: Future<Output = T>, T> MoveOn<F, T> {
    /// As [`Timeout::grace`](crate::Timeout::grace).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::{move_on_after, shield};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let stuck = move_on_after(Duration::from_secs(1), shield(std::future::pending::<()>()));
    /// assert_eq!(stuck.grace(Duration::from_secs(1)).await, None);
    /// # })
    /// ```
    pub fn grace(mut self, grace: Duration) -> Self {
        self.driver.set_grace(grace);
        self
    }

    /// As [`Timeout::handle`](crate::Timeout::handle); an explicit cancellation makes it `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::move_on_after;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let work = move_on_after(Duration::from_secs(60), std::future::pending::<()>());
    /// work.handle().cancel("enough");
    /// assert_eq!(work.await, None);
    /// # })
    /// ```
    pub fn handle(&self) -> ScopeHandle {
        ScopeHandle::new(Arc::clone(self.driver.node()))
    }
}

impl<F: Future, T> fmt::Debug for MoveOn<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MoveOn").field("scope", &self.driver).finish_non_exhaustive()
    }
}

impl<F: Future<Output = T>, T> Future for MoveOn<F, T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.project().driver.poll_end(cx)) {
            Verdict::Value(value) => Some(value),
            Verdict::Expired(_) | Verdict::Cancelled(_) => None,
        })
    }
}
