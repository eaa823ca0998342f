use std::sync::Arc;

use tidegate_waiters::{RwCell, RwGrant, Shared, Upgradable};

use crate::lends::lends;
use crate::rw_lock::{OwnedRwLockReadGuard, RwLock, RwLockUpgradedGuard, UpgradeFut};

type Held<T> = Shared<T, RwGrant<Upgradable, Arc<RwLock<T>>>>;

/// As [`RwLockUpgradableReadGuard`](crate::RwLockUpgradableReadGuard), owning a share of its lock.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_lock::{OwnedRwLockUpgradableReadGuard, RwLock};
/// # tidegate_test::block_on(async {
/// let lock = Arc::new(RwLock::new(1));
/// let mut guard = lock.upgradable_read_owned().await; // The guard keeps it.
/// *OwnedRwLockUpgradableReadGuard::upgrade(&mut guard).await += 1;
/// assert_eq!(*guard, 2);
/// # });
/// ```
#[must_use = "dropping an `OwnedRwLockUpgradableReadGuard` gives the lock straight back"]
pub struct OwnedRwLockUpgradableReadGuard<T: ?Sized> {
    held: Held<T>,
}

impl<T: ?Sized> OwnedRwLockUpgradableReadGuard<T> {
    #[inline]
    pub(super) fn new(held: Held<T>) -> Self {
        Self { held }
    }

    /// The lock that this guard is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockUpgradableReadGuard, RwLock};
    /// let guard = Arc::new(RwLock::new(1)).try_upgradable_read_owned().unwrap();
    /// assert_eq!(OwnedRwLockUpgradableReadGuard::lock_ref(&guard).readers(), 1);
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &Arc<RwLock<T>> {
        guard.held.grant().owner()
    }

    /// As [`RwLockUpgradableReadGuard::upgrade`](crate::RwLockUpgradableReadGuard::upgrade).
    ///
    /// # Cancel safety
    ///
    /// As [`RwLockUpgradableReadGuard::upgrade`](crate::RwLockUpgradableReadGuard::upgrade).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockUpgradableReadGuard, RwLock};
    /// # tidegate_test::block_on(async {
    /// let mut guard = Arc::new(RwLock::new(1)).upgradable_read_owned().await;
    /// *OwnedRwLockUpgradableReadGuard::upgrade(&mut guard).await += 1;
    /// assert_eq!(*guard, 2);
    /// # });
    /// ```
    pub fn upgrade(guard: &mut Self) -> UpgradeFut<'_, T> {
        // A share of its own for a moment, since the grant is borrowed mutably; the future borrows the guard's.
        let lock = Arc::clone(Self::lock_ref(guard));
        UpgradeFut::new(lock.cell.upgrade(&mut guard.held))
    }

    /// As [`RwLockUpgradableReadGuard::try_upgrade`](crate::RwLockUpgradableReadGuard::try_upgrade).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockUpgradableReadGuard, RwLock};
    /// let mut guard = Arc::new(RwLock::new(1)).try_upgradable_read_owned().unwrap();
    /// *OwnedRwLockUpgradableReadGuard::try_upgrade(&mut guard).unwrap() += 1;
    /// assert_eq!(*guard, 2);
    /// ```
    pub fn try_upgrade(guard: &mut Self) -> Option<RwLockUpgradedGuard<'_, T>> {
        let lock = Arc::clone(Self::lock_ref(guard));
        lock.cell.try_upgrade(&mut guard.held).map(RwLockUpgradedGuard::new)
    }

    /// As [`RwLockUpgradableReadGuard::downgrade`](crate::RwLockUpgradableReadGuard::downgrade).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockUpgradableReadGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(1));
    /// let guard = Arc::clone(&lock).try_upgradable_read_owned().unwrap();
    /// let reads = OwnedRwLockUpgradableReadGuard::downgrade(guard);
    /// assert!(lock.try_upgradable_read().is_some());
    /// # drop(reads);
    /// ```
    pub fn downgrade(guard: Self) -> OwnedRwLockReadGuard<T> {
        let grant = guard.held.into_grant().downgrade();
        OwnedRwLockReadGuard::new(RwCell::read_owned(grant, |it| &it.cell))
    }
}

lends!(& for [T: ?Sized] OwnedRwLockUpgradableReadGuard<T> => T);
