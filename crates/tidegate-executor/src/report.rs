use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// What a [`ThreadPool`](crate::ThreadPool) is doing, from [`statistics`](crate::ThreadPool::statistics).
///
/// # Examples
///
/// ```
/// let pool = tidegate_executor::ThreadPool::builder().build();
/// let now = pool.statistics();
/// println!("{} of {} threads at work, {} jobs queued", now.running, now.threads, now.queued);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatistics {
    /// Threads there are, idle ones included.
    pub threads: usize,
    /// Jobs that have started and not ended, those that wait in `JobCx::block_on` included.
    pub running: usize,
    /// Jobs in the queue.
    pub queued: usize,
    /// Jobs that wait for space in the queue.
    pub waiting: usize,
    /// The most jobs that ran at the same time, those that waited in `block_on` not counted.
    pub peak: usize,
    /// Jobs whose closure returned.
    pub completed: u64,
    /// Jobs whose closure panicked.
    pub panicked: u64,
    /// Jobs that were dropped before they started.
    pub cancelled: u64,
}

/// How a [`shutdown`](crate::ThreadPool::shutdown) went.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use tidegate_executor::ThreadPool;
/// # async fn example(pool: ThreadPool) {
/// let report = pool.shutdown(Duration::from_secs(2)).await;
/// if !report.is_clean() {
///     eprintln!("{report}"); // 1 job is stuck: src/import.rs:71:14 for 2.0s on db-1
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "the report names the jobs that are stuck"]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The jobs that still ran when the grace was over, by thread.
    pub stuck: Vec<StuckJob>,
    /// How many jobs were dropped before they started.
    pub dropped: usize,
}

/// A job in a [`ShutdownReport`]: it did not end in time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StuckJob {
    /// Where the job was asked for.
    pub location: &'static Location<'static>,
    /// How long it had been running.
    pub running_for: Duration,
    /// The name of its thread.
    pub thread: String,
}

impl ShutdownReport {
    /// Whether every job that the pool had taken has run to its end.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::ShutdownReport;
    ///
    /// assert!(ShutdownReport::default().is_clean());
    /// ```
    pub fn is_clean(&self) -> bool {
        self.stuck.is_empty() && self.dropped == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stuck.len() {
            0 => f.write_str("no job is stuck")?,
            1 => f.write_str("1 job is stuck")?,
            n => write!(f, "{n} jobs are stuck")?,
        }
        for (number, job) in self.stuck.iter().enumerate() {
            write!(f, "{} {job}", if number == 0 { ":" } else { "," })?;
        }
        match self.dropped {
            0 => Ok(()),
            1 => f.write_str("; 1 job was dropped before it started"),
            n => write!(f, "; {n} jobs were dropped before they started"),
        }
    }
}

impl fmt::Display for StuckJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {:.1?} on {}", self.location, self.running_for, self.thread)
    }
}
