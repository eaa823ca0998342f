use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::const_fn;
use tidegate_waiters::{RawRwLock, RwCell, block_on, block_on_until};

mod fut;
mod owned_read_guard;
mod owned_upgradable_guard;
mod owned_write_guard;
mod read_guard;
mod upgradable_guard;
mod write_guard;

pub use fut::{
    ReadFut, ReadOwnedFut, UpgradableReadFut, UpgradableReadOwnedFut, UpgradeFut, WriteFut,
    WriteOwnedFut,
};
pub use owned_read_guard::{OwnedMappedRwLockReadGuard, OwnedRwLockReadGuard};
pub use owned_upgradable_guard::OwnedRwLockUpgradableReadGuard;
pub use owned_write_guard::{OwnedMappedRwLockWriteGuard, OwnedRwLockWriteGuard};
pub use read_guard::{MappedRwLockReadGuard, RwLockReadGuard};
pub use upgradable_guard::{RwLockUpgradableReadGuard, RwLockUpgradedGuard};
pub use write_guard::{MappedRwLockWriteGuard, RwLockWriteGuard};

/// A value that many may read together or one may write, across `.await` if it must.
///
/// Think of a notice board: any number may stand before it and read; whoever pins something to it asks them to step back
/// first.
///
/// # Examples
///
/// ```
/// use tidegate_lock::RwLock;
///
/// static ROUTES: RwLock<Vec<&str>> = RwLock::new(Vec::new());
///
/// async fn is_known(route: &str) -> bool {
///     ROUTES.read().await.contains(&route)
/// }
///
/// async fn learn(route: &'static str) {
///     ROUTES.write().await.push(route);
/// }
///
/// # tidegate_test::block_on(async {
/// learn("/").await;
/// assert!(is_known("/").await && !is_known("/admin").await);
/// # });
/// ```
///
/// # This or `Lock`?
///
/// - A [`Lock`](crate::Lock) is smaller work, and quicker when everybody uses the value for a moment only.
/// - An `RwLock` pays when many read for long and few write.
///
/// # Fairness
///
/// First come, first served, where readers next to each other in line go together. A writer in line is not overtaken by
/// readers who come after it, so neither starves the other. Only whoever [upgrades](RwLockUpgradableReadGuard::upgrade)
/// goes first: who waits does so for them anyway.
///
/// # Limitations
///
/// A task that reads and asks to read again waits for itself if a writer came in between: keep the first guard instead.
/// As with a fair [`Lock`](crate::Lock), a future that was handed its share and is neither polled nor dropped keeps it.
///
/// # Cost
///
/// Taking and giving back are one compare-exchange each while nobody waits. Waiting allocates nothing; joining the line,
/// leaving it and being let in are O(1), also for an upgrade, which goes to the front.
pub struct RwLock<T: ?Sized> {
    cell: RwCell<T>,
}

impl<T> RwLock<T> {
    const_fn! {
        /// Puts `value` behind a lock.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_lock::RwLock;
        ///
        /// static NAMES: RwLock<Vec<&str>> = RwLock::new(Vec::new());
        /// NAMES.write_blocking().push("Ada");
        /// ```
        pub const fn new(value: T) -> Self {
            Self { cell: RwCell::new(value) }
        }
    }

    /// The value; owning the lock proves that nobody else has it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// assert_eq!(RwLock::new(5).into_inner(), 5);
    /// ```
    pub fn into_inner(self) -> T {
        self.cell.into_inner()
    }
}

impl RwLock<()> {
    /// How many can read at a time; more wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// assert!(RwLock::MAX_READERS > 1_000_000);
    /// ```
    pub const MAX_READERS: usize = RawRwLock::MAX_READERS;
}

