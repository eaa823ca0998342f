use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::driver::{Driver, Verdict};
use crate::elapsed::Elapsed;
use crate::handle::ScopeHandle;
use crate::node::Kind;
use crate::time::Time;

/// Gives `future` the time `after`, counted from its first poll.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::timeout;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// assert_eq!(timeout(Duration::from_secs(1), async { 5 }).await, Ok(5));
/// assert!(timeout(Duration::from_secs(1), std::future::pending::<()>()).await.is_err());
/// # })
/// ```
#[inline]
#[track_caller]
pub fn timeout<F: IntoFuture>(after: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), Time::after(after))
}

/// Gives `future` the time until `at`.
///
/// # Examples
///
/// Two requests that share one deadline:
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::timeout_at;
/// use tokio::time::{Instant, sleep};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let at = Instant::now() + Duration::from_secs(9);
/// assert!(timeout_at(at, sleep(Duration::from_secs(5))).await.is_ok());
/// assert!(timeout_at(at, sleep(Duration::from_secs(8))).await.is_err());
/// # })
/// ```
#[inline]
#[track_caller]
pub fn timeout_at<F: IntoFuture>(at: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), Time::at(Deadline::at(at)))
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`]: a cancel scope with a deadline.
    ///
    /// Its output is the body's, or [`Elapsed`] if the deadline came first. The scope is the
    /// [current](crate::current_scope) one while the body is polled: what the body calls can ask for the
    /// [deadline](Deadline::ambient), and timeouts inside that are looser cost no timer.
    ///
    /// The time of a relative timeout begins when it is first polled, or when its [`handle`](Self::handle) is
    /// taken, if that is earlier. The clock is first read when the body was polled and was not ready, or when
    /// something inside asks for the scope or enters one of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::{ScopeExt, timeout};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let request = timeout(Duration::from_secs(2), async {
    ///     let rows = std::future::pending::<u32>().timeout(Duration::from_millis(500)).named("database");
    ///     rows.await
    /// });
    /// let elapsed = request.await.expect("within two seconds").unwrap_err();
    /// assert_eq!(elapsed.name(), Some("database"));
    /// # })
    /// ```
    ///
    /// # When it ends
    ///
    /// - The body is always polled first: a value that is ready at the deadline is kept
    ///   ([`deadline_first`](Self::deadline_first) is the other choice).
    /// - When the deadline has passed, everything inside is cancelled. The body is polled once more, if
    ///   anything inside could know of it, and dropped as soon as no [`shield`](crate::shield) and no
    ///   [guard](crate::scope::Guard) is left inside, or the [`grace`](Self::grace) is over.
    /// - Of several nested timeouts whose deadlines have passed, the outermost reports; so it does of two
    ///   equal ones.
    ///
    /// # What it waits for when it is ready
    ///
    /// Clean-up inside that lost its future (something dropped it raw, as `select!` does) is adopted by the scope
    /// and goes on in a task of its own. A body that is ready meanwhile is dropped, its output kept and handed out when
    /// that clean-up is done, or the grace after the deadline is over. So the timeout is `Send` if both the body
    /// and its output `T` are.
    ///
    /// # Cancelling it explicitly
    ///
    /// `Result<T, Elapsed>` has no place for an explicit cancellation, and it is never reported as a timeout.
    /// When its [handle](ScopeHandle::cancel) is cancelled, the body ends as at the deadline (a value that it
    /// is ready with is still returned). Then the nearest scope around that can report it, a
    /// [`move_on_after`](crate::move_on_after), a [`cancel_scope`](crate::cancel_scope) or a group's task,
    /// is cancelled with the same reason and drops this future, as if the cancellation had passed through. If
    /// there is none, the future stays pending, without a timer, until its owner drops it. To cancel on
    /// purpose, use one of those two instead.
    ///
    /// # Cancel safety
    ///
    /// That of the body. Dropping the timeout drops the body at once, and leaves no timer behind.
    ///
    /// # Panics
    ///
    /// When it needs a timer and is polled outside of a tokio runtime that has one.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<F: Future, T = <F as Future>::Output> {
        #[pin]
        driver: Driver<F, T>,
        name: Option<&'static str>,
        location: &'static Location<'static>,
        cancelled: bool,
    }
}

