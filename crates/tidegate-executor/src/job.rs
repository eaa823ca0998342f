use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tidegate_timeout::CancelReason;

use crate::error::JobError;
use crate::work::Outcome;

/// A job that is in its pool: a future of the closure's result.
///
/// Made by [`ThreadPool::submit`](crate::ThreadPool::submit). Dropping it cancels the job, as dropping
/// the future of [`run`](crate::ThreadPool::run) does; [`detach`](Self::detach) lets it run on.
///
/// # Examples
///
/// ```
/// use tidegate_executor::ThreadPool;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let pool = ThreadPool::builder().threads(1..=2).build();
/// let (left, right) = (pool.submit(|_| 20)?, pool.submit(|_| 22)?);
/// assert_eq!(left.await? + right.await?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
///
/// **Not cancel-safe.** Dropping a job gives its result up. To wait for it more than once, poll it by
/// reference: `(&mut job).await`.
#[must_use = "dropping a `Job` cancels it; `detach` lets it run on"]
pub struct Job<T>(Option<Arc<dyn Outcome<T>>>);

impl<T> Job<T> {
    pub(crate) fn new(outcome: Arc<dyn Outcome<T>>) -> Self {
        Self(Some(outcome))
    }

    /// Cancels the job; answers whether it had not started, and never will.
    ///
    /// A job in the queue leaves it, and its closure is dropped before this returns; the future then
    /// gives [`JobError::Cancelled`]. A running job is told through its [`JobCx`](crate::JobCx), and
    /// what it returns is the future's value; the answer is `false` then, and when the job has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::{JobError, ThreadPool};
    /// # use std::sync::mpsc;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let pool = ThreadPool::builder().threads(1..=1).build();
    /// let (finish, busy) = mpsc::channel::<()>();
    /// let first = pool.submit(move |_| busy.recv().is_err())?;
    ///
    /// let second = pool.submit(|_| ())?;
    /// assert!(second.cancel());
    /// assert!(matches!(second.await, Err(JobError::Cancelled(_))));
    ///
    /// drop(finish);
    /// assert!(first.await?);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> bool {
        let why = CancelReason::Explicit("the job was cancelled".into());
        self.0.as_ref().is_some_and(|outcome| outcome.cancel(why))
    }

    /// Whether there is a result to be had without waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(mut job: tidegate_executor::Job<u32>) -> Result<(), tidegate_executor::JobError> {
    /// if job.is_finished() {
    ///     println!("{}", job.await?);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(|outcome| outcome.is_finished())
    }

    /// Lets the job run to its end without anybody waiting for it.
    ///
    /// Its result is dropped on its thread. It still belongs to the scope it was submitted in: when that
    /// is cancelled, so is the job.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn example(pool: &tidegate_executor::ThreadPool) -> Result<(), tidegate_executor::QueueFull> {
    /// pool.submit(|_| drop(std::fs::remove_dir_all("target/scratch")))?.detach();
    /// # Ok(()) }
    /// ```
    pub fn detach(mut self) {
        if let Some(outcome) = self.0.take() {
            outcome.release();
        }
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = self.0.as_ref().expect("a job is not polled again after it was ready");
        let poll = outcome.poll(cx);
        if poll.is_ready() {
            self.0 = None;
        }
        poll
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        if let Some(outcome) = self.0.take() {
            outcome.abandon(CancelReason::Explicit("the future of the job was dropped".into()));
        }
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}
