use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::timer::Callback;
use crate::timer_handle::TimerHandle;
use crate::timers::Timers;

/// Calls `callback` in the current runtime once `delay` is over: asyncio's `call_later`.
///
/// All callbacks of a runtime are run by one task, in the order of their times and, for equal ones, of the calls; a
/// hundred thousand of them are nothing out of the ordinary. One that blocks holds up the others. A panic in one
/// is reported by the panic hook and stops nothing else. A runtime that goes away drops what has not run, and the
/// [handles](TimerHandle) say so.
///
/// A callback has the context variables of the place where it was given, with the feature `tracing` the span, and sees
/// the scope: it may look whether that was cancelled, but is not itself cancelled with it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_executor::call_later;
/// use tokio::sync::oneshot;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let (sender, receiver) = oneshot::channel();
/// call_later(Duration::from_millis(5), || drop(sender.send("ding")));
/// assert_eq!(receiver.await, Ok("ding"));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # `call_later` or `tokio::spawn`?
///
/// - `call_later` for a function that is called at some time unless it is [cancelled](TimerHandle::cancel) before: it
///   costs a fraction of a task, and what was cancelled is known not to run.
/// - `spawn` for what has to await anything.
///
/// # Panics
///
/// Outside of a tokio runtime with its timers enabled.
#[track_caller]
pub fn call_later<F>(delay: Duration, callback: F) -> TimerHandle
where
    F: FnOnce() + Send + 'static,
{
    call_at(after(delay), callback)
}

/// Calls `callback` in the current runtime at `when`, or soon if that has passed: asyncio's `call_at`.
///
/// As [`call_later`].
///
/// # Examples
///
/// ```
/// use tidegate_executor::call_at;
/// use tokio::time::{Duration, Instant};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let start = Instant::now();
/// for beat in 1..=4 {
///     call_at(start + beat * Duration::from_millis(1), move || println!("{beat}"));
/// }
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
///
/// As [`call_later`].
#[track_caller]
pub fn call_at<F>(when: Instant, callback: F) -> TimerHandle
where
    F: FnOnce() + Send + 'static,
{
    Timers::of_runtime().add(when, Arc::new(Callback::new(callback)))
}

/// Calls `callback` in the current runtime soon: asyncio's `call_soon_threadsafe`.
///
/// On any thread that has entered the runtime, whether or not that runs it; one that has not can use a
/// [`Portal`](crate::Portal::call_soon). Callbacks run in the order of the calls. As [`call_later`] otherwise.
///
/// # Examples
///
/// ```
/// use tidegate_executor::call_soon_threadsafe;
///
/// # let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
/// let handle = runtime.handle().clone();
/// std::thread::spawn(move || {
///     let _inside = handle.enter();
///     call_soon_threadsafe(|| println!("on a thread of the runtime"));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
///
/// As [`call_later`].
#[track_caller]
pub fn call_soon_threadsafe<F>(callback: F) -> TimerHandle
where
    F: FnOnce() + Send + 'static,
{
    call_at(Instant::now(), callback)
}

/// The instant that is `delay` from now, or one that nobody lives to see.
pub(crate) fn after(delay: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    let now = Instant::now();
    now.checked_add(delay).unwrap_or_else(|| now + FAR)
}
