use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::crew::{Crew, Plan};
use crate::thread_pool::ThreadPool;

/// How many threads a machine can keep busy.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Says what a [`ThreadPool`] is to be like.
///
/// Made by [`ThreadPool::builder`]. Unless said otherwise a pool has no thread until it is used, one per
/// core at the most, and a queue of 256 jobs.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_executor::ThreadPool;
///
/// let pool = ThreadPool::builder()
///     .name("thumbnails")
///     .threads(1..=8)
///     .queue(256)
///     .keep_alive(Duration::from_secs(30))
///     .build();
/// assert_eq!(pool.statistics().threads, 0);
/// ```
#[derive(Debug)]
#[must_use = "a builder makes no pool until `build` is called"]
pub struct ThreadPoolBuilder(Plan);

impl ThreadPoolBuilder {
    pub(crate) fn new() -> Self {
        Self(Plan {
            name: "tidegate".to_owned(),
            min: 0,
            max: cores(),
            queue: 256,
            keep_alive: Duration::from_secs(10),
            stack_size: None,
        })
    }

    /// The name of the threads, to which each adds its number: `thumbnails-1`.
    ///
    /// # Panics
    ///
    /// When the name contains a NUL character, which the system would not take.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let pool = tidegate_executor::ThreadPool::builder().name("db").build();
    /// let name = pool.run(|_| std::thread::current().name().map(str::to_owned)).await?;
    /// assert_eq!(name.as_deref(), Some("db-1"));
    /// # Ok::<(), tidegate_executor::JobError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = name.into();
        assert!(!self.0.name.contains('\0'), "the name of a thread contains no NUL character");
        self
    }

    /// How few threads stay when there is nothing to do, and how many there are at the most.
    ///
    /// A thread is started when a job finds none that is free, whatever the lower bound.
    ///
    /// # Panics
    ///
    /// When the range is empty or ends in 0.
    ///
    /// # Examples
    ///
    /// ```
    /// // One thread, kept: jobs run one after the other and always on the same thread.
    /// let pool = tidegate_executor::ThreadPool::builder().threads(1..=1).build();
    /// ```
    #[track_caller]
    pub fn threads(mut self, threads: RangeInclusive<usize>) -> Self {
        assert!(!threads.is_empty() && *threads.end() > 0, "a pool has at least one thread");
        (self.0.min, self.0.max) = threads.into_inner();
        self
    }

    /// How many jobs may wait for a thread before [`submit`](ThreadPool::submit) refuses more and
    /// [`run`](ThreadPool::run) waits for space.
    ///
    /// # Examples
    ///
    /// ```
    /// // Takes a job only if a thread is free this instant.
    /// let pool = tidegate_executor::ThreadPool::builder().queue(0).build();
    /// ```
    pub fn queue(mut self, jobs: usize) -> Self {
        self.0.queue = jobs;
        self
    }

    /// How long a thread without work stays, if there are more than the lower bound; 10 s unless said.
    ///
    /// This is the system's time, also while a tokio clock is paused.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let pool = tidegate_executor::ThreadPool::builder().keep_alive(Duration::MAX).build();
    /// ```
    pub fn keep_alive(mut self, idle: Duration) -> Self {
        self.0.keep_alive = idle;
        self
    }

    /// The size of a thread's stack in bytes; the standard library's unless said.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = tidegate_executor::ThreadPool::builder().stack_size(8 << 20).build();
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.0.stack_size = Some(bytes);
        self
    }

    /// Makes the pool. Its threads are started as they are needed.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = tidegate_executor::ThreadPool::builder().build();
    /// ```
    pub fn build(self) -> ThreadPool {
        ThreadPool::new(Arc::new(Crew::new(self.0)))
    }
}
