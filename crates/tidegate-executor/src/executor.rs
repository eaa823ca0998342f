#[cfg(feature = "rayon")]
mod rayon;

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tidegate_timeout::CancelReason;
use tokio::runtime::Handle;

use crate::cell::Cell;
use crate::error::JobError;
use crate::job::Job;
use crate::thread_pool::ThreadPool;
use crate::work::{Ended, Work};

#[cfg(feature = "rayon")]
pub use self::rayon::Rayon;

/// Somewhere to run a closure that blocks.
///
/// [`run_in_executor`] gives any of them results, panics and cancellation; an executor has only to run
/// what it is handed, once, on a thread of its own choice, or to drop it.
///
/// # Examples
///
/// A thread for each job:
///
/// ```
/// use tidegate_executor::{Executor, run_in_executor};
///
/// struct NewThread;
///
/// impl Executor for NewThread {
///     fn execute(&self, job: Box<dyn FnOnce() + Send>) {
///         std::thread::spawn(job);
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// assert_eq!(run_in_executor(&NewThread, || 6 * 7).await, Ok(42));
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Executor {
    /// Has `job` run, soon, by a thread that may block. Does not wait for it.
    ///
    /// An executor that cannot run the job drops it.
    fn execute(&self, job: Box<dyn FnOnce() + Send>);

    /// The pool that this is, if it is one: its own way in can cancel what is queued at no cost.
    #[doc(hidden)]
    fn as_thread_pool(&self) -> Option<&ThreadPool> {
        None
    }
}

/// Joins the queue of the pool, however full it is: `execute` has no way to refuse or to wait.
///
/// [`run_in_executor`] on a pool waits for space, as [`ThreadPool::run`] does.
impl Executor for ThreadPool {
    #[track_caller]
    fn execute(&self, job: Box<dyn FnOnce() + Send>) {
        self.enlist(job, Location::caller()).detach();
    }

    fn as_thread_pool(&self) -> Option<&ThreadPool> {
        Some(self)
    }
}

/// Runs jobs as `spawn_blocking` does.
impl Executor for Handle {
    fn execute(&self, job: Box<dyn FnOnce() + Send>) {
        drop(self.spawn_blocking(job));
    }
}

impl<E: Executor + ?Sized> Executor for &E {
    fn execute(&self, job: Box<dyn FnOnce() + Send>) {
        (**self).execute(job);
    }

    fn as_thread_pool(&self) -> Option<&ThreadPool> {
        (**self).as_thread_pool()
    }
}

impl<E: Executor + ?Sized> Executor for Arc<E> {
    fn execute(&self, job: Box<dyn FnOnce() + Send>) {
        (**self).execute(job);
    }

    fn as_thread_pool(&self) -> Option<&ThreadPool> {
        (**self).as_thread_pool()
    }
}

/// Runs a closure on an executor and waits for its result: asyncio's `run_in_executor`.
///
/// The job is in the caller's scope as a job of a [`ThreadPool`] is: the current scope of the thread is the
/// caller's (`tidegate_timeout::checkpoint()` sees a cancellation), one that is cancelled before it starts
/// is dropped at once, and a cancelled scope waits for one that runs.
///
/// # Examples
///
/// ```
/// use tidegate_executor::run_in_executor;
/// use tokio::runtime::Handle;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let sum = run_in_executor(&Handle::current(), || (1..=10).sum::<u32>()).await?;
/// assert_eq!(sum, 55);
/// # Ok::<(), tidegate_executor::JobError>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
///
/// **Not cancel-safe.** As [`ThreadPool::run`].
///
/// # Errors
///
/// As [`ThreadPool::run`]; [`JobError::Cancelled`] with [`CancelReason::Shutdown`] when the executor dropped
/// the job.
///
/// # Panics
///
/// When polled again after it was ready.
#[track_caller]
pub fn run_in_executor<E, F, T>(executor: &E, work: F) -> RunInExecutor<'_, E, F, T>
where
    E: Executor + ?Sized,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    RunInExecutor { executor, stage: Stage::Fresh(work), location: Location::caller() }
}

/// The future of [`run_in_executor`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct RunInExecutor<'a, E: ?Sized, F, T> {
    executor: &'a E,
    stage: Stage<F, T>,
    location: &'static Location<'static>,
}

enum Stage<F, T> {
    Fresh(F),
    Asked(Job<T>),
    Over,
}

/// The closure is not pinned: it is moved to a thread.
impl<E: ?Sized, F, T> Unpin for RunInExecutor<'_, E, F, T> {}

impl<E, F, T> Future for RunInExecutor<'_, E, F, T>
where
    E: Executor + ?Sized,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut job = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Fresh(work) => self.ask(work),
            Stage::Asked(job) => job,
            Stage::Over => panic!("polled again after it was ready"),
        };
        let poll = Pin::new(&mut job).poll(cx);
        if poll.is_pending() {
            self.stage = Stage::Asked(job);
        }
        poll
    }
}

impl<E, F, T> RunInExecutor<'_, E, F, T>
where
    E: Executor + ?Sized,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn ask(&self, work: F) -> Job<T> {
        if let Some(pool) = self.executor.as_thread_pool() {
            return pool.enlist(work, self.location);
        }
        let cell = Cell::new(move |_: &_| work(), None, self.location);
        let job = Job::new(Arc::clone(&cell) as _);
        if !job.is_finished() {
            let errand = Errand(cell);
            self.executor.execute(Box::new(move || errand.run()));
        }
        job
    }
}

impl<E: ?Sized, F, T> fmt::Debug for RunInExecutor<'_, E, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunInExecutor").field("location", &self.location).finish_non_exhaustive()
    }
}

/// A job on its way through somebody's executor.
struct Errand(Arc<dyn Work>);

impl Errand {
    fn run(&self) {
        let _runtime = self.0.origin().runtime.as_ref().map(Handle::enter);
        Arc::clone(&self.0).run(&mut |_: Ended| ());
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        // Nothing to withdraw once it has run.
        self.0.withdraw(JobError::Cancelled(CancelReason::Shutdown));
    }
}
