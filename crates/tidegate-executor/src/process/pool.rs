use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::builder::ProcessPoolBuilder;
use super::core::Core;
use super::error::ProcessError;
use super::frame::{self, HEADER, Header, Kind};
use super::function::{ProcessFn, signature};

/// Worker processes, which run functions for this one.
///
/// Think of a few copies of this program that do nothing but wait for calls. What happens to one of them, be it a
/// crash in a C library, `exit`, or the kernel's killer when memory runs out, costs the call that it was busy with
/// and nothing else; and unlike a thread it can be stopped whatever it does: a call that is dropped, by a timeout
/// say, ends its worker.
///
/// A worker is this executable, started again, so [`init`](super::init) is the first thing in `main`. What it is
/// asked for are functions that [`process_fn!`](crate::process_fn) made.
///
/// # Examples
///
/// ```
/// use tidegate_executor::process::{self, ProcessError, ProcessPool};
/// use tidegate_executor::process_fn;
///
/// process_fn! {
///     fn divide(a: i32, b: i32) -> i32 { a / b }
/// }
/// process_fn! {
///     fn leave() { std::process::exit(3) }
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     process::init();
///     tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
///         let pool = ProcessPool::builder().workers(2).forward_stderr(false).build().await?;
///         assert_eq!(pool.run(divide, (7, 2)).await?, 3);
///
///         let failed = pool.run(divide, (7, 0)).await.unwrap_err();
///         assert!(matches!(failed, ProcessError::Panicked { message, .. } if message.contains("zero")));
///
///         let failed = pool.run(leave, ()).await.unwrap_err();
///         assert!(matches!(failed, ProcessError::Died { code: Some(3), .. }));
///         assert_eq!(pool.run(divide, (8, 2)).await?, 4);
///         Ok(())
///     })
/// }
/// ```
///
/// # Process or thread?
///
/// - A [`ThreadPool`](crate::ThreadPool) runs closures, shares memory, and costs less by far. A job in it ends
///   when it wants to.
/// - A process pool runs what may crash, hang, leak or block for ever, and what has to be stopped all the same.
///   Arguments and results are copied through a socket.
///
/// # Fairness
///
/// First come, first served.
///
/// # What a worker is like
///
/// - Its standard input is empty, its standard output that of this process (of workers in tests: none), and its
///   standard error is passed on, with its end kept for [`ProcessError::Died`]. None of it is what calls go through.
/// - It leads a process group, so that Ctrl-C in a terminal does not reach it, and what it starts is killed when
///   it ends, unless that has left the group, or this process is gone, too.
/// - It ends when this process does, however that ends: it sees its socket close. On Linux the kernel sees to
///   it as well, and takes a worker first when memory runs out.
/// - It is killed, never asked to end in the midst of a call: whoever has something to put in order looks at the time
///   that is left, or leaves it to the caller.
/// - It has no pool of its own: [`StartError::Nested`](super::StartError::Nested).
/// - Of the caller's context its deadline is there: [`Deadline::ambient`](tidegate_timeout::Deadline::ambient) and
///   [`checkpoint`](tidegate_timeout::checkpoint) know how much time is left, for functions that do as much as fits.
///   Who goes on is ended from outside. No variables are there and no span; what is wanted goes with the arguments.
///
/// # Dropping
///
/// Dropping the pool kills its workers, also in the midst of a call, without waiting; each is reaped by a thread
/// that ends then. It needs no runtime. [`shutdown`](Self::shutdown) waits.
///
/// # Limitations
///
/// Unix only: elsewhere the module is not there. Only on Linux a new worker is this very program also when its file was
/// replaced meanwhile; elsewhere that is [`StartError::OtherBuild`](super::StartError::OtherBuild).
#[must_use = "dropping a `ProcessPool` ends its workers"]
pub struct ProcessPool {
    core: Arc<Core>,
}

