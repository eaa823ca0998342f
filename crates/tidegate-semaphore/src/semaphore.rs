use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::const_fn;
use tidegate_waiters::{Gate, block_on, block_on_until};

use crate::acquire::{AcquireFut, AcquireOwnedFut, Closed};
use crate::permit::{OwnedPermit, Permit};

/// A counting semaphore that serves waiters in the order they came.
///
/// Think of a hook with a fixed number of tickets on it: [`acquire`](Self::acquire) takes one, or waits in line
/// until one is hung back. [Closing](Self::close) takes the hook off the wall.
///
/// # Examples
///
/// Let at most two downloads run at a time:
///
/// ```
/// use tidegate_semaphore::{Closed, Semaphore};
///
/// static DOWNLOADS: Semaphore = Semaphore::new(2);
///
/// async fn download(url: &str) -> Result<String, Closed> {
///     let _permit = DOWNLOADS.acquire().await?;
///     Ok(format!("contents of {url}"))
/// }
///
/// # tidegate_test::block_on(async {
/// assert_eq!(download("a.txt").await?, "contents of a.txt");
/// # Ok::<_, Closed>(())
/// # }).unwrap();
/// ```
///
/// Take several at once, for work that weighs more:
///
/// ```
/// # use tidegate_semaphore::{Closed, Semaphore};
/// # tidegate_test::block_on(async {
/// let megabytes = Semaphore::new(64);
/// let mut permit = megabytes.acquire_many(48).await?;
/// let half = permit.split(24).expect("it holds 48");
/// drop(permit); // 24 go back, 24 are still held.
/// assert_eq!(megabytes.available_permits(), 40);
/// # drop(half);
/// # Ok::<_, Closed>(())
/// # }).unwrap();
/// ```
///
/// # Semaphore or lock?
///
/// - A lock guards a value and admits one holder; reach for it when there is a value to guard.
/// - A semaphore guards nothing and admits several; reach for it to bound how much happens at once.
///
/// Where the bound changes while it is in use, [`CapacityLimiter`](crate::CapacityLimiter) is the neighbour to look at.
///
/// # Fairness
///
/// Strictly first come, first served. [`try_acquire`](Self::try_acquire) does not overtake: it fails while anybody
/// waits. A request for many permits is not starved by smaller ones behind it, and keeps them waiting until it is
/// served or leaves.
///
/// # Cost
///
/// Taking and giving back are one compare-exchange each while nobody waits. Waiting allocates nothing; joining,
/// leaving and being served are O(1) per waiter.
#[doc(alias = "BoundedSemaphore")]
#[derive(Debug)]
pub struct Semaphore {
    gate: Gate,
}

impl Semaphore {
    /// The largest number of permits there can be.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let all = Semaphore::new(Semaphore::MAX_PERMITS);
    /// assert!(all.try_acquire_many(Semaphore::MAX_PERMITS).is_some());
    /// ```
    pub const MAX_PERMITS: usize = Gate::MAX;

    const_fn! {
        /// Makes a semaphore with `permits` free permits.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_semaphore::Semaphore;
        ///
        /// static CONNECTIONS: Semaphore = Semaphore::new(100);
        /// assert_eq!(CONNECTIONS.available_permits(), 100);
        /// ```
        ///
        /// # Panics
        ///
        /// When `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[track_caller]
        pub const fn new(permits: usize) -> Self {
            Self { gate: Gate::new(permits) }
        }
    }

