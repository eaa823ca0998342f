use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::entry;
use super::error::{ProcessError, StartError};
use super::janitor;
use super::plan::Plan;
use super::pool::ProcessPool;
use super::worker;

/// Says what a [`ProcessPool`] is to be like.
///
/// # Examples
///
/// ```
/// use tidegate_executor::process::ProcessPool;
///
/// let builder = ProcessPool::builder().workers(4).queue(64).max_tasks_per_child(1000);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes no pool until `build` is called"]
pub struct ProcessPoolBuilder(pub(super) Plan);

impl ProcessPoolBuilder {
    pub(super) fn new() -> Self {
        Self(Plan {
            workers: crate::builder::cores(),
            queue: usize::MAX,
            max_tasks: u64::MAX,
            keep_alive: Duration::MAX,
            max_frame: 64 << 20,
            start_timeout: Duration::from_secs(30),
            stderr_tail: 8 << 10,
            forward_stderr: true,
            forward_stdout: true,
            program: None,
            args: Vec::new(),
            envs: Vec::new(),
        })
    }

    /// How many processes there are at the most; one per core unless said.
    ///
    /// The first is started by [`build`](Self::build), the others when a call finds none that is free.
    ///
    /// # Panics
    ///
    /// When it is 0, or more than two thousand million.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::process::ProcessPool::builder().workers(4);
    /// ```
    #[track_caller]
    pub fn workers(mut self, workers: usize) -> Self {
        assert!((1..2_000_000_000).contains(&workers), "a pool has at least one worker");
        self.0.workers = workers;
        self
    }

    /// How many calls may wait for a worker before more are refused; unbounded unless said.
    ///
    /// # Examples
    ///
    /// ```
    /// // A call finds a worker that is free, or fails with `QueueFull`.
    /// let builder = tidegate_executor::process::ProcessPool::builder().queue(0);
    /// ```
    pub fn queue(mut self, calls: usize) -> Self {
        self.0.queue = calls;
        self
    }

    /// After how many calls a worker is replaced; never unless said. For functions that leak.
    ///
    /// # Panics
    ///
    /// When it is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// // A new process for each call.
    /// let builder = tidegate_executor::process::ProcessPool::builder().max_tasks_per_child(1);
    /// ```
    #[track_caller]
    pub fn max_tasks_per_child(mut self, calls: u64) -> Self {
        assert!(calls > 0, "a worker serves at least one call");
        self.0.max_tasks = calls;
        self
    }

    /// How long a worker without calls stays; for ever unless said.
    ///
    /// It ends some time between this and twice as much, by the system's clock, also while a tokio clock is paused. The
    /// worker that had the last call has the next one, so a pool that has less to do becomes smaller.
    ///
    /// # Panics
    ///
    /// When it is 0: for a new process for each call there is [`max_tasks_per_child`](Self::max_tasks_per_child).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_executor::process::ProcessPool;
    /// let builder = ProcessPool::builder().keep_alive(Duration::from_secs(60));
    /// ```
    #[track_caller]
    pub fn keep_alive(mut self, idle: Duration) -> Self {
        assert!(!idle.is_zero(), "a worker stays for a while");
        self.0.keep_alive = idle;
        self
    }

    /// How many bytes the arguments of a call, or its result, may have; 64 MiB unless said.
    ///
    /// # Panics
    ///
    /// When it is less than 64 KiB or does not fit in 32 bits.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::process::ProcessPool::builder().max_frame(1 << 20);
    /// ```
    #[track_caller]
    pub fn max_frame(mut self, bytes: usize) -> Self {
        assert!(bytes >= 64 << 10, "a frame has room for a report");
        assert!(u32::try_from(bytes).is_ok(), "the length of a frame has 32 bits");
        self.0.max_frame = bytes;
        self
    }

    /// How long a worker may take to report after it was started; 30 s unless said.
    ///
    /// # Panics
    ///
    /// When it is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_executor::process::ProcessPool;
    /// let builder = ProcessPool::builder().start_timeout(Duration::from_secs(5));
    /// ```
    #[track_caller]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        assert!(!limit.is_zero(), "a start takes time");
        self.0.start_timeout = limit;
        self
    }

    /// How much of a worker's standard error is kept for its obituary; 8 KiB unless said.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::process::ProcessPool::builder().stderr_tail(64 << 10);
    /// ```
    pub fn stderr_tail(mut self, bytes: usize) -> Self {
        self.0.stderr_tail = bytes;
        self
    }

    /// Whether what workers write to their standard error goes to that of this process, too; it does unless said.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::process::ProcessPool::builder().forward_stderr(false);
    /// ```
    pub fn forward_stderr(mut self, forward: bool) -> Self {
        self.0.forward_stderr = forward;
        self
    }

    /// Whether workers write to the standard output of this process; they do unless said, and otherwise to nowhere.
    ///
    /// Workers of a test binary do not, as its harness speaks in them, too.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::process::ProcessPool::builder().forward_stdout(false);
    /// ```
    pub fn forward_stdout(mut self, forward: bool) -> Self {
        self.0.forward_stdout = forward;
        self
    }

    /// Starts another program than this one.
    ///
    /// A program, not a script: it is started by the name `tidegate-worker`, its argument 0, by which `init` knows what
    /// it is. It calls [`init`](super::init) with the functions that it knows, under the same paths, and is built with the
    /// same version of this crate. A function whose types have other names there counts as not registered; that
    /// types of one name are the same type is for the two to keep.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use tidegate_executor::process::ProcessPool;
    /// let builder = ProcessPool::builder().program("/usr/libexec/thumbnailer-worker");
    /// ```
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.program = Some(path.into());
        self
    }

    /// Arguments for the workers, beside those that a test binary needs. A program that has them comes to
    /// [`init`](super::init) in its own way, and the pool does not ask whether it was called here.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::process::ProcessPool;
    /// let builder = ProcessPool::builder().args(["my_worker_entry", "--exact", "--nocapture"]);
    /// ```
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.0.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable of the workers; the others are this process's.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::process::ProcessPool::builder().env("OMP_NUM_THREADS", "1");
    /// ```
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.0.envs.push((key.into(), value.into()));
        self
    }

    #[cfg(test)]
    pub(super) fn core(self) -> Arc<Core> {
        Arc::new(Core::new(self.0))
    }

    /// Makes the pool and starts its first worker.
    ///
    /// # Examples
    ///
    /// See [`ProcessPool`].
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Dropping the future ends what it had started.
    ///
    /// # Errors
    ///
    /// When no worker can be started, and this is the time to learn it.
    pub async fn build(mut self) -> Result<ProcessPool, StartError> {
        if worker::is_started_as_one() {
            return Err(StartError::Nested);
        }
        if self.0.program.is_none() && self.0.args.is_empty() {
            if let Some(args) = entry::args() {
                (self.0.args, self.0.forward_stdout) = (args, false);
            } else if !super::is_initialised() {
                return Err(StartError::NotInitialised);
            }
        }
        let pool = ProcessPool::new(Arc::new(Core::new(self.0)));
        janitor::start(pool.core())?;
        pool.warm_up().await?;
        Ok(pool)
    }
}

impl ProcessPool {
    async fn warm_up(&self) -> Result<(), StartError> {
        self.core().warm_up().await.map_err(|error| match error {
            ProcessError::NotStarted(error) => error,
            _ => StartError::Closed,
        })
    }
}
