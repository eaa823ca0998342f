// How it works
//
// `main` is polled inside a scope, the root, on the thread that called. When its value is there the root waits for
// what is still inside (jobs whose futures were dropped, say), but no longer than the shutdown may take; then the
// runtime is shut down, with what is left of that time.
//
// Signals come to a thread of their own, with a runtime of its own, so that they are heeded also when the main
// one is blocked.

mod builder;
mod drive;
mod error;
mod leftovers;
mod signals;

use std::fmt;
use std::panic::{Location, resume_unwind};
use std::process::{ExitCode, Termination};
use std::time::{Duration, Instant};

use tidegate_timeout::scope::{Ended, Scope};
use tokio::runtime::{Handle, Runtime};

use self::drive::{Driven, drive};
use self::signals::Signals;
use crate::crew::roll;
use crate::deadlock::is_polled;
use crate::portal::Portal;
use crate::watch::{SlowPoll, SlowPollWatch};

pub use self::builder::RunnerBuilder;
pub use self::error::RunError;
pub use self::leftovers::Leftovers;

/// What threads of the runtime that have nothing to do get to end, also when the time is over.
const A_MOMENT: Duration = Duration::from_millis(10);

const IS_THERE: &str = "the runtime goes with the runner";

type OnSlowPoll = Box<dyn FnMut(&SlowPoll) + Send>;
type OnLeftovers = Box<dyn FnOnce(&Leftovers)>;

/// Runs the main future of a program: runtime, signals, an end in bounded time, and an exit code.
///
/// The main future is inside a scope, and so is everything it asks this workspace's crates for. `Ctrl-C` and a
/// termination signal reach the program through that scope: the first asks it to
/// [stop](tidegate_timeout::ScopeHandle::request_stop), the second cancels it, the third exits.
///
/// # Examples
///
/// ```
/// use std::process::ExitCode;
/// use std::time::Duration;
/// use tidegate_executor::Runner;
///
/// fn main() -> ExitCode {
///     let runner = Runner::builder()
///         .workers(2)
///         .ctrl_c(Duration::from_secs(10))
///         .blocking_shutdown(Duration::from_secs(2))
///         .build();
///     match runner {
///         Ok(runner) => runner.run(async { Ok::<(), std::io::Error>(()) }),
///         Err(error) => {
///             eprintln!("{error}");
///             ExitCode::FAILURE
///         }
///     }
/// }
/// ```
///
/// [`run`](Self::run) is for a program that has one such future. Those that have several, one after the other, use
/// [`block_on`](Self::block_on) for each and [`close`](Self::close) at the end.
///
/// # Limitations
///
/// Signals that a runner has listened to stay with the process: after its end, `Ctrl-C` does not end the program
/// any more, and between two futures it takes three. All runners of a process that listen hear every signal.
pub struct Runner {
    /// There until it is shut down, or given back.
    runtime: Option<Runtime>,
    ctrl_c: Option<Duration>,
    /// Of the last future, for those who wait for the end.
    signals: Option<Signals>,
    /// There until the watch starts.
    slow_poll: Option<(Duration, OnSlowPoll)>,
    watch: Option<SlowPollWatch>,
    blocking_shutdown: Duration,
    /// There until the end.
    on_leftovers: Option<OnLeftovers>,
    /// All that was inside of the futures has ended with them.
    in_time: bool,
}