impl ProcessPool {
    /// Says what a pool is to be like.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::process::ProcessPool::builder().workers(2);
    /// ```
    pub fn builder() -> ProcessPoolBuilder {
        ProcessPoolBuilder::new()
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Runs a function in a worker, and waits for its result.
    ///
    /// Waits in line for a worker that is free; starts one if there may be more. The arguments are converted at
    /// once. The future borrows nothing.
    ///
    /// A worker that had died before it read the call is replaced, and the call made again; one that died later
    /// is an error, since nobody knows what it did before. (On systems that do not tell the two apart, which
    /// macOS is believed to be, the first is an error, too, if the worker died this very instant.)
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_executor::process::{self, ProcessPool};
    /// use tidegate_executor::process_fn;
    ///
    /// process_fn! {
    ///     fn hang() { loop { std::thread::park() } }
    /// }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     process::init();
    ///     tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    ///         let pool = ProcessPool::builder().workers(1).build().await?;
    ///         let late = tidegate_timeout::timeout(Duration::from_millis(20), pool.run(hang, ())).await;
    ///         assert!(late.is_err()); // And the process that hung is gone.
    ///         Ok(())
    ///     })
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// **Not cancel-safe**, but safe to cancel. A call that waits just leaves the line. Dropping it later kills its
    /// worker, and what that had started; the slot is free when the process was reaped, and a tidegate scope around
    /// the call does not end before. A worker that is being started for a call that is dropped goes to the next one.
    ///
    /// # Errors
    ///
    /// See [`ProcessError`].
    ///
    /// # Panics
    ///
    /// When awaited outside of a tokio runtime, or in one without I/O.
    pub fn run<F: ProcessFn>(
        &self,
        function: F,
        args: F::Args,
    ) -> impl Future<Output = Result<F::Output, ProcessError>> + Send + use<F> {
        let _ = function;
        let core = Arc::clone(&self.core);
        let limit = core.plan.max_frame;
        let question = question::<F>(&args, limit);
        async move {
            let (header, answer) = core.call(question?).await?;
            result::<F>(header, &answer[HEADER..], limit)
        }
    }

    /// Takes no more calls, waits for those that run, and ends the workers.
    ///
    /// Calls that wait in line are cancelled. What still runs when `grace` is over (on the system's clock, not
    /// tokio's) is killed; the result is how many workers that were. When this returns there is no process left.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::process::ProcessPool;
    /// # use std::time::Duration;
    /// async fn close(pool: ProcessPool) {
    ///     let killed = pool.shutdown(Duration::from_secs(5)).await;
    ///     if killed > 0 {
    ///         eprintln!("{killed} workers were busy still");
    ///     }
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// **Weak.** The pool stays closed to new calls, and workers end as their calls do; without `grace`. Asking
    /// again waits again.
    pub async fn shutdown(&self, grace: Duration) -> usize {
        self.core.shutdown(grace).await
    }

    /// What the pool is busy with this instant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::process::ProcessPool;
    /// fn is_busy(pool: &ProcessPool) -> bool {
    ///     pool.statistics().waiting > 0
    /// }
    /// ```
    pub fn statistics(&self) -> ProcessPoolStatistics {
        let counts = self.core.counts();
        ProcessPoolStatistics {
            workers: counts.workers,
            idle: counts.idle,
            waiting: counts.waiting,
            started: counts.started,
        }
    }

    /// The process ids of the workers.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::process::ProcessPool;
    /// fn report(pool: &ProcessPool) {
    ///     println!("our workers are {:?}", pool.worker_ids());
    /// }
    /// ```
    pub fn worker_ids(&self) -> Vec<u32> {
        self.core.ids()
    }
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl fmt::Debug for ProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPool")
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

/// What a [`ProcessPool`] is busy with; see [`ProcessPool::statistics`].
///
/// # Examples
///
/// ```
/// # use tidegate_executor::process::ProcessPoolStatistics;
/// fn busy(statistics: ProcessPoolStatistics) -> usize {
///     statistics.workers - statistics.idle
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessPoolStatistics {
    /// How many processes there are.
    pub workers: usize,
    /// How many of them have nothing to do.
    pub idle: usize,
    /// How many calls wait for one.
    pub waiting: usize,
    /// How many were ever started.
    pub started: u64,
}

fn question<F: ProcessFn>(args: &F::Args, limit: usize) -> Result<Vec<u8>, ProcessError> {
    let question = frame::question(F::KEY, signature::<F>());
    let question = postcard::to_extend(args, question)
        .map_err(|error| ProcessError::Codec(format!("the arguments: {error}")))?;
    let size = question.len() - HEADER;
    if size > limit {
        return Err(ProcessError::TooLarge { size: size as u64, limit });
    }
    Ok(question)
}

fn result<F: ProcessFn>(
    header: Header,
    body: &[u8],
    limit: usize,
) -> Result<F::Output, ProcessError> {
    let unreadable = |error| ProcessError::Codec(format!("the result: {error}"));
    match header.kind {
        Kind::Returned => postcard::from_bytes(body).map_err(unreadable),
        Kind::Panicked => {
            let (message, place) = postcard::from_bytes(body).map_err(unreadable)?;
            Err(ProcessError::Panicked { message, place })
        }
        Kind::Unknown => Err(ProcessError::NotRegistered(F::NAME)),
        Kind::TooLarge => {
            let size = body.first_chunk().map_or(0, |size| u64::from_le_bytes(*size));
            Err(ProcessError::TooLarge { size, limit })
        }
        _ => Err(ProcessError::Codec(String::from_utf8_lossy(body).into_owned())),
    }
}
