use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::const_fn;
use tidegate_waiters::{
    Borrowed, Fifo, LockCell, LockGrant, LockPolicy as Policy, Mutual, RawLock, block_on,
    block_on_until,
};

mod fut;
mod guard;
mod owned_guard;

pub use fut::{LockFut, LockOwnedFut};
pub use guard::{LockGuard, MappedLockGuard};
pub use owned_guard::{OwnedLockGuard, OwnedMappedLockGuard};

/// A value that one task or thread at a time may use, across `.await` if it must.
///
/// Think of a room with one key: [`lock`](Self::lock) hands out the key, or lets you stand in line for it, and whoever
/// drops the [guard](LockGuard) hands it on.
///
/// # Examples
///
/// ```
/// use tidegate_lock::Lock;
///
/// static LOG: Lock<Vec<String>> = Lock::new(Vec::new());
///
/// async fn note(line: &str) -> usize {
///     let mut log = LOG.lock().await;
///     log.push(line.to_owned());
///     log.len()
/// }
///
/// # tidegate_test::block_on(async {
/// assert_eq!(note("started").await, 1);
/// assert_eq!(note("stopped").await, 2);
/// # });
/// ```
///
/// Share it between tasks that outlive the function, in an [`Arc`]; the value need not be sized:
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_lock::Lock;
/// # tidegate_test::block_on(async {
/// let shout: Arc<Lock<dyn FnMut(&str) -> String + Send>> =
///     Arc::new(Lock::new(|it: &str| it.to_uppercase()));
/// let mut guard = Arc::clone(&shout).lock_owned().await;
/// assert_eq!((*guard)("ahoy"), "AHOY");
/// # });
/// ```
///
/// # This or `std::sync::Mutex`?
///
/// - When no guard is kept across an `.await`, std's costs less, and a task that waits for it does so for a moment only.
/// - When one is, a task that waits for std's stops its whole thread; one that waits here lets others run.
///
/// Nothing is poisoned: if a task panics while it has the value, the next finds it as the panic left it.
///
/// # Fairness
///
/// A `Lock<T>`, that is a `Lock<T, `[`Fifo`]`>`, is strictly first come, first served: who gives it back hands it to
/// whoever has waited longest, and nobody overtakes, not even by [`try_lock`](Self::try_lock).
///
/// In a `Lock<T, `[`Barging`](crate::Barging)`>` it is free once it is given back, the first in line is woken, and
/// whoever is there first takes it: a task that is running anyway need not wait until the other has been scheduled.
/// Whoever loses such a race is handed the lock the next time, so nobody loses two in a row.
///
/// Choose
///
/// - [`Fifo`] when the order matters, when waiting times shall be even, or when the value is kept across an `.await`: then
///   the order costs nothing.
/// - [`Barging`](crate::Barging) when many tasks on several threads take it for a moment each; it is several times faster
///   there. And when one task makes several futures that wait for one lock and does not poll all of them (see below).
///
/// # Limitations
///
/// A future that was handed the lock and is neither polled nor dropped keeps it. With [`Fifo`] that stops everybody, and
/// it is easily done in one task: `select!` on `&mut future` that waits for the lock, then, in a branch, wait for the same
/// lock by another future. The first is in line before the second and nobody polls it. Let the first go before you wait
/// again, or make the lock a [`Barging`](crate::Barging) one: it is not handed to somebody who sleeps, whoever comes may
/// take it, and a second future of the same task takes it as soon as it is polled.
///
/// What remains with [`Barging`](crate::Barging) is: a sleeping future that was told that the lock is free keeps those
/// behind it (not those who come) waiting until the next unlock, or until they are polled or it is dropped; and one that
/// lost a race and then sleeps is handed the lock all the same.
///
/// It is not reentrant: a task that has the lock and waits for it waits for ever.
///
/// # Cost
///
/// Locking and unlocking are one compare-exchange each while nobody waits. Waiting allocates nothing; joining the line,
/// leaving it and being handed the lock are O(1).
pub struct Lock<T: ?Sized, P: Policy = Fifo> {
    cell: LockCell<T, P>,
}

impl<T> Lock<T> {
    const_fn! {
        /// Puts `value` behind a lock that serves who waits in order.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_lock::Lock;
        ///
        /// static NAMES: Lock<Vec<&str>> = Lock::new(Vec::new());
        /// NAMES.lock_blocking().push("Ada");
        /// ```
        pub const fn new(value: T) -> Self {
            Self::with_policy(value)
        }
    }
}

