// How it works
//
// `main` is polled inside a scope, the root, on the thread that called. When its value is there the root waits for
// what is still inside (jobs whose futures were dropped, say), but no longer than the shutdown may take; then the
// runtime is shut down, with what is left of that time.
//
// Signals come to a thread of their own, with a runtime of its own, so that they are heeded also when the main
// one is blocked.

mod builder;
mod error;
mod leftovers;
mod signals;

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::panic::{Location, resume_unwind};
use std::pin::{Pin, pin};
use std::process::{ExitCode, Termination};
use std::task::Poll;
use std::time::{Duration, Instant};

use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::{Ended, Scope};
use tokio::runtime::{Handle, Runtime};
use tokio::time::Sleep;

use self::signals::Signals;
use crate::crew::roll;
use crate::deadlock::is_polled;
use crate::watch::{SlowPoll, SlowPollWatch, Tag, in_poll};

pub use self::builder::RunnerBuilder;
pub use self::error::RunError;
pub use self::leftovers::Leftovers;

/// What threads of the runtime that have nothing to do get to end, also when the time is over.
const A_MOMENT: Duration = Duration::from_millis(10);

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
/// # Limitations
///
/// Signals that a runner has listened to stay with the process: after its end, `Ctrl-C` does not end the program
/// any more. All runners of a process that listen hear every signal.
pub struct Runner {
    /// There until it runs or is dropped.
    runtime: Option<Runtime>,
    ctrl_c: Option<Duration>,
    slow_poll: Option<(Duration, OnSlowPoll)>,
    blocking_shutdown: Duration,
    /// There until it runs.
    on_leftovers: Option<OnLeftovers>,
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
        let location = Location::caller();
        if Handle::try_current().is_ok() && is_polled() {
            return Err(RunError::Nested(location));
        }
        let runtime = self.runtime.take().expect("a runner runs once");
        let root = Scope::new();
        let signals = match self.ctrl_c {
            Some(grace) => Some(Signals::listen(root.handle(), grace)?),
            None => None,
        };
        let watch = match self.slow_poll.take() {
            Some((threshold, report)) => Some(SlowPollWatch::start(threshold, report)?),
            None => None,
        };

        let driven = runtime.block_on(drive(&root, main, location, self.blocking_shutdown));
        let Driven { ended, in_time, over } = driven;

        let mut leftovers =
            Leftovers { tasks: runtime.metrics().num_alive_tasks(), ..Leftovers::default() };
        let left = self.blocking_shutdown.saturating_sub(over.elapsed()).max(A_MOMENT);
        let begun = Instant::now();
        runtime.shutdown_timeout(left);
        leftovers.threads = begun.elapsed() >= left;
        if !in_time {
            leftovers.jobs = roll::running();
        }
        leftovers.polls = watch.as_ref().map_or_else(Vec::new, SlowPollWatch::stuck);
        if !leftovers.is_clean() {
            (self.on_leftovers.take().expect("a runner runs once"))(&leftovers);
        }
        drop(watch);
        let signal = signals.as_ref().and_then(Signals::first);
        drop(signals);
        match ended {
            Ended::Value(value) => Ok(value),
            Ended::Panicked(panic) => resume_unwind(panic),
            Ended::Cancelled(reason) => Err(RunError::Cancelled { reason, signal }),
        }
    }
}

struct Driven<T> {
    ended: Ended<T>,
    /// All that was inside the root has ended, too.
    in_time: bool,
    /// Since when the runner waits for nothing but the end.
    over: Instant,
}

/// Polls `main` in the root until both are over, or for no longer than `limit` after the one is, or was cancelled.
async fn drive<F: Future>(
    root: &Scope,
    main: F,
    location: &'static Location<'static>,
    limit: Duration,
) -> Driven<F::Output> {
    let (name, handle) = (Tag::new("main"), root.handle());
    let value = RefCell::new(None);
    let mut main = pin!(root.run(async {
        let got = main.await;
        *value.borrow_mut() = Some(got);
    }));
    let mut over = None;
    let mut alarm: Option<Pin<Box<Sleep>>> = None;
    let ended = poll_fn(|cx| {
        let polled = in_poll(location, None, Some(&name), || main.as_mut().poll(cx));
        if let Poll::Ready(ended) = polled {
            return Poll::Ready(Some(ended));
        }
        if alarm.is_none() && (value.borrow().is_some() || handle.is_cancelled()) {
            over = Some(Instant::now());
            alarm = Some(Box::pin(tokio::time::sleep(limit)));
        }
        match &mut alarm {
            Some(alarm) => alarm.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    });
    let ended = ended.await;
    let in_time = ended.is_some();
    let ended = match (value.take(), ended) {
        (_, Some(Ended::Panicked(panic))) => Ended::Panicked(panic),
        (Some(value), _) => Ended::Value(value),
        (None, Some(Ended::Cancelled(reason))) => Ended::Cancelled(reason),
        (None, _) => Ended::Cancelled(handle.reason().unwrap_or(CancelReason::Shutdown)),
    };
    Driven { ended, in_time, over: over.unwrap_or_else(Instant::now) }
}

impl Drop for Runner {
    /// A runner that never ran may be dropped anywhere.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
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
