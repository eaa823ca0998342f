// How it works
//
// `block_on` runs its future in a scope of its own below the job's. When the job is cancelled, that scope
// drops the future (its clean-up first), and there is no value to go on with: the closure is unwound, as
// Rust ends a function that cannot return. The pool catches that and reports `JobError::Cancelled`. Where
// unwinding is impossible (`panic = "abort"`, or the thread is unwinding already) the future is shielded
// from the cancellation instead and runs to its end.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{Cancelled, Deadline};

use crate::error::Interrupted;
use crate::lender::Lender;
use crate::origin::Origin;
use crate::park::park_on;
use crate::work::Work;

/// What a job on a thread knows of its caller.
///
/// Dropping the caller's future, cancelling the scope it is in, or passing that scope's deadline is seen
/// here at once; it is up to the closure to look. The caller's scope is also the current scope of the
/// thread, so that `tidegate_timeout::checkpoint()` and `Deadline::ambient()` answer as they would
/// beside the caller, deep inside code that is not handed a `JobCx`. So is what is set in
/// [context variables](tidegate_timeout::ContextVar), and, with the feature `tracing`, the current span.
///
/// # Examples
///
/// ```
/// use tidegate_executor::{JobCx, ThreadPool};
/// use tidegate_timeout::Cancelled;
///
/// fn checksum(blocks: &[Vec<u8>], cx: &JobCx) -> Result<u64, Cancelled> {
///     let mut sum = 0_u64;
///     for block in blocks {
///         cx.checkpoint()?;
///         sum += block.iter().map(|&byte| u64::from(byte)).sum::<u64>();
///     }
///     Ok(sum)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let pool = ThreadPool::builder().build();
/// let sum = pool.run(|cx| checksum(&[vec![1, 2], vec![3]], cx)).await?;
/// assert_eq!(sum, Ok(6));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JobCx {
    scope: Scope,
    job: Arc<dyn Work>,
    /// How many calls of `block_on` are under way.
    waits: AtomicUsize,
}

impl JobCx {
    pub(crate) fn new(scope: Scope, job: Arc<dyn Work>) -> Self {
        Self { scope, job, waits: AtomicUsize::new(0) }
    }

