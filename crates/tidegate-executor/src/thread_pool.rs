use std::fmt;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tidegate_timeout::CancelReason;

use crate::builder::ThreadPoolBuilder;
use crate::cell::Cell;
use crate::crew::Crew;
#[cfg(feature = "runner")]
use crate::crew::roll;
use crate::error::QueueFull;
use crate::job::Job;
use crate::job_cx::JobCx;
use crate::line::Place;
use crate::report::{PoolStatistics, ShutdownReport};
use crate::run::Run;

/// A bounded number of threads for work that blocks, with a bounded queue in front.
///
/// Threads come when a job finds none that is free and go when they have had nothing to do for a while.
/// A job belongs to the scope of its caller: it sees when it is cancelled and until when it may run (see
/// [`JobCx`]), and a cancelled scope does not end before its running jobs have, so that no half-done
/// work outlives its scope.
///
/// # Examples
///
/// ```
/// use tidegate_executor::ThreadPool;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let pool = ThreadPool::builder().name("hash").threads(1..=4).queue(64).build();
/// let sum = pool.run(|_| (1..=100_u64).sum::<u64>()).await?;
/// assert_eq!(sum, 5050);
/// # Ok::<(), tidegate_executor::JobError>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # `run`, `submit` or `to_thread`?
///
/// - [`run`](Self::run) waits for space in the queue and for the result: back-pressure for free.
/// - [`submit`](Self::submit) never waits; it answers that the queue is full, and gives a [`Job`].
/// - [`to_thread`](crate::to_thread) is `run` on a pool that the process shares, for the odd file.
///
/// # Fairness
///
/// First come, first served, jobs that wait for space included. The one exception are jobs that a job of
/// this pool waits for, see [`JobCx::block_on`].
///
/// # Cancellation
///
/// A job that is cancelled before it starts leaves the queue at once, and its closure is dropped by
/// whoever cancels: not by a thread, some time later. A running job cannot be stopped; it is told, through
/// its `JobCx`. A tidegate scope that is cancelled waits for it, up to the scope's grace. Whatever else
/// drops the future (`select!`, an aborted task) leaves the job behind, cancelled; the nearest tidegate scope
/// around that has not ended waits for it before it returns, also with a value. Either way its slot is free
/// only when it has really ended.
///
/// # Dropping a pool
///
/// The jobs in its queue are dropped and their futures resolve to
/// [`JobError::Cancelled`](crate::JobError::Cancelled) with [`CancelReason::Shutdown`]. Running jobs are
/// told to stop, and their results are still delivered. Threads end by themselves; nothing blocks.
///
/// # A paused clock
///
/// While a job is awaited in a runtime whose tokio clock is paused, the clock does not run ahead, just as
/// with `spawn_blocking`: a timeout around a job, or the grace of a shutdown, is over when the test
/// advances the clock past it. While a job waits in `block_on`, the clock runs ahead as usual. The clock
/// must be paused before the job is asked for.
///
/// # Scaling
///
/// Asking, cancelling and ending a job take constant time, however many there are. A job costs two
/// allocations, one for itself and one for its scope; a third when there is a scope around it.
///
/// Of many jobs that are asked for at once, each calls the thread for the next as it starts. One thread of a pool that
/// runs out of jobs looks for more before it sleeps, for 20 µs at the most, and hardly ever that long where jobs come
/// seldom: to wake a thread takes longer than most small jobs.
pub struct ThreadPool {
    crew: Arc<Crew>,
}

impl ThreadPool {
    pub(crate) fn new(crew: Arc<Crew>) -> Self {
        #[cfg(feature = "runner")]
        roll::enlist(&crew);
        Self { crew }
    }

