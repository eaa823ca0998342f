use std::fmt;
use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::{Leftovers, OnLeftovers, OnSlowPoll, Runner};
use crate::watch::SlowPoll;

/// Says what a [`Runner`] is to be like.
///
/// Made by [`Runner::builder`]. Unless said otherwise it has a worker per core, listens to signals with ten seconds of
/// grace, has five for the end, and no watch.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_executor::{Runner, SlowPollWatch};
///
/// # fn main() -> std::io::Result<()> {
/// let runner = Runner::builder()
///     .workers(4)
///     .ctrl_c(Duration::from_secs(30))
///     .slow_poll(SlowPollWatch::THRESHOLD, |stall| eprintln!("{stall}"))
///     .blocking_shutdown(Duration::from_secs(2))
///     .build()?;
/// # drop(runner);
/// # Ok(()) }
/// ```
#[must_use = "a builder makes no runner until `build` is called"]
pub struct RunnerBuilder {
    kind: Kind,
    ctrl_c: Option<Duration>,
    slow_poll: Option<(Duration, OnSlowPoll)>,
    blocking_shutdown: Duration,
    on_leftovers: OnLeftovers,
}

#[derive(Debug)]
enum Kind {
    CurrentThread,
    MultiThread(Option<usize>),
    Made(Runtime),
}

impl RunnerBuilder {
    pub(super) fn new() -> Self {
        Self {
            kind: Kind::MultiThread(None),
            ctrl_c: Some(Duration::from_secs(10)),
            slow_poll: None,
            blocking_shutdown: Duration::from_secs(5),
            on_leftovers: Box::new(|leftovers| eprintln!("{leftovers}")),
        }
    }

    /// A multi-threaded runtime with so many workers; as many as there are cores unless said.
    ///
    /// # Panics
    ///
    /// When it is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::Runner::builder().workers(2);
    /// ```
    #[track_caller]
    pub fn workers(mut self, workers: usize) -> Self {
        assert!(workers > 0, "a runtime has at least one worker");
        self.kind = Kind::MultiThread(Some(workers));
        self
    }

    /// A runtime that polls everything on the thread that runs.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::Runner::builder().current_thread();
    /// ```
    pub fn current_thread(mut self) -> Self {
        self.kind = Kind::CurrentThread;
        self
    }

    /// A runtime that is there already, with its timers enabled; it is shut down at the end, unless it is
    /// [given back](Runner::into_runtime).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// let builder = tidegate_executor::Runner::builder().runtime(runtime);
    /// # drop(builder.build()?);
    /// # Ok(()) }
    /// ```
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.kind = Kind::Made(runtime);
        self
    }

    /// Listens to signals, and gives the program so long to stop by itself.
    ///
    /// The first `SIGINT` or `SIGTERM` (on Windows: `Ctrl-C` or `Ctrl-Break`) asks the main future to
    /// [stop](tidegate_timeout::ScopeHandle::request_stop). The second cancels it, and so does the end of the
    /// grace. The one after that exits on the spot, with 128 and its number.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let builder = tidegate_executor::Runner::builder().ctrl_c(Duration::MAX); // never by itself
    /// ```
    pub fn ctrl_c(mut self, grace: Duration) -> Self {
        self.ctrl_c = Some(grace);
        self
    }

    /// Leaves signals alone.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::Runner::builder().no_signals();
    /// ```
    pub fn no_signals(mut self) -> Self {
        self.ctrl_c = None;
        self
    }

    /// Has a [`SlowPollWatch`](crate::SlowPollWatch) call `report` for polls that take this long.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_executor::Runner;
    /// let builder = Runner::builder()
    ///     .slow_poll(Duration::from_millis(50), |stall| eprintln!("{stall}"));
    /// ```
    pub fn slow_poll(
        mut self,
        threshold: Duration,
        report: impl FnMut(&SlowPoll) + Send + 'static,
    ) -> Self {
        self.slow_poll = Some((threshold, Box::new(report)));
        self
    }

    /// How long the end may take: what is still inside when `main` is over or cancelled, and the runtime's threads.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let builder = tidegate_executor::Runner::builder().blocking_shutdown(Duration::from_secs(1));
    /// ```
    pub fn blocking_shutdown(mut self, limit: Duration) -> Self {
        self.blocking_shutdown = limit;
        self
    }

    /// Called at the end if something was stuck; it is printed to the standard error stream unless said.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = tidegate_executor::Runner::builder().on_leftovers(|left| {
    ///     for job in &left.jobs {
    ///         println!("{job}");
    ///     }
    /// });
    /// ```
    pub fn on_leftovers(mut self, report: impl FnOnce(&Leftovers) + 'static) -> Self {
        self.on_leftovers = Box::new(report);
        self
    }

    /// Makes the runner, and its runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runner = tidegate_executor::Runner::builder().build()?;
    /// # drop(runner);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the system has not what a runtime needs.
    pub fn build(self) -> io::Result<Runner> {
        let runtime = match self.kind {
            Kind::CurrentThread => Builder::new_current_thread().enable_all().build()?,
            Kind::MultiThread(workers) => {
                let mut builder = Builder::new_multi_thread();
                if let Some(workers) = workers {
                    builder.worker_threads(workers);
                }
                builder.enable_all().build()?
            }
            Kind::Made(runtime) => runtime,
        };
        Ok(Runner {
            runtime: Some(runtime),
            ctrl_c: self.ctrl_c,
            signals: None,
            slow_poll: self.slow_poll,
            watch: None,
            blocking_shutdown: self.blocking_shutdown,
            on_leftovers: Some(self.on_leftovers),
            in_time: true,
        })
    }
}

impl fmt::Debug for RunnerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RunnerBuilder");
        debug.field("kind", &self.kind).field("ctrl_c", &self.ctrl_c);
        debug.field("blocking_shutdown", &self.blocking_shutdown).finish_non_exhaustive()
    }
}