impl<T: ?Sized> RwLock<T> {
    /// Takes a share to read, waiting in line for it.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped future holds nothing; asking again joins the end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// # tidegate_test::block_on(async {
    /// let lock = RwLock::new(1);
    /// assert_eq!(*lock.read().await, 1);
    /// # });
    /// ```
    #[inline]
    pub fn read(&self) -> ReadFut<'_, T> {
        ReadFut::new(self)
    }

    /// Takes a share to read if it is to be had this instant: when nobody writes, and nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// let lock = RwLock::new(1);
    /// let guard = lock.try_read().unwrap();
    /// assert!(lock.try_read().is_some() && lock.try_write().is_none());
    /// # drop(guard);
    /// ```
    #[inline]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.cell.raw().try_lock().map(|grant| RwLockReadGuard::new(self, self.cell.read(grant)))
    }

    /// As [`read`](Self::read), parking this thread while it waits, in the same line as the tasks.
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running, and one of
    /// those may be the one that has the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// assert_eq!(*RwLock::new(1).read_blocking(), 1);
    /// ```
    #[inline]
    pub fn read_blocking(&self) -> RwLockReadGuard<'_, T> {
        match self.try_read() {
            Some(guard) => guard,
            None => block_on(self.read()),
        }
    }

    /// As [`read_blocking`](Self::read_blocking), giving up at `deadline` with `None`.
    ///
    /// # Blocking
    ///
    /// As [`read_blocking`](Self::read_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_lock::RwLock;
    /// let lock = RwLock::new(1);
    /// let writes = lock.write_blocking();
    /// assert!(lock.read_blocking_until(Instant::now()).is_none());
    /// # drop(writes);
    /// ```
    pub fn read_blocking_until(&self, deadline: Instant) -> Option<RwLockReadGuard<'_, T>> {
        match self.try_read() {
            Some(guard) => Some(guard),
            None => block_on_until(deadline, self.read()),
        }
    }

    /// As [`read`](Self::read), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Cancel safety
    ///
    /// As [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::RwLock;
    /// # tidegate_test::block_on(async {
    /// let lock = Arc::new(RwLock::new(1));
    /// assert_eq!(*lock.read_owned().await, 1);
    /// # });
    /// ```
    #[inline]
    pub fn read_owned(self: Arc<Self>) -> ReadOwnedFut<T> {
        ReadOwnedFut::new(RawRwLock::lock_owned(self, |it| it.cell.raw()))
    }

    /// As [`try_read`](Self::try_read), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// assert_eq!(*lock.try_read_owned().unwrap(), 1);
    /// ```
    #[inline]
    pub fn try_read_owned(self: Arc<Self>) -> Option<OwnedRwLockReadGuard<T>> {
        let grant = RawRwLock::try_lock_owned(self, |it| it.cell.raw()).ok()?;
        Some(OwnedRwLockReadGuard::new(RwCell::read_owned(grant, |it| &it.cell)))
    }

    /// Takes the lock to write, waiting in line until nobody else has a share.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped future holds nothing; asking again joins the end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// # tidegate_test::block_on(async {
    /// let lock = RwLock::new(1);
    /// assert_eq!(*lock.write().await, 1);
    /// # });
    /// ```
    #[inline]
    pub fn write(&self) -> WriteFut<'_, T> {
        WriteFut::new(self)
    }

    /// Takes the lock to write if it is to be had this instant: when nobody has a share, and nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// let lock = RwLock::new(1);
    /// let guard = lock.try_write().unwrap();
    /// assert!(lock.try_read().is_none());
    /// # drop(guard);
    /// ```
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.cell.raw().try_lock().map(|grant| RwLockWriteGuard::new(self, self.cell.write(grant)))
    }

    /// As [`write`](Self::write), parking this thread while it waits, in the same line as the tasks.
    ///
    /// # Blocking
    ///
    /// As [`read_blocking`](Self::read_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// assert_eq!(*RwLock::new(1).write_blocking(), 1);
    /// ```
    #[inline]
    pub fn write_blocking(&self) -> RwLockWriteGuard<'_, T> {
        match self.try_write() {
            Some(guard) => guard,
            None => block_on(self.write()),
        }
    }

    /// As [`write_blocking`](Self::write_blocking), giving up at `deadline` with `None`.
    ///
    /// # Blocking
    ///
    /// As [`read_blocking`](Self::read_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_lock::RwLock;
    /// let lock = RwLock::new(1);
    /// let writes = lock.write_blocking();
    /// assert!(lock.write_blocking_until(Instant::now()).is_none());
    /// # drop(writes);
    /// ```
    pub fn write_blocking_until(&self, deadline: Instant) -> Option<RwLockWriteGuard<'_, T>> {
        match self.try_write() {
            Some(guard) => Some(guard),
            None => block_on_until(deadline, self.write()),
        }
    }

    /// As [`write`](Self::write), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Cancel safety
    ///
    /// As [`write`](Self::write).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::RwLock;
    /// # tidegate_test::block_on(async {
    /// let lock = Arc::new(RwLock::new(1));
    /// assert_eq!(*lock.write_owned().await, 1);
    /// # });
    /// ```
    #[inline]
    pub fn write_owned(self: Arc<Self>) -> WriteOwnedFut<T> {
        WriteOwnedFut::new(RawRwLock::lock_owned(self, |it| it.cell.raw()))
    }

    /// As [`try_write`](Self::try_write), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// assert_eq!(*lock.try_write_owned().unwrap(), 1);
    /// ```
    #[inline]
    pub fn try_write_owned(self: Arc<Self>) -> Option<OwnedRwLockWriteGuard<T>> {
        let grant = RawRwLock::try_lock_owned(self, |it| it.cell.raw()).ok()?;
        Some(OwnedRwLockWriteGuard::new(RwCell::write_owned(grant, |it| &it.cell)))
    }

    /// Takes the share of the one who reads and may come to write, waiting in line for it.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped future holds nothing; asking again joins the end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// # tidegate_test::block_on(async {
    /// let lock = RwLock::new(1);
    /// assert_eq!(*lock.upgradable_read().await, 1);
    /// # });
    /// ```
    #[inline]
    pub fn upgradable_read(&self) -> UpgradableReadFut<'_, T> {
        UpgradableReadFut::new(self)
    }

    /// Takes the share of the one who may come to write if it is to be had this instant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// let lock = RwLock::new(1);
    /// let guard = lock.try_upgradable_read().unwrap();
    /// assert!(lock.try_read().is_some() && lock.try_upgradable_read().is_none());
    /// # drop(guard);
    /// ```
    #[inline]
    pub fn try_upgradable_read(&self) -> Option<RwLockUpgradableReadGuard<'_, T>> {
        self.cell
            .raw()
            .try_lock()
            .map(|grant| RwLockUpgradableReadGuard::new(self, self.cell.upgradable(grant)))
    }

    /// As [`upgradable_read`](Self::upgradable_read), parking this thread while it waits, in the same line as the tasks.
    ///
    /// # Blocking
    ///
    /// As [`read_blocking`](Self::read_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// assert_eq!(*RwLock::new(1).upgradable_read_blocking(), 1);
    /// ```
    #[inline]
    pub fn upgradable_read_blocking(&self) -> RwLockUpgradableReadGuard<'_, T> {
        match self.try_upgradable_read() {
            Some(guard) => guard,
            None => block_on(self.upgradable_read()),
        }
    }

    /// As [`upgradable_read_blocking`](Self::upgradable_read_blocking), giving up at `deadline` with `None`.
    ///
    /// # Blocking
    ///
    /// As [`read_blocking`](Self::read_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_lock::RwLock;
    /// let lock = RwLock::new(1);
    /// let writes = lock.write_blocking();
    /// assert!(lock.upgradable_read_blocking_until(Instant::now()).is_none());
    /// # drop(writes);
    /// ```
    pub fn upgradable_read_blocking_until(
        &self,
        deadline: Instant,
    ) -> Option<RwLockUpgradableReadGuard<'_, T>> {
        match self.try_upgradable_read() {
            Some(guard) => Some(guard),
            None => block_on_until(deadline, self.upgradable_read()),
        }
    }

    /// As [`upgradable_read`](Self::upgradable_read), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Cancel safety
    ///
    /// As [`upgradable_read`](Self::upgradable_read).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::RwLock;
    /// # tidegate_test::block_on(async {
    /// let lock = Arc::new(RwLock::new(1));
    /// assert_eq!(*lock.upgradable_read_owned().await, 1);
    /// # });
    /// ```
    #[inline]
    pub fn upgradable_read_owned(self: Arc<Self>) -> UpgradableReadOwnedFut<T> {
        UpgradableReadOwnedFut::new(RawRwLock::lock_owned(self, |it| it.cell.raw()))
    }

    /// As [`try_upgradable_read`](Self::try_upgradable_read), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::RwLock;
    /// let lock = Arc::new(RwLock::new(1));
    /// assert_eq!(*lock.try_upgradable_read_owned().unwrap(), 1);
    /// ```
    #[inline]
    pub fn try_upgradable_read_owned(self: Arc<Self>) -> Option<OwnedRwLockUpgradableReadGuard<T>> {
        let grant = RawRwLock::try_lock_owned(self, |it| it.cell.raw()).ok()?;
        Some(OwnedRwLockUpgradableReadGuard::new(RwCell::upgradable_owned(grant, |it| &it.cell)))
    }

    /// How many read, the one who may come to write among them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// let lock = RwLock::new(1);
    /// let guards = (lock.read_blocking(), lock.upgradable_read_blocking());
    /// assert_eq!(lock.readers(), 2);
    /// # drop(guards);
    /// ```
    pub fn readers(&self) -> usize {
        self.cell.raw().readers()
    }

    /// Whether somebody writes, or has been let in to write and has not looked yet.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// let lock = RwLock::new(1);
    /// let guard = lock.write_blocking();
    /// assert!(lock.is_write_locked());
    /// # drop(guard);
    /// ```
    pub fn is_write_locked(&self) -> bool {
        self.cell.raw().is_write_locked()
    }

    /// How many are in line, to read or to write.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// assert_eq!(RwLock::new(1).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.cell.raw().waiters()
    }

    /// The state and the counts, for a log line or a gauge.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// let statistics = RwLock::new(1).statistics();
    /// assert_eq!((statistics.readers, statistics.is_write_locked), (0, false));
    /// ```
    pub fn statistics(&self) -> RwLockStatistics {
        RwLockStatistics {
            readers: self.readers(),
            is_write_locked: self.is_write_locked(),
            waiting: self.waiters(),
        }
    }

    /// The value; borrowing the lock mutably proves that nobody else has it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::RwLock;
    /// let mut lock = RwLock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.cell.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RwLockStatistics { readers, is_write_locked, waiting } = self.statistics();
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => out.field("value", &&*guard),
            None => out.field("value", &format_args!("<locked>")),
        };
        out.field("readers", &readers)
            .field("write_locked", &is_write_locked)
            .field("waiters", &waiting)
            .finish()
    }
}

/// What [`RwLock::statistics`] answers, each part taken at its own instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RwLockStatistics {
    /// How many read.
    pub readers: usize,
    /// Whether somebody writes.
    pub is_write_locked: bool,
    /// Tasks and threads that wait, to read or to write.
    pub waiting: usize,
}
