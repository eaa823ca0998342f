use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use crate::timer::Timer;
use crate::timers::Timers;

/// A callback that is to run later: asyncio's `TimerHandle`.
///
/// Dropping it changes nothing: the callback runs. A clone is a handle to the same callback.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_executor::call_later;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let reminder = call_later(Duration::from_secs(3600), || println!("an hour is over"));
/// assert!(reminder.cancel());
/// assert!(reminder.is_cancelled());
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct TimerHandle {
    timer: Arc<dyn Timer>,
    when: Instant,
    timers: Arc<Timers>,
}

impl TimerHandle {
    pub(crate) fn new(timer: Arc<dyn Timer>, when: Instant, timers: Arc<Timers>) -> Self {
        Self { timer, when, timers }
    }

    /// Cancels the callback; answers whether it has not run, and never will.
    ///
    /// The closure is dropped before this returns. After this the callback does not run and is not running: if it
    /// runs on another thread at this moment, this waits until it has returned, and the answer is `false`. Called
    /// by the callback itself, it does not wait. The answer is `false`, too, when the callback has run or was
    /// cancelled before.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let handle = tidegate_executor::call_later(Duration::ZERO, || println!("now"));
    /// tokio::time::sleep(Duration::from_millis(5)).await;
    /// assert!(!handle.cancel(), "it has run");
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// For as long as the callback runs on another thread, which is short if callbacks are what they should
    /// be. Callbacks must not wait for a thread that cancels them, nor cancel each other from two runtimes at the
    /// same moment.
    pub fn cancel(&self) -> bool {
        let cancelled = self.timer.cancel();
        if cancelled {
            self.timers.is_emptied();
        }
        cancelled
    }

    /// Whether the callback never runs: it was cancelled, or its runtime or portal is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_executor::call_later;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// let handle = runtime.block_on(async { call_later(Duration::from_secs(60), || ()) });
    /// drop(runtime);
    /// assert!(handle.is_cancelled());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.timer.is_dropped()
    }

    /// When the callback is due.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::call_at;
    /// use tokio::time::{Duration, Instant};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let when = Instant::now() + Duration::from_secs(60);
    /// assert_eq!(call_at(when, || ()).when(), when);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn when(&self) -> Instant {
        self.when
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerHandle")
            .field("when", &self.when)
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