impl<F: Future<Output = T>, T> Timeout<F, T> {
    #[inline]
    #[track_caller]
    pub(crate) fn new(body: F, time: Time) -> Self {
        let driver = Driver::new(body, time, Kind::Timeout);
        Self { driver, name: None, location: Location::caller(), cancelled: false }
    }

    /// Gives the timeout a name, which [`Elapsed`] shows.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::timeout;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let work = timeout(Duration::from_secs(1), std::future::pending::<()>()).named("work");
    /// assert_eq!(work.await.unwrap_err().name(), Some("work"));
    /// # })
    /// ```
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        if let Some(node) = self.driver.made() {
            let _ = node.name.set(name);
        }
        self
    }

    /// Bounds the time that clean-up inside gets once the deadline has passed.
    ///
    /// Without it there is no bound: the timeout does not return before the shields and guards inside are
    /// gone. When the grace is over, the body is dropped with them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::{shield, timeout};
    /// use tokio::time::Instant;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let start = Instant::now();
    /// let stuck = timeout(Duration::from_secs(1), shield(std::future::pending::<()>()));
    /// assert!(stuck.grace(Duration::from_secs(3)).await.is_err());
    /// assert_eq!(start.elapsed(), Duration::from_secs(4));
    /// # })
    /// ```
    pub fn grace(mut self, grace: Duration) -> Self {
        self.driver.set_grace(grace);
        self
    }

    /// Lets the deadline win over a value that is ready only after it.
    ///
    /// The clock is read before and after each poll of the body. A body whose deadline has passed before it
    /// was ever polled is not polled at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::timeout;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// assert_eq!(timeout(Duration::ZERO, async { 5 }).await, Ok(5));
    /// assert!(timeout(Duration::ZERO, async { 5 }).deadline_first().await.is_err());
    /// # })
    /// ```
    pub fn deadline_first(mut self) -> Self {
        self.driver.set_deadline_first();
        self
    }

    /// A handle to move the deadline or to cancel, from any task or thread.
    ///
    /// The time of a relative timeout runs from here on. The first handle is best taken before the timeout is
    /// polled; if it was polled already, the handle has its effect from the next poll on. One that is first taken
    /// after the end does not know how that was.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::timeout;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let work = timeout(Duration::from_secs(1), tokio::time::sleep(Duration::from_secs(2)));
    /// work.handle().extend(Duration::from_secs(2));
    /// assert!(work.await.is_ok());
    /// # })
    /// ```
    pub fn handle(&self) -> ScopeHandle {
        let node = self.driver.node();
        if let Some(name) = self.name {
            let _ = node.name.set(name);
        }
        ScopeHandle::new(Arc::clone(node))
    }
}

impl<F: Future, T> fmt::Debug for Timeout<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("name", &self.name)
            .field("location", &format_args!("{}", self.location))
            .field("scope", &self.driver)
            .finish_non_exhaustive()
    }
}

impl<F: Future<Output = T>, T> Future for Timeout<F, T> {
    type Output = Result<T, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.cancelled {
            return Poll::Pending;
        }
        match ready!(self.as_mut().project().driver.poll_end(cx)) {
            Verdict::Value(value) => Poll::Ready(Ok(value)),
            verdict => self.conclude(verdict),
        }
    }
}

impl<F: Future<Output = T>, T> Timeout<F, T> {
    /// Apart from `poll`, which stands on the stack at each level of a nest.
    #[cold]
    fn conclude(self: Pin<&mut Self>, verdict: Verdict<T>) -> Poll<Result<T, Elapsed>> {
        let me = self.project();
        match verdict {
            Verdict::Value(value) => Poll::Ready(Ok(value)),
            Verdict::Cancelled(cause) => {
                *me.cancelled = true;
                me.driver.as_ref().get_ref().pass_on(&cause);
                Poll::Pending
            }
            Verdict::Expired(after) => {
                let scope = me.driver.as_ref().get_ref().made();
                Poll::Ready(Err(Elapsed::new(scope, *me.name, after, me.location)))
            }
        }
    }
}
