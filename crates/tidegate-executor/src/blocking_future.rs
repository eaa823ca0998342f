use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tidegate_timeout::CancelReason;

use crate::call::Call;
use crate::wait_error::WaitError;

/// The result of a task in some runtime, for a thread to wait for: `concurrent.futures.Future`.
///
/// Made by [`run_coroutine_threadsafe`](crate::run_coroutine_threadsafe()) and by a
/// [`Portal`](crate::Portal). A thread waits with [`result`](Self::result); async code awaits it, in any
/// runtime. The task runs whether anybody waits or not, and dropping this leaves it running: what it returns
/// is dropped when it ends. [`cancel`](Self::cancel) ends it.
///
/// # Examples
///
/// ```
/// use tidegate_executor::{Portal, WaitError};
///
/// let portal = Portal::start();
/// let (left, right) = (portal.spawn(async { 20 }), portal.spawn(async { 22 }));
/// assert_eq!(left.result()? + right.result()?, 42);
/// # Ok::<(), WaitError>(())
/// ```
///
/// # Cancel safety
///
/// **Weak.** Dropped, it leaves the task running and gives the result up. To wait more than once, poll it by
/// reference: `(&mut future).await`.
///
/// # Blocking
///
/// [`result`](Self::result) and [`result_timeout`](Self::result_timeout) park the thread. Code that a runtime
/// polls must not wait so for a task of that same runtime, whatever its flavour: it is told
/// [`WaitError::WouldDeadlock`] instead; so is the last one in a circle of tasks, or of all threads of runtimes, that
/// wait so for each other, and a callback that waits for the result that it is shown. Blocking code may wait: plain threads, `spawn_blocking`, `block_in_place`, the
/// jobs of a [`ThreadPool`](crate::ThreadPool). For the latter `cx.block_on(future)` is better: it sees the
/// cancellation of the job, and lets go of a paused clock.
///
/// # A paused clock
///
/// `result_timeout` goes by the system's time. While a task elsewhere is awaited in a runtime whose tokio
/// clock is paused, that clock does not run ahead, as with a job of a pool.
///
/// # Limitations
///
/// Code inside `tokio::task::unconstrained`, and code that has entered another runtime than the one that polls it,
/// is not recognized as what must not wait. Neither is the destructor of a task that is dropped with its runtime, and
/// waits for another one there. A task of a current-thread runtime makes progress only while some thread
/// is inside `Runtime::block_on` there.
pub struct BlockingFuture<T>(Arc<Call<T>>);

impl<T> BlockingFuture<T> {
    pub(crate) fn new(call: Arc<Call<T>>) -> Self {
        Self(call)
    }

    /// Waits on this thread until the task has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// let portal = tidegate_executor::Portal::start();
    /// assert_eq!(portal.spawn(async { 6 * 7 }).result(), Ok(42));
    /// ```
    ///
    /// # Errors
    ///
    /// - [`WaitError::Cancelled`] when the task was cancelled, or its runtime went away;
    /// - [`WaitError::Panicked`] when it panicked;
    /// - [`WaitError::WouldDeadlock`] when there is no result yet and this thread must not wait for it, see
    ///   [Blocking](Self#blocking).
    ///
    /// # Panics
    ///
    /// When the result was taken before.
    #[track_caller]
    pub fn result(self) -> Result<T, WaitError> {
        self.0.wait(None)
    }

    /// As [`result`](Self::result), on a thread that has said that it waits.
    #[track_caller]
    pub(crate) fn result_as(self) -> Result<T, WaitError> {
        self.0.wait_as(None, None)
    }

    /// Waits on this thread until the task has ended, but not longer than `patience`.
    ///
    /// The task goes on when the time is over, and this may be asked again.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_executor::{Portal, WaitError};
    ///
    /// let portal = Portal::start();
    /// let (answer, question) = tokio::sync::oneshot::channel();
    /// let future = portal.spawn(question);
    /// assert_eq!(future.result_timeout(Duration::from_millis(1)), Err(WaitError::Timeout));
    /// answer.send(42).unwrap();
    /// assert_eq!(future.result_timeout(Duration::from_secs(60)), Ok(Ok(42)));
    /// ```
    ///
    /// # Errors
    ///
    /// [`WaitError::Timeout`], and as [`result`](Self::result).
    ///
    /// # Panics
    ///
    /// When the result was taken before.
    #[track_caller]
    pub fn result_timeout(&self, patience: Duration) -> Result<T, WaitError> {
        // Later than anything there is: for ever.
        self.0.wait(Instant::now().checked_add(patience))
    }

    /// Cancels the task; answers whether it had not ended.
    ///
    /// The task's scope is cancelled: its clean-up runs, then its future is dropped; one that was not polled yet is
    /// dropped without that. This does not wait. What became of the task is its result, which is there
    /// once it has ended: [`WaitError::Cancelled`], or the value if it was about to return one.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::{Portal, WaitError};
    ///
    /// let portal = Portal::start();
    /// let future = portal.spawn(std::future::pending::<()>());
    /// assert!(future.cancel());
    /// assert!(matches!(future.result(), Err(WaitError::Cancelled(_))));
    /// ```
    pub fn cancel(&self) -> bool {
        self.cancel_for(CancelReason::Explicit("the future was cancelled".into()))
    }

    pub(crate) fn cancel_for(&self, why: CancelReason) -> bool {
        self.0.cancel(why)
    }

    /// Whether the task has ended.
    ///
    /// Then there is a result, or it was taken. While callbacks see it, who asks for it waits for them.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(future: &tidegate_executor::BlockingFuture<u32>) {
    /// if future.is_done() {
    ///     println!("ready");
    /// }
    /// # }
    /// ```
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// Calls `callback` once with the result: when the task has ended, or now if it has.
    ///
    /// It runs wherever the task ends, usually on a thread of its runtime, where it must not block; or on this
    /// thread, if the result is there. Callbacks run in the order in which they were given, before anybody who waits
    /// sees the result. A panic in one is reported by the panic hook and stops nothing else. They run as well when
    /// this was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    ///
    /// let portal = tidegate_executor::Portal::start();
    /// let (sender, receiver) = channel();
    /// let future = portal.spawn(async { 42 });
    /// future.on_done(move |result| drop(sender.send(result.copied().ok())));
    /// assert_eq!(receiver.recv(), Ok(Some(42)));
    /// ```
    ///
    /// # Panics
    ///
    /// When the result was taken already, by [`result_timeout`](Self::result_timeout) or `.await`.
    #[track_caller]
    pub fn on_done<F>(&self, callback: F)
    where
        F: FnOnce(Result<&T, &WaitError>) + Send + 'static,
    {
        self.0.on_done(Box::new(callback));
    }
}

impl<T> Future for BlockingFuture<T> {
    type Output = Result<T, WaitError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}

impl<T> Drop for BlockingFuture<T> {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl<T> fmt::Debug for BlockingFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingFuture")
            .field("location", &self.0.location)
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}
