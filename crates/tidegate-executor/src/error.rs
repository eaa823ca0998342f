use std::any::Any;
use std::fmt;
use std::io;

use tidegate_timeout::CancelReason;

use crate::quiet::discard;

/// Why a job has no result.
///
/// # Examples
///
/// ```
/// use tidegate_executor::{JobError, ThreadPool};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let pool = ThreadPool::builder().build();
/// match pool.run(|_| "12x".parse::<u32>().expect("a number")).await {
///     Ok(number) => println!("{number}"),
///     Err(JobError::Panicked(message)) => assert!(message.starts_with("a number: ")),
///     Err(other) => println!("{other}"),
/// }
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The job was cancelled before it had a result.
    ///
    /// It never started; or it was waiting in [`JobCx::block_on`](crate::JobCx::block_on). The reason is
    /// [`CancelReason::Shutdown`] when its pool was closed.
    #[error("the job was cancelled: {0}")]
    Cancelled(CancelReason),
    /// The closure panicked, with this message. (With `panic = "abort"` the whole program ends instead.)
    #[error("the job panicked: {0}")]
    Panicked(String),
    /// The system would not start a thread, and the pool had none.
    #[error("no thread could be started: {0}")]
    NoThread(io::ErrorKind),
}

/// What `JobCx::block_on` unwinds with.
pub(crate) struct Interrupted(pub(crate) CancelReason);

impl JobError {
    /// What a closure that unwound with `payload` ended in.
    pub(crate) fn from_payload(payload: Box<dyn Any + Send>) -> Self {
        let payload = match payload.downcast::<Interrupted>() {
            Ok(interrupted) => return Self::Cancelled(interrupted.0),
            Err(payload) => payload,
        };
        let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
            (*text).to_owned()
        } else if let Some(text) = payload.downcast_ref::<String>() {
            text.clone()
        } else {
            "a value that is not text".to_owned()
        };
        discard(payload);
        Self::Panicked(message)
    }
}

/// The queue is full, and so are the threads; the closure was dropped.
///
/// Returned by [`ThreadPool::submit`](crate::ThreadPool::submit).
///
/// # Examples
///
/// ```
/// use tidegate_executor::{QueueFull, ThreadPool};
///
/// fn compress_later(pool: &ThreadPool, path: String) -> Result<(), QueueFull> {
///     pool.submit(move |_| println!("compressing {path}"))?.detach();
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue of the pool is full")
    }
}

impl std::error::Error for QueueFull {}
