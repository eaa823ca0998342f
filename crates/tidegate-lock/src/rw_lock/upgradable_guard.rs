use tidegate_waiters::{Borrowed, Exclusive, RwGrant, Shared, Sharing, Upgradable, Upgrade};

use crate::lends::lends;
use crate::rw_lock::{RwLock, RwLockReadGuard, UpgradeFut};

type Held<'a, T> = Shared<T, RwGrant<Upgradable, Borrowed<'a, Sharing>>>;
type Upgraded<'g, T> = Exclusive<T, RwGrant<Upgrade, Borrowed<'g, Sharing>>>;

/// The value of a [`RwLock`], to be read beside others, by the only one who may come to write it.
///
/// What one reads before one writes is still so when one does: no other writer comes in between.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use tidegate_lock::{RwLock, RwLockUpgradableReadGuard};
///
/// async fn get_or_make(cache: &RwLock<HashMap<u32, String>>, key: u32) -> String {
///     let mut guard = cache.upgradable_read().await;
///     if let Some(known) = guard.get(&key) {
///         return known.clone();
///     }
///     let new = format!("value of {key}"); // Others may read meanwhile.
///     RwLockUpgradableReadGuard::upgrade(&mut guard).await.insert(key, new.clone());
///     new
/// }
///
/// # tidegate_test::block_on(async {
/// let cache = RwLock::default();
/// assert_eq!(get_or_make(&cache, 5).await, "value of 5");
/// assert_eq!(cache.read().await.len(), 1);
/// # });
/// ```
#[must_use = "dropping a `RwLockUpgradableReadGuard` gives the lock straight back"]
pub struct RwLockUpgradableReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    held: Held<'a, T>,
}

impl<'a, T: ?Sized> RwLockUpgradableReadGuard<'a, T> {
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>, held: Held<'a, T>) -> Self {
        Self { lock, held }
    }

    /// The lock that this guard is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockUpgradableReadGuard};
    /// let lock = RwLock::new(1);
    /// let guard = lock.upgradable_read_blocking();
    /// assert_eq!(RwLockUpgradableReadGuard::lock_ref(&guard).readers(), 1);
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &'a RwLock<T> {
        guard.lock
    }

    /// Waits until nobody else reads, and ends with a guard that writes; dropping that goes back to reading.
    ///
    /// It goes before all who are in line: they wait for whoever may upgrade anyway. Nobody starts to read while it waits.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line: those who came to read meanwhile do. Whatever becomes of the future, `guard` still
    /// reads, and nobody has written.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockUpgradableReadGuard};
    /// # tidegate_test::block_on(async {
    /// let lock = RwLock::new(1);
    /// let mut guard = lock.upgradable_read().await;
    /// *RwLockUpgradableReadGuard::upgrade(&mut guard).await += 1;
    /// assert_eq!(*guard, 2);
    /// # });
    /// ```
    #[inline]
    pub fn upgrade(guard: &mut Self) -> UpgradeFut<'_, T> {
        UpgradeFut::new(guard.lock.cell.upgrade(&mut guard.held))
    }

    /// As [`upgrade`](Self::upgrade), if nobody else reads this instant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockUpgradableReadGuard};
    /// let lock = RwLock::new(1);
    /// let mut guard = lock.upgradable_read_blocking();
    /// let reads = lock.read_blocking();
    /// assert!(RwLockUpgradableReadGuard::try_upgrade(&mut guard).is_none());
    /// drop(reads);
    /// assert!(RwLockUpgradableReadGuard::try_upgrade(&mut guard).is_some());
    /// ```
    #[inline]
    pub fn try_upgrade(guard: &mut Self) -> Option<RwLockUpgradedGuard<'_, T>> {
        guard.lock.cell.try_upgrade(&mut guard.held).map(RwLockUpgradedGuard::new)
    }

    /// Goes on reading, and lets another be the one who may come to write.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockUpgradableReadGuard};
    /// let lock = RwLock::new(1);
    /// let reads = RwLockUpgradableReadGuard::downgrade(lock.upgradable_read_blocking());
    /// assert!(lock.try_upgradable_read().is_some());
    /// # drop(reads);
    /// ```
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        let grant = guard.held.into_grant().downgrade();
        RwLockReadGuard::new(guard.lock, guard.lock.cell.read(grant))
    }
}

/// The value of a [`RwLock`], for you alone, until it is dropped and the guard that was upgraded reads again.
///
/// What [`RwLockUpgradableReadGuard::upgrade`] ends with.
///
/// # Examples
///
/// ```
/// # use tidegate_lock::{RwLock, RwLockUpgradableReadGuard, RwLockUpgradedGuard};
/// let lock = RwLock::new(1);
/// let mut guard = lock.upgradable_read_blocking();
/// let mut upgraded: RwLockUpgradedGuard<'_, i32> =
///     RwLockUpgradableReadGuard::try_upgrade(&mut guard).unwrap();
/// *upgraded += 1;
/// assert!(lock.is_write_locked());
/// drop(upgraded);
/// assert_eq!((*guard, lock.is_write_locked()), (2, false));
/// ```
#[must_use = "dropping a `RwLockUpgradedGuard` goes straight back to reading"]
pub struct RwLockUpgradedGuard<'g, T: ?Sized> {
    held: Upgraded<'g, T>,
}

impl<'g, T: ?Sized> RwLockUpgradedGuard<'g, T> {
    #[inline]
    pub(super) fn new(held: Upgraded<'g, T>) -> Self {
        Self { held }
    }
}

lends!(& for [T: ?Sized] RwLockUpgradableReadGuard<'_, T> => T);
lends!(&mut for [T: ?Sized] RwLockUpgradedGuard<'_, T> => T);
