use std::panic::Location;

use tokio::runtime::Handle;

use crate::blocking_future::BlockingFuture;
use crate::task::start;

/// Hands a future to a runtime that runs elsewhere: asyncio's `run_coroutine_threadsafe`.
///
/// Does not wait and does not have to be inside a runtime. The task is in the current scope of this thread, if there
/// is one: it is cancelled with that scope, which does not end before it. It has the context
/// variables of this place and, with the feature `tracing`, its span. A runtime that was shut down drops the
/// future, and the result is [`WaitError::Cancelled`](crate::WaitError::Cancelled).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_executor::{WaitError, run_coroutine_threadsafe};
///
/// # let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
/// let handle = runtime.handle().clone();
/// let thread = std::thread::spawn(move || {
///     let future = run_coroutine_threadsafe(async { 6 * 7 }, &handle);
///     future.result_timeout(Duration::from_secs(60))
/// });
/// assert_eq!(thread.join().unwrap(), Ok(42));
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn run_coroutine_threadsafe<F>(future: F, runtime: &Handle) -> BlockingFuture<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    start(runtime, future, Location::caller())
}