/// Runs `main` on a runtime of its own and gives the code to exit with.
///
/// This is asyncio's `run`: a [`Runner`] with a worker per core that listens to signals, with ten seconds from the
/// first one until `main` is cancelled, and five for the end.
///
/// # Examples
///
/// ```
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     tidegate_executor::run(async {
///         println!("hello");
///     })
/// }
/// ```
///
/// # Panics
///
/// When `main` panics, with what it panicked with, after everything was shut down.
#[track_caller]
pub fn run<F: Future<Output: Termination>>(main: F) -> ExitCode {
    match Runner::builder().build() {
        Ok(runner) => runner.run(main),
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Runner {
    /// Begins to describe a runner.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runner = tidegate_executor::Runner::builder().current_thread().build()?;
    /// # drop(runner);
    /// # Ok(()) }
    /// ```
    pub fn builder() -> RunnerBuilder {
        RunnerBuilder::new()
    }

    /// Runs `main` to its end and gives the code to exit with.
    ///
    /// A value has the code that it would have if `fn main()` returned it; an error is printed. If `main` was
    /// cancelled by a signal the code is 128 and the signal's number, as shells have it: 130 for `Ctrl-C`, 143 for a
    /// termination. If it was asked to stop and returned, its value counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::process::ExitCode;
    /// use tidegate_executor::Runner;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let code = Runner::builder().build()?.run(async { ExitCode::from(3) });
    /// assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)));
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`run`].
    #[track_caller]
    pub fn run<F: Future<Output: Termination>>(self, main: F) -> ExitCode {
        match self.try_run(main) {
            Ok(value) => value.report(),
            Err(error) => {
                eprintln!("Error: {error}");
                ExitCode::from(error.code())
            }
        }
    }

    /// Runs `main` to its end and gives its value.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::Runner;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sum = Runner::builder().current_thread().build()?.try_run(async { 2 + 3 })?;
    /// assert_eq!(sum, 5);
    /// # Ok(()) }
    /// ```
    ///
    /// From inside of a runtime it is refused:
    ///
    /// ```
    /// use tidegate_executor::{RunError, Runner};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// Runner::builder().build()?.try_run(async {
    ///     let inner = Runner::builder().build().unwrap();
    ///     assert!(matches!(inner.try_run(async {}), Err(RunError::Nested(_))));
    /// })?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`RunError::Cancelled`] when `main` was cancelled, by a signal or by whoever calls this from a job;
    /// - [`RunError::Nested`] when this is called by code that a runtime polls, which it would block.
    /// - [`RunError::Io`] when the system has no signals or no threads to give.
    ///
    /// # Panics
    ///
    /// As [`run`].
    #[track_caller]
    pub fn try_run<F: Future>(mut self, main: F) -> Result<F::Output, RunError> {
        let driven = self.drive(main)?;
        self.end(driven.over);
        self.result(driven.ended)
    }

    /// Runs a future to its end, and keeps the runtime: asyncio's `Runner.run`.
    ///
    /// As [`try_run`](Self::try_run), and may be called again: tasks that were spawned go on when the runtime is
    /// driven next, or in between if it has workers. Each future has a scope and the signals to itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::Runner;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut runner = Runner::builder().current_thread().build()?;
    /// let (sender, receiver) = tokio::sync::oneshot::channel();
    /// runner.block_on(async { drop(tokio::spawn(async { sender.send(2 + 3) })) })?;
    /// assert_eq!(runner.block_on(receiver)??, 5);
    /// assert!(runner.close().is_clean());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`try_run`](Self::try_run).
    ///
    /// # Panics
    ///
    /// When the future panics, with what it panicked with.
    #[track_caller]
    pub fn block_on<F: Future>(&mut self, main: F) -> Result<F::Output, RunError> {
        let driven = self.drive(main)?;
        self.result(driven.ended)
    }

    /// Shuts the runtime down in bounded time, and says what was stuck.
    ///
    /// # Examples
    ///
    /// See [`block_on`](Self::block_on).
    pub fn close(mut self) -> Leftovers {
        self.end(Instant::now())
    }

    /// The runtime, for code that spawns into it: asyncio's `get_loop`.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::{Runner, run_coroutine_threadsafe};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut runner = Runner::builder().workers(1).build()?;
    /// let early = run_coroutine_threadsafe(async { 2 + 3 }, runner.handle());
    /// assert_eq!(runner.block_on(early)??, 5);
    /// # Ok(()) }
    /// ```
    pub fn handle(&self) -> &Handle {
        self.there().handle()
    }

    /// A way for threads into the runtime.
    ///
    /// Its tasks are inside of none of the runner's futures: they outlive each, and are dropped with the runtime.
    /// Threads of a future that are to be cancelled with it use the [`Portal::current`] of that future.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::Runner;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let runner = Runner::builder().workers(1).build()?;
    /// let portal = runner.portal();
    /// let thread = std::thread::spawn(move || portal.call(async { 2 + 3 }));
    /// assert_eq!(thread.join().unwrap(), Ok(5));
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn portal(&self) -> Portal {
        let _inside = self.there().enter();
        Portal::current()
    }

    /// Gives the runtime back, as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::Runner;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// let mut runner = Runner::builder().runtime(runtime).build()?;
    /// assert_eq!(runner.block_on(async { 2 + 3 })?, 5);
    /// let runtime = runner.into_runtime();
    /// assert_eq!(runtime.block_on(async { 7 }), 7);
    /// # Ok(()) }
    /// ```
    pub fn into_runtime(mut self) -> Runtime {
        self.runtime.take().expect(IS_THERE)
    }

    fn there(&self) -> &Runtime {
        self.runtime.as_ref().expect(IS_THERE)
    }

    #[track_caller]
    fn drive<F: Future>(&mut self, main: F) -> Result<Driven<F::Output>, RunError> {
        let location = Location::caller();
        if Handle::try_current().is_ok() && is_polled() {
            return Err(RunError::Nested(location));
        }
        let root = Scope::new();
        // Two would count twice.
        self.signals = None;
        if let Some(grace) = self.ctrl_c {
            self.signals = Some(Signals::listen(root.handle(), grace)?);
        }
        if let Some((threshold, report)) = self.slow_poll.take() {
            self.watch = Some(SlowPollWatch::start(threshold, report)?);
        }
        let driven = self.there().block_on(drive(&root, main, location, self.blocking_shutdown));
        self.in_time &= driven.in_time;
        Ok(driven)
    }

    /// Shuts everything down, in what is left of the time since `over`.
    fn end(&mut self, over: Instant) -> Leftovers {
        let runtime = self.runtime.take().expect(IS_THERE);
        let mut leftovers =
            Leftovers { tasks: runtime.metrics().num_alive_tasks(), ..Leftovers::default() };
        let left = self.blocking_shutdown.saturating_sub(over.elapsed()).max(A_MOMENT);
        let begun = Instant::now();
        runtime.shutdown_timeout(left);
        leftovers.threads = begun.elapsed() >= left;
        if !self.in_time {
            leftovers.jobs = roll::running();
        }
        leftovers.polls = self.watch.as_ref().map_or_else(Vec::new, SlowPollWatch::stuck);
        if !leftovers.is_clean() {
            (self.on_leftovers.take().expect("it ends once"))(&leftovers);
        }
        leftovers
    }

    fn result<T>(&self, ended: Ended<T>) -> Result<T, RunError> {
        match ended {
            Ended::Value(value) => Ok(value),
            Ended::Panicked(panic) => resume_unwind(panic),
            Ended::Cancelled(reason) => {
                let signal = self.signals.as_ref().and_then(Signals::first);
                Err(RunError::Cancelled { reason, signal })
            }
        }
    }
}

impl Drop for Runner {
    /// Waits for nothing that may take long, so a runner may be dropped anywhere.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if let Some(watch) = self.watch.take() {
            watch.end_within(A_MOMENT);
        }
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Runner");
        debug.field("runtime", &self.runtime).field("ctrl_c", &self.ctrl_c);
        debug.field("blocking_shutdown", &self.blocking_shutdown).finish_non_exhaustive()
    }
}