impl<T, P: Policy> Lock<T, P> {
    const_fn! {
        /// Puts `value` behind a lock with the policy of its type.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_lock::{Barging, Lock};
        ///
        /// static HITS: Lock<u64, Barging> = Lock::with_policy(0);
        /// *HITS.lock_blocking() += 1;
        /// ```
        pub const fn with_policy(value: T) -> Self {
            Self { cell: LockCell::new(value) }
        }
    }

    /// The value; owning the lock proves that nobody else has it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::Lock;
    /// assert_eq!(Lock::new(5).into_inner(), 5);
    /// ```
    pub fn into_inner(self) -> T {
        self.cell.into_inner()
    }
}

impl<T: ?Sized, P: Policy> Lock<T, P> {
    /// Takes the lock, waiting in line for it.
    ///
    /// Who makes the future is in line from its first poll on.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped future does not hold the lock; asking again joins the end. A lock that
    /// was handed to a future which never looked goes to the next.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::Lock;
    /// # tidegate_test::block_on(async {
    /// let balance = Lock::new(100);
    /// *balance.lock().await -= 30;
    /// assert_eq!(*balance.lock().await, 70);
    /// # });
    /// ```
    #[inline]
    pub fn lock(&self) -> LockFut<'_, T, P> {
        LockFut::new(self, self.cell.raw().lock())
    }

    /// Takes the lock if it is to be had this instant.
    ///
    /// `None` when somebody has it, and, unless it is a [`Barging`](crate::Barging) one, when somebody waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::Lock;
    /// let lock = Lock::new(1);
    /// let guard = lock.try_lock();
    /// assert!(guard.is_some() && lock.try_lock().is_none());
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<LockGuard<'_, T, P>> {
        self.cell.raw().try_lock().map(|grant| self.guard(grant))
    }

    /// As [`lock`](Self::lock), parking this thread while it waits, in the same line as the tasks.
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running, and one of
    /// those may be the one that has the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::Lock;
    /// let sum = Lock::new(0);
    /// std::thread::scope(|threads| {
    ///     for i in 1..=3 {
    ///         let sum = &sum;
    ///         threads.spawn(move || *sum.lock_blocking() += i);
    ///     }
    /// });
    /// assert_eq!(sum.into_inner(), 6);
    /// ```
    #[inline]
    pub fn lock_blocking(&self) -> LockGuard<'_, T, P> {
        match self.try_lock() {
            Some(guard) => guard,
            None => block_on(self.lock()),
        }
    }

    /// As [`lock_blocking`](Self::lock_blocking), giving up at `deadline` with `None`.
    ///
    /// # Blocking
    ///
    /// As [`lock_blocking`](Self::lock_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_lock::Lock;
    /// let lock = Lock::new(1);
    /// let guard = lock.lock_blocking();
    /// assert!(lock.lock_blocking_until(Instant::now()).is_none());
    /// # drop(guard);
    /// ```
    pub fn lock_blocking_until(&self, deadline: Instant) -> Option<LockGuard<'_, T, P>> {
        match self.try_lock() {
            Some(guard) => Some(guard),
            None => block_on_until(deadline, self.lock()),
        }
    }

    /// As [`lock`](Self::lock), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::Lock;
    /// # tidegate_test::block_on(async {
    /// let lock = Arc::new(Lock::new(String::new()));
    /// let mut guard = Arc::clone(&lock).lock_owned().await;
    /// std::thread::spawn(move || guard.push('a')).join().unwrap();
    /// assert_eq!(*lock.lock().await, "a");
    /// # });
    /// ```
    #[inline]
    pub fn lock_owned(self: Arc<Self>) -> LockOwnedFut<T, P> {
        LockOwnedFut::new(RawLock::lock_owned(self, |it| it.cell.raw()))
    }

    /// As [`try_lock`](Self::try_lock), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::Lock;
    /// let lock = Arc::new(Lock::new(1));
    /// let guard = Arc::clone(&lock).try_lock_owned().unwrap();
    /// assert!(lock.is_locked());
    /// # drop(guard);
    /// ```
    #[inline]
    pub fn try_lock_owned(self: Arc<Self>) -> Option<OwnedLockGuard<T, P>> {
        match RawLock::try_lock_owned(self, |it| it.cell.raw()) {
            Ok(grant) => Some(Self::guard_owned(grant)),
            Err(_share) => None,
        }
    }

    /// As [`lock_blocking`](Self::lock_blocking), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Blocking
    ///
    /// As [`lock_blocking`](Self::lock_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::Lock;
    /// let guard = Arc::new(Lock::new(1)).lock_owned_blocking();
    /// assert_eq!(*guard, 1);
    /// ```
    pub fn lock_owned_blocking(self: Arc<Self>) -> OwnedLockGuard<T, P> {
        block_on(self.lock_owned())
    }

    /// As [`lock_blocking_until`](Self::lock_blocking_until), for a lock in an [`Arc`]; the guard owns its share.
    ///
    /// # Blocking
    ///
    /// As [`lock_blocking`](Self::lock_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Instant;
    /// # use tidegate_lock::Lock;
    /// let guard = Arc::new(Lock::new(1)).lock_owned_blocking_until(Instant::now());
    /// assert_eq!(guard.as_deref(), Some(&1));
    /// ```
    pub fn lock_owned_blocking_until(
        self: Arc<Self>,
        deadline: Instant,
    ) -> Option<OwnedLockGuard<T, P>> {
        block_on_until(deadline, self.lock_owned())
    }

    /// Whether somebody has the lock, or has been handed it and has not looked yet.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::Lock;
    /// assert!(!Lock::new(1).is_locked());
    /// ```
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.cell.raw().is_locked()
    }

    /// How many are in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::Lock;
    /// assert_eq!(Lock::new(1).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.cell.raw().waiters()
    }

    /// The state and the count, for a log line or a gauge.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::Lock;
    /// let statistics = Lock::new(1).statistics();
    /// assert_eq!((statistics.is_locked, statistics.waiting), (false, 0));
    /// ```
    pub fn statistics(&self) -> LockStatistics {
        LockStatistics { is_locked: self.is_locked(), waiting: self.waiters() }
    }

    /// The value; borrowing the lock mutably proves that nobody else has it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::Lock;
    /// let mut lock = Lock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.cell.get_mut()
    }

    /// Makes a guard of the grant that [`LockGuard::into_grant`] took out of one.
    ///
    /// For whoever builds a condition, or anything else that lets go of the lock and comes back to it: what waits for the
    /// grant need not know the value.
    ///
    /// # Panics
    ///
    /// When the grant is of another lock; it goes back to that one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{Lock, LockGuard};
    /// let lock = Lock::new(1);
    /// let (_, grant) = LockGuard::into_grant(lock.lock_blocking());
    /// assert!(lock.is_locked());
    /// assert_eq!(*lock.guard(grant), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn guard<'a>(&'a self, grant: LockGrant<Borrowed<'a, Mutual>>) -> LockGuard<'a, T, P> {
        LockGuard::new(self, self.cell.open(grant))
    }

    /// Makes a guard of the grant that [`OwnedLockGuard::into_grant`] took out of one.
    ///
    /// As [`guard`](Self::guard).
    ///
    /// # Panics
    ///
    /// When the grant is of another lock than its owner; it goes back to that one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{Lock, OwnedLockGuard};
    /// let lock = Arc::new(Lock::new(1));
    /// let grant = OwnedLockGuard::into_grant(Arc::clone(&lock).lock_owned_blocking());
    /// assert!(Arc::ptr_eq(grant.owner(), &lock));
    /// assert_eq!(*Lock::guard_owned(grant), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn guard_owned(grant: LockGrant<Arc<Self>>) -> OwnedLockGuard<T, P> {
        OwnedLockGuard::new(LockCell::open_owned(grant, |it| &it.cell))
    }
}

impl<T: Default, P: Policy> Default for Lock<T, P> {
    fn default() -> Self {
        Self::with_policy(T::default())
    }
}

impl<T> From<T> for Lock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug, P: Policy> fmt::Debug for Lock<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Lock");
        match self.try_lock() {
            Some(guard) => out.field("value", &&*guard),
            None => out.field("value", &format_args!("<locked>")),
        };
        out.field("waiters", &self.waiters()).finish()
    }
}

/// What [`Lock::statistics`] answers, each part taken at its own instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockStatistics {
    /// Whether somebody has it.
    pub is_locked: bool,
    /// Tasks and threads that wait for it.
    pub waiting: usize,
}