    /// Takes a permit, waiting in line until there is one.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the semaphore is closed, or is closed while this waits.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. Dropping the future before it resolves takes no permit; asking again
    /// joins the back of the line. A permit that was granted to a future which never looked goes to the next.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::{Closed, Semaphore};
    /// # tidegate_test::block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire().await?;
    /// assert_eq!(semaphore.available_permits(), 0);
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<_, Closed>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn acquire(&self) -> AcquireFut<'_> {
        self.acquire_many(1)
    }

    /// Takes `n` permits together, waiting in line until there are as many.
    ///
    /// None of them is held before all are. With an `n` of 0 it is ready at once.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Panics
    ///
    /// When `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS): that many can never be free.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::{Closed, Semaphore};
    /// # tidegate_test::block_on(async {
    /// let semaphore = Semaphore::new(3);
    /// assert_eq!(semaphore.acquire_many(2).await?.count(), 2);
    /// # Ok::<_, Closed>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_many(&self, n: usize) -> AcquireFut<'_> {
        AcquireFut::new(self, self.gate.acquire(n))
    }

    /// Takes a permit if one is free this instant and nobody waits for it.
    ///
    /// `None` also when the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire();
    /// assert!(permit.is_some() && semaphore.try_acquire().is_none());
    /// ```
    #[doc(alias = "acquire_nowait")]
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// As [`try_acquire`](Self::try_acquire), for `n` permits together.
    ///
    /// Somebody in line stands before everybody who only tries: then even an `n` of 0 gives `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(2);
    /// assert!(semaphore.try_acquire_many(3).is_none());
    /// assert!(semaphore.try_acquire_many(2).is_some());
    /// ```
    #[inline]
    pub fn try_acquire_many(&self, n: usize) -> Option<Permit<'_>> {
        self.gate.try_acquire(n).then(|| Permit::new(self, n))
    }

    /// As [`acquire`](Self::acquire), for a semaphore in an [`Arc`]; the permit owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::{Closed, Semaphore};
    /// # tidegate_test::block_on(async {
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = Arc::clone(&semaphore).acquire_owned().await?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<_, Closed>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwnedFut {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), for a semaphore in an [`Arc`]; the permit owns its share.
    ///
    /// # Panics
    ///
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::{Closed, Semaphore};
    /// # tidegate_test::block_on(async {
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// assert_eq!(semaphore.acquire_many_owned(2).await?.count(), 2);
    /// # Ok::<_, Closed>(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, n: usize) -> AcquireOwnedFut {
        AcquireOwnedFut::new(Gate::acquire_owned(self, |it| &it.gate, n))
    }

    /// As [`try_acquire`](Self::try_acquire), for a semaphore in an [`Arc`]; the permit owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// assert!(Arc::clone(&semaphore).try_acquire_owned().is_some());
    /// ```
    #[inline]
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<OwnedPermit> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), for a semaphore in an [`Arc`]; the permit owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// assert!(semaphore.try_acquire_many_owned(2).is_none());
    /// ```
    #[inline]
    pub fn try_acquire_many_owned(self: Arc<Self>, n: usize) -> Option<OwnedPermit> {
        self.gate.try_acquire(n).then(|| OwnedPermit::new(self, n))
    }

    /// As [`acquire`](Self::acquire), parking this thread while it waits, in the same line as the tasks.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running, and
    /// one of those may hold what it waits for.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire_blocking().expect("it is open");
    /// # drop(permit);
    /// ```
    pub fn acquire_blocking(&self) -> Result<Permit<'_>, Closed> {
        block_on(self.acquire())
    }

    /// As [`acquire_many`](Self::acquire_many), parking this thread while it waits.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Blocking
    ///
    /// As [`acquire_blocking`](Self::acquire_blocking).
    ///
    /// # Panics
    ///
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(2);
    /// let permit = semaphore.acquire_many_blocking(2).expect("it is open");
    /// # drop(permit);
    /// ```
    #[track_caller]
    pub fn acquire_many_blocking(&self, n: usize) -> Result<Permit<'_>, Closed> {
        block_on(self.acquire_many(n))
    }

    /// As [`acquire_blocking`](Self::acquire_blocking), giving up at `deadline` with `None`.
    ///
    /// A permit that is free is taken though the deadline has passed.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Blocking
    ///
    /// As [`acquire_blocking`](Self::acquire_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(0);
    /// assert!(semaphore.acquire_blocking_until(Instant::now()).is_none());
    /// ```
    pub fn acquire_blocking_until(&self, deadline: Instant) -> Option<Result<Permit<'_>, Closed>> {
        block_on_until(deadline, self.acquire())
    }

    /// As [`acquire_many_blocking`](Self::acquire_many_blocking), giving up at `deadline` with `None`.
    ///
    /// Permits that are free are taken though the deadline has passed.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Blocking
    ///
    /// As [`acquire_blocking`](Self::acquire_blocking).
    ///
    /// # Panics
    ///
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(1);
    /// assert!(semaphore.acquire_many_blocking_until(2, Instant::now()).is_none());
    /// ```
    #[track_caller]
    pub fn acquire_many_blocking_until(
        &self,
        n: usize,
        deadline: Instant,
    ) -> Option<Result<Permit<'_>, Closed>> {
        block_on_until(deadline, self.acquire_many(n))
    }

    /// Adds `n` permits for good, serving the line with them.
    ///
    /// # Panics
    ///
    /// When the number of free permits would pass [`MAX_PERMITS`](Self::MAX_PERMITS); nothing is added then. When a
    /// task's waker panics, after all who are served have been woken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(0);
    /// semaphore.add_permits(2);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    #[doc(alias = "release")]
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.gate.release(n);
    }

    /// Takes up to `n` of the free permits away for good, and says how many.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// assert_eq!(semaphore.forget_permits(5), 3);
    /// ```
    #[doc(alias = "reduce_permits")]
    pub fn forget_permits(&self, n: usize) -> usize {
        self.gate.forget(n)
    }

    /// How many permits are free this instant.
    ///
    /// Exact: none is set aside for a request that still waits for more.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// assert_eq!(Semaphore::new(3).available_permits(), 3);
    /// ```
    #[doc(alias = "locked")]
    #[inline]
    pub fn available_permits(&self) -> usize {
        self.gate.available()
    }

    /// Closes the semaphore for good: who waits and who comes later gets [`Closed`].
    ///
    /// A permit that was granted before stays valid, also to a future that has not looked at it yet.
    ///
    /// # Panics
    ///
    /// When a task's waker panics, after all who waited have been woken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::{Closed, Semaphore};
    /// # tidegate_test::block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// semaphore.close();
    /// assert_eq!(semaphore.acquire().await.unwrap_err(), Closed);
    /// # });
    /// ```
    pub fn close(&self) {
        self.gate.close();
    }

    /// Whether the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// assert!(!Semaphore::new(1).is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// How many wait in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// assert_eq!(Semaphore::new(1).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.gate.waiters()
    }

    /// The counts, for a log line or a gauge.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(2);
    /// let _permit = semaphore.try_acquire();
    /// let statistics = semaphore.statistics();
    /// assert_eq!((statistics.available, statistics.waiting), (1, 0));
    /// ```
    pub fn statistics(&self) -> SemaphoreStatistics {
        SemaphoreStatistics {
            available: self.available_permits(),
            waiting: self.waiters(),
            closed: self.is_closed(),
        }
    }

    #[inline]
    pub(crate) fn give_back(&self, n: usize) {
        self.gate.give_back(n);
    }
}

/// What a semaphore looks like, each count taken at its own instant.
///
/// # Examples
///
/// ```
/// # use tidegate_semaphore::Semaphore;
/// let statistics = Semaphore::new(2).statistics();
/// assert_eq!((statistics.available, statistics.waiting, statistics.closed), (2, 0, false));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SemaphoreStatistics {
    /// Permits that are free.
    pub available: usize,
    /// Tasks and threads in line.
    pub waiting: usize,
    /// Whether the semaphore is closed.
    pub closed: bool,
}
