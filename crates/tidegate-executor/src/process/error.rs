use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use tidegate_timeout::CancelReason;

/// Why a call in another process has no result.
///
/// Whatever it is, it is the end of this call only: the pool goes on.
///
/// # Examples
///
/// ```
/// use tidegate_executor::process::ProcessError;
///
/// fn describe(error: &ProcessError) -> String {
///     match error {
///         ProcessError::Died { signal: Some(9), .. } => "killed, for want of memory perhaps".into(),
///         ProcessError::Died { stderr_tail, .. } => format!("crashed, and had said: {stderr_tail}"),
///         ProcessError::Panicked { message, place, .. } => format!("{message} ({place})"),
///         other => other.to_string(),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The worker ended during the call: a crash, `exit`, or somebody killed it.
    #[error("the worker died ({})", end(*signal, *code))]
    #[non_exhaustive]
    Died {
        /// The signal that ended it.
        signal: Option<i32>,
        /// What it exited with, if no signal ended it.
        code: Option<i32>,
        /// The last that it wrote to its standard error during the call.
        stderr_tail: String,
    },
    /// The function panicked. (With `panic = "abort"` the worker dies instead.)
    #[error("the function panicked: {message}")]
    #[non_exhaustive]
    Panicked {
        /// What the panic said.
        message: String,
        /// File, line and column; empty if a hook of the function's own took the report.
        place: String,
    },
    /// The worker does not know this function, or knows one with other types by this name.
    #[error("the worker knows no function {0}")]
    NotRegistered(&'static str),
    /// The pool was closed, and the reason is [`CancelReason::Shutdown`]; or a scope was cancelled that had no say in
    /// dropping the call.
    #[error("the call was cancelled: {0}")]
    Cancelled(CancelReason),
    /// The arguments, or the result, are longer than a frame may be.
    #[error("{size} bytes are too many for a frame, which has {limit} at the most")]
    #[non_exhaustive]
    TooLarge {
        /// How many bytes there were to send.
        size: u64,
        /// How many there may be.
        limit: usize,
    },
    /// As many calls wait for a worker as may.
    #[error("the queue of the pool is full")]
    QueueFull,
    /// The arguments, or the result, could not be converted to bytes or back.
    #[error("not converted: {0}")]
    Codec(String),
    /// The worker said something that is not an answer; it was killed.
    #[error("the worker broke the protocol: {0}")]
    Protocol(String),
    /// No worker could be started.
    #[error("no worker: {0}")]
    NotStarted(#[from] StartError),
}

/// Why a worker could not be started.
///
/// # Examples
///
/// ```
/// use tidegate_executor::process::{ProcessPool, StartError};
///
/// # tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(async {
/// // This program does not call `process::init`, so that a worker would not know that it is one.
/// assert_eq!(ProcessPool::builder().build().await.unwrap_err(), StartError::NotInitialised);
/// # })
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// This is a worker itself, and workers have no workers.
    #[error("this process is a worker, which has no workers of its own")]
    Nested,
    /// `process::init` was not called, so that a worker would be this program once more.
    #[error(
        "process::init() is to be called first in main, or process_test_entry!() to be used in tests"
    )]
    NotInitialised,
    /// The system refused a socket, a thread or a process.
    #[error("the system refused: {0}")]
    System(io::ErrorKind),
    /// The worker did not report in time.
    #[error("the worker did not report in time")]
    TimedOut,
    /// The worker is another program, or another build of this one.
    #[error("the worker is another build of this program")]
    OtherBuild,
    /// What the worker said was not a report.
    #[error("the worker broke the protocol: {0}")]
    Protocol(String),
    /// The worker ended before it reported.
    #[error("the worker died before it reported ({})", end(*signal, *code))]
    #[non_exhaustive]
    Died {
        /// The signal that ended it.
        signal: Option<i32>,
        /// What it exited with, if no signal ended it.
        code: Option<i32>,
        /// The last that it wrote to its standard error.
        stderr_tail: String,
    },
    /// The pool was closed before the worker had started.
    #[error("the pool was closed")]
    Closed,
}

fn end(signal: Option<i32>, code: Option<i32>) -> String {
    match (signal, code) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "how is not known".to_owned(),
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::System(error.kind())
    }
}

/// How a worker ended.
#[derive(Clone, Debug)]
pub(super) struct Fate {
    pub(super) status: Option<ExitStatus>,
    pub(super) tail: String,
}

impl Fate {
    fn end(&self) -> (Option<i32>, Option<i32>) {
        let status = self.status.as_ref();
        (status.and_then(ExitStatusExt::signal), status.and_then(ExitStatus::code))
    }

    pub(super) fn during_a_call(self) -> ProcessError {
        let (signal, code) = self.end();
        ProcessError::Died { signal, code, stderr_tail: self.tail }
    }

    pub(super) fn at_the_start(self) -> StartError {
        let (signal, code) = self.end();
        StartError::Died { signal, code, stderr_tail: self.tail }
    }
}