    /// Begins to describe a pool.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = tidegate_executor::ThreadPool::builder().threads(1..=8).queue(256).build();
    /// ```
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }

    /// Runs a closure on a thread and waits for its result.
    ///
    /// When the queue is full it waits for space, behind those that came before.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_executor::{JobError, ThreadPool};
    /// # async fn example(pool: ThreadPool) -> Result<(), Box<dyn std::error::Error>> {
    /// let text = pool.run(|_| std::fs::read_to_string("Cargo.toml")).await??;
    /// # Ok(()) }
    /// ```
    ///
    /// A loop that looks whether it is still wanted:
    ///
    /// ```
    /// # use tidegate_executor::{JobError, ThreadPool};
    /// # async fn example(pool: ThreadPool, rows: Vec<u32>) -> Result<(), JobError> {
    /// let saved = pool.run(move |cx| {
    ///     rows.iter().take_while(|_| !cx.is_cancelled()).map(|row| drop(row)).count()
    /// });
    /// println!("{} rows saved", saved.await?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// **Not cancel-safe.** Dropping the future cancels the job, as described at
    /// [Cancellation](Self#cancellation); what it did so far is done.
    ///
    /// # Errors
    ///
    /// - [`JobError::Panicked`](crate::JobError::Panicked) when the closure panicked;
    /// - [`JobError::Cancelled`](crate::JobError::Cancelled) when the job did not start, because its scope
    ///   was cancelled or the pool closed, or was cancelled while it waited in `block_on`;
    /// - [`JobError::NoThread`](crate::JobError::NoThread) when the system has no thread to give.
    ///
    /// # Panics
    ///
    /// When polled again after it was ready.
    #[track_caller]
    pub fn run<F, T>(&self, work: F) -> Run<F, T>
    where
        F: FnOnce(&JobCx) -> T + Send + 'static,
        T: Send + 'static,
    {
        Run::new(work, &self.crew, Location::caller())
    }

    pub(crate) fn run_at<F, T>(&self, work: F, location: &'static Location<'static>) -> Run<F, T> {
        Run::new(work, &self.crew, location)
    }

    /// Puts a closure that takes nothing in line, however full the queue is.
    pub(crate) fn enlist<F, T>(&self, work: F, location: &'static Location<'static>) -> Job<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let cell = Cell::admit(move |_: &_| work(), &self.crew, false, location);
        Job::new(cell.expect("a job that may wait is not refused for want of room"))
    }

    /// Puts a closure in the queue, if there is room.
    ///
    /// The job starts whether or not the [`Job`] is polled. A pool that is closed takes the closure and
    /// gives a job that is [cancelled](crate::JobError::Cancelled) already.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::{QueueFull, ThreadPool};
    ///
    /// async fn handle(pool: &ThreadPool, body: Vec<u8>) -> (u16, usize) {
    ///     match pool.submit(move |_| body.len()) {
    ///         Ok(job) => (200, job.await.unwrap_or(0)),
    ///         Err(QueueFull) => (503, 0), // shed load instead of piling it up
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`QueueFull`] when every thread has a job and the queue is full, or somebody waits for space in it.
    /// The closure is dropped before this returns; a caller that wants to keep what it captured shares
    /// it with the closure, or uses [`run`](Self::run).
    #[track_caller]
    pub fn submit<F, T>(&self, work: F) -> Result<Job<T>, QueueFull>
    where
        F: FnOnce(&JobCx) -> T + Send + 'static,
        T: Send + 'static,
    {
        let cell = Cell::admit(work, &self.crew, true, Location::caller())?;
        Ok(Job::new(cell))
    }

    /// What the pool is doing this instant.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = tidegate_executor::ThreadPool::builder().build();
    /// let now = pool.statistics();
    /// assert_eq!((now.threads, now.running, now.queued), (0, 0, 0));
    /// ```
    pub fn statistics(&self) -> PoolStatistics {
        self.crew.statistics()
    }

    /// Takes no more jobs, waits for those it has, and says which are stuck.
    ///
    /// Jobs that are queued or running have `grace` to end. When it is over, those in the queue are
    /// dropped, running ones are told to stop ([`CancelReason::Shutdown`]) and named in the report, with
    /// the place that asked for them and how long they have been running. Their threads end when they do.
    /// With a grace of zero this happens at once. After a clean shutdown no thread of the pool is left.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_executor::ThreadPool;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let pool = ThreadPool::builder().build();
    /// let job = pool.submit(|_| 42)?;
    /// assert!(pool.shutdown(Duration::from_secs(10)).await.is_clean());
    /// assert_eq!(job.await, Ok(42));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cancel safety
    ///
    /// **Strict.** Dropping the future leaves the pool as it is: no new job is taken, those that it has
    /// go on. Asking again waits on, with a grace of its own.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timers enabled, if there is something to wait for.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.crew.drain();
        let mut watch = Watch { crew: &self.crew, place: None };
        let mut quiet = pin!(std::future::poll_fn(|cx| watch.poll(cx)));
        let now = std::future::poll_fn(|cx| Poll::Ready(quiet.as_mut().poll(cx))).await;
        if now.is_pending()
            && (grace.is_zero() || tokio::time::timeout(grace, quiet).await.is_err())
        {
            return self.crew.cut(&CancelReason::Shutdown);
        }
        ShutdownReport::default()
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // Nobody is left to read the report.
        let _ = self.crew.cut(&CancelReason::Shutdown);
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ThreadPool");
        debug.field("name", &self.crew.plan.name);
        match self.crew.try_statistics() {
            Some(statistics) => debug.field("statistics", &statistics).finish(),
            None => debug.field("statistics", &format_args!("<locked>")).finish(),
        }
    }
}

/// Waits for the crew to be quiet.
struct Watch<'a> {
    crew: &'a Crew,
    place: Option<Place>,
}

impl Watch<'_> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.crew.is_quiet(&mut self.place, cx.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.crew.unwatch(place);
        }
    }
}