    /// Runs `f` in the scope of the job.
    pub(crate) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        self.scope.enter(f)
    }

    /// Whether the result is not wanted any more.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::ThreadPool;
    /// # async fn example(pool: ThreadPool, files: Vec<String>) {
    /// let done = pool.run(move |cx| files.iter().take_while(|_| !cx.is_cancelled()).count());
    /// # }
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.scope.handle().is_cancelled()
    }

    /// Whether the job should come to an end: a scope around the caller was asked to
    /// [stop](tidegate_timeout::ScopeHandle::request_stop), or the result is not wanted any more.
    ///
    /// A request is polite: what the job returns after it is still wanted.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::ThreadPool;
    /// # async fn example(pool: ThreadPool, files: Vec<String>) {
    /// let done = pool.run(move |cx| files.iter().take_while(|_| !cx.is_stopping()).count());
    /// # }
    /// ```
    pub fn is_stopping(&self) -> bool {
        self.scope.enter(tidegate_timeout::is_stopping)
    }

    /// Fails once the result is not wanted any more.
    ///
    /// # Errors
    ///
    /// When [`is_cancelled`](Self::is_cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::JobCx;
    /// # use tidegate_timeout::Cancelled;
    /// fn sum(numbers: &[u64], cx: &JobCx) -> Result<u64, Cancelled> {
    ///     let mut sum = 0;
    ///     for chunk in numbers.chunks(4096) {
    ///         cx.checkpoint()?;
    ///         sum += chunk.iter().sum::<u64>();
    ///     }
    ///     Ok(sum)
    /// }
    /// ```
    pub fn checkpoint(&self) -> Result<(), Cancelled> {
        self.scope.enter(tidegate_timeout::checkpoint)
    }

    /// When the caller stops waiting: the earliest deadline of the scopes it is in.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::ThreadPool;
    /// # use std::time::Duration;
    /// # async fn example(pool: ThreadPool) {
    /// let reply = pool.run(|cx| {
    ///     let patience = cx.deadline().remaining().unwrap_or(Duration::from_secs(30));
    ///     // … pass it on to a blocking client
    /// #   patience
    /// });
    /// # }
    /// ```
    pub fn deadline(&self) -> Deadline {
        self.scope.enter(Deadline::ambient)
    }

    /// Runs a future to its end on this thread: the way back into async code.
    ///
    /// The future is in the caller's runtime (`tokio::spawn`, timers and sockets work) and in the
    /// caller's scope. While the job waits here, jobs that the future asks of the same pool run on this
    /// job's slot, so that a pool of one thread is enough for `pool.run` inside `block_on` inside
    /// `pool.run`, to any depth; other jobs wait until this one ends.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(pool: tidegate_executor::ThreadPool) -> Result<(), tidegate_executor::JobError> {
    /// let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
    /// let produced = pool.run(move |cx| {
    ///     (0..100).take_while(|i| cx.block_on(sender.send(i * i)).is_ok()).count()
    /// });
    /// let consumed = async { while receiver.recv().await.is_some() {} };
    /// let (produced, ()) = tokio::join!(produced, consumed);
    /// assert_eq!(produced?, 100);
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancellation
    ///
    /// When the job is cancelled, the future is dropped as its scope would drop it, after
    /// the clean-up inside it, and the closure is unwound without a message: its destructors run, and the
    /// job ends with [`JobError::Cancelled`](crate::JobError::Cancelled). A value that is ready by then
    /// is returned. In a program that is built with `panic = "abort"`, or when this thread is unwinding
    /// already, the future is shielded and runs to its end instead.
    ///
    /// # Panics
    ///
    /// When the future panics; and as above.
    ///
    /// # Limitations
    ///
    /// The future must ask for a job itself for it to run on this job's slot. One that is asked for by
    /// a task which the future spawned waits in line like any other: on a pool of which every thread
    /// waits for such a job, nothing moves until one of them is cancelled. A job that has the slot when this
    /// returns is not stopped: it ends beside this one.
    ///
    /// A current-thread runtime drives timers and sockets only while its own thread is inside
    /// `Runtime::block_on`.
    pub fn block_on<F: IntoFuture>(&self, future: F) -> F::Output {
        let future = future.into_future();
        let _away = Away::new(self);
        let Origin { clock, crew, .. } = self.job.origin();
        if cfg!(panic = "abort") || std::thread::panicking() {
            let shielded = pin!(tidegate_timeout::shield(future));
            return self.scope.enter(|| park_on(shielded, clock, crew.as_ref()));
        }
        let scope = self.scope.enter(Scope::new);
        let ended = {
            let running = pin!(scope.run(future));
            park_on(running, clock, crew.as_ref())
        };
        match ended {
            Ended::Value(value) => value,
            Ended::Panicked(payload) => resume_unwind(payload),
            Ended::Cancelled(why) => resume_unwind(Box::new(Interrupted(why))),
        }
    }

    /// Whether a panic is how [`block_on`](Self::block_on) leaves a job that was cancelled.
    ///
    /// For code in a job that catches panics: such a one goes on, or the job runs on although it was cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    /// use tidegate_executor::JobCx;
    ///
    /// fn run_plugin(plugin: impl FnOnce(&JobCx), cx: &JobCx) -> Result<(), &'static str> {
    ///     catch_unwind(AssertUnwindSafe(|| plugin(cx))).map_err(|panic| {
    ///         if JobCx::is_interruption(&*panic) {
    ///             resume_unwind(panic);
    ///         }
    ///         "the plugin is broken"
    ///     })
    /// }
    /// ```
    pub fn is_interruption(panic: &(dyn Any + Send)) -> bool {
        panic.is::<Interrupted>()
    }
}

impl fmt::Debug for JobCx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobCx").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

/// The time for which a job waits in `block_on`.
struct Away<'a> {
    cx: &'a JobCx,
    _lending: Option<crate::lender::Lending>,
}

impl<'a> Away<'a> {
    fn new(cx: &'a JobCx) -> Self {
        let Origin { crew, lenders, .. } = cx.job.origin();
        let lending = crew.as_ref().map(|crew| {
            crew.went_away(&cx.waits);
            Lender::lend(crew, lenders.clone())
        });
        Self { cx, _lending: lending }
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        if let Some(crew) = &self.cx.job.origin().crew {
            crew.came_back(&self.cx.waits);
        }
    }
}
