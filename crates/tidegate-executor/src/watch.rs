//! Finding the task that blocks its thread, while it does.
//!
//! [`SlowPollWatch`] is for programs; [`in_poll`] and [`Tag`] are for crates that poll tasks themselves.
//!
//! # Examples
//!
//! ```
//! use std::panic::Location;
//! use tidegate_executor::watch::{Tag, in_poll};
//!
//! let name = Tag::new("indexer");
//! assert_eq!(in_poll(Location::caller(), None, Some(&name), || 5), 5);
//! ```

// How it works
//
// Every thread that polls has a slot: which task it is polling, and a count that changes at the beginning and at the
// end of each poll. To poll costs a few stores into memory that nobody else writes, and no look at a clock. A thread
// of the watch looks at all slots, eight times per threshold. Where the count is what it was at an earlier look,
// the poll is the same, and has lasted at least as long as there is between the two.

mod slot;
mod slow_poll;
mod tag;
mod watched;
mod watcher;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use self::watcher::{Poll, Watcher};
use crate::quiet::quietly;

pub use self::slot::in_poll;
pub use self::slow_poll::SlowPoll;
pub use self::tag::Tag;
pub use self::watched::{Watched, watched};

/// Looks for tasks that block the thread they are polled on, and says so while they still do.
///
/// A future that computes for long, or calls something that blocks, stops every other task of its thread. This is
/// asyncio's `slow_callback_duration`, but for two things: the report comes while the task is stuck, not after, and
/// the watch may stay on in production, for it costs less than two nanoseconds per poll.
///
/// Each stall is reported once while it lasts, and once more when it is over, with the time it took in all. The
/// watch ends when this is dropped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_executor::SlowPollWatch;
///
/// # fn main() -> std::io::Result<()> {
/// let watch = SlowPollWatch::start(Duration::from_millis(50), |stall| eprintln!("{stall}"))?;
/// // … runs the program …
/// drop(watch);
/// # Ok(()) }
/// ```
///
/// # What it sees
///
/// What this crate and groups poll, in any runtime and any thread of the process: children of groups, futures that
/// threads handed over, the main future of a runner, and whatever is [`watched`]. Tasks that are handed to
/// `tokio::spawn` as they are it does not see: stable tokio has no hook for that.
///
/// # Precision
///
/// The watch looks eight times per threshold, or as often as the system lets it, and times a poll from the first look
/// that finds it to the one that reports it. So a report that a poll lasts never exaggerates, and a poll that is longer
/// than the threshold by less than the time between two looks may go unnoticed; the time in all is right to within
/// that much, either way. Where one watched future polls another (a group's local child, say),
/// the time of the outer one begins anew when the inner one returns.
#[must_use = "the watch ends when this is dropped"]
pub struct SlowPollWatch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    threshold: Duration,
    phase: Mutex<Phase>,
    bell: Condvar,
    stuck: Mutex<Vec<Poll<'static>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Watching,
    /// Looks once more.
    Stopping,
    Ended,
}

impl SlowPollWatch {
    /// What asyncio takes for slow: a tenth of a second.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::SlowPollWatch;
    ///
    /// assert_eq!(SlowPollWatch::THRESHOLD.as_millis(), 100);
    /// ```
    pub const THRESHOLD: Duration = Duration::from_millis(100);

    /// Starts a watch that calls `report` for each poll that takes `threshold` or longer.
    ///
    /// It is called on the watch's own thread. While it runs nothing is looked at; a panic in it is caught.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use tidegate_executor::{SlowPollWatch, watched};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (sender, reports) = channel();
    /// let _watch = SlowPollWatch::start(Duration::from_millis(10), move |stall| {
    ///     let _ = sender.send(stall.clone());
    /// })?;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// runtime.block_on(watched("hasty", async move {
    ///     let stall = reports.recv().unwrap(); // blocks, until the watch says that it does
    ///     assert_eq!(stall.name.as_deref(), Some("hasty"));
    /// }));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn start(
        threshold: Duration,
        report: impl FnMut(&SlowPoll) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            threshold,
            phase: Mutex::new(Phase::Watching),
            bell: Condvar::new(),
            stuck: Mutex::new(Vec::new()),
        });
        let seen = Arc::clone(&shared);
        let on = slot::On::new();
        let body = move || {
            let _on = on;
            seen.watch(report);
            seen.enter(Phase::Ended);
        };
        let thread = std::thread::Builder::new().name("tidegate-watch".to_owned()).spawn(body)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Starts a watch that prints to the standard error stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::SlowPollWatch;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let _watch = SlowPollWatch::to_stderr(SlowPollWatch::THRESHOLD)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn to_stderr(threshold: Duration) -> io::Result<Self> {
        Self::start(threshold, |stall| eprintln!("{stall}"))
    }

    /// The polls that have been reported and are not over.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::SlowPollWatch;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let watch = SlowPollWatch::to_stderr(SlowPollWatch::THRESHOLD)?;
    /// for stall in watch.stuck() {
    ///     println!("{stall}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn stuck(&self) -> Vec<SlowPoll> {
        let now = Instant::now();
        self.shared.stuck.lock().iter().filter_map(|poll| poll.still(now)).collect()
    }

    /// Ends the watch, and leaves its thread behind if a report takes longer than this.
    #[cfg(feature = "runner")]
    pub(crate) fn end_within(mut self, limit: Duration) {
        self.shared.enter(Phase::Stopping);
        let deadline = Instant::now() + limit;
        let mut phase = self.shared.phase.lock();
        while *phase != Phase::Ended {
            if self.shared.bell.wait_until(&mut phase, deadline).timed_out() {
                self.thread = None;
                return;
            }
        }
    }
}

impl Shared {
    fn enter(&self, phase: Phase) {
        *self.phase.lock() = phase;
        self.bell.notify_all();
    }

    fn watch(&self, mut report: impl FnMut(&SlowPoll)) {
        let period = (self.threshold / 8).max(Duration::from_millis(1));
        let mut watcher = Watcher::new(self.threshold);
        let mut stopping = false;
        while !stopping {
            let mut phase = self.phase.lock();
            if *phase == Phase::Watching {
                self.bell.wait_for(&mut phase, period);
            }
            stopping = *phase != Phase::Watching;
            drop(phase);
            let reports = watcher.look(&slot::all(), Instant::now());
            if !reports.is_empty() {
                *self.stuck.lock() = watcher.stuck();
            }
            for stall in &reports {
                quietly(|| report(stall));
            }
        }
    }
}

impl Drop for SlowPollWatch {
    /// Looks once more, for what has just ended, and waits for the thread.
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.enter(Phase::Stopping);
        if thread.thread().id() != std::thread::current().id() {
            drop(thread.join());
        }
    }
}

impl fmt::Debug for SlowPollWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowPollWatch").field("threshold", &self.shared.threshold).finish()
    }
}

#[cfg(test)]
mod tests;
