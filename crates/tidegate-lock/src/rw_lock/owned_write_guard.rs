use std::sync::Arc;

use tidegate_waiters::{Exclusive, RwCell, RwGrant, Write};

use crate::lends::lends;
use crate::rw_lock::{OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard, RwLock};

type Held<V, T> = Exclusive<V, RwGrant<Write, Arc<RwLock<T>>>>;

/// As [`RwLockWriteGuard`](crate::RwLockWriteGuard), owning a share of its lock.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_lock::RwLock;
/// # tidegate_test::block_on(async {
/// let lock = Arc::new(RwLock::new(1));
/// let guard = Arc::clone(&lock).write_owned().await;
/// drop(lock); // The guard keeps it.
/// std::thread::spawn(move || assert_eq!(*guard, 1)).join().unwrap();
/// # });
/// ```
#[must_use = "dropping an `OwnedRwLockWriteGuard` gives the lock straight back"]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    held: Held<T, T>,
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    #[inline]
    pub(super) fn new(held: Held<T, T>) -> Self {
        Self { held }
    }

    /// The lock that this guard is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(1));
    /// let guard = Arc::clone(&lock).try_write_owned().unwrap();
    /// assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::lock_ref(&guard), &lock));
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &Arc<RwLock<T>> {
        guard.held.grant().owner()
    }

    /// As [`RwLockWriteGuard::downgrade`](crate::RwLockWriteGuard::downgrade).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockWriteGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(1));
    /// let reads = OwnedRwLockWriteGuard::downgrade(Arc::clone(&lock).try_write_owned().unwrap());
    /// assert_eq!(*reads, *lock.try_read().unwrap());
    /// ```
    pub fn downgrade(guard: Self) -> OwnedRwLockReadGuard<T> {
        let grant = guard.held.into_grant().downgrade();
        OwnedRwLockReadGuard::new(RwCell::read_owned(grant, |it| &it.cell))
    }

    /// As [`RwLockWriteGuard::downgrade_to_upgradable`](crate::RwLockWriteGuard::downgrade_to_upgradable).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockWriteGuard, RwLock};
    /// let writes = Arc::new(RwLock::new(1)).try_write_owned().unwrap();
    /// assert_eq!(*OwnedRwLockWriteGuard::downgrade_to_upgradable(writes), 1);
    /// ```
    pub fn downgrade_to_upgradable(guard: Self) -> OwnedRwLockUpgradableReadGuard<T> {
        let grant = guard.held.into_grant().downgrade_to_upgradable();
        OwnedRwLockUpgradableReadGuard::new(RwCell::upgradable_owned(grant, |it| &it.cell))
    }

    /// As [`RwLockWriteGuard::map`](crate::RwLockWriteGuard::map).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockWriteGuard, RwLock};
    /// let pair = Arc::new(RwLock::new((1, 2))).try_write_owned().unwrap();
    /// assert_eq!(*OwnedRwLockWriteGuard::map(pair, |it| &mut it.1), 2);
    /// ```
    #[inline]
    pub fn map<U: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> OwnedMappedRwLockWriteGuard<T, U>
    where
        T: 'static,
    {
        OwnedMappedRwLockWriteGuard { held: guard.held.map(part) }
    }

    /// As [`RwLockWriteGuard::filter_map`](crate::RwLockWriteGuard::filter_map).
    ///
    /// # Errors
    ///
    /// The guard, when there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockWriteGuard, RwLock};
    /// let line = Arc::new(RwLock::new(vec![1])).try_write_owned().unwrap();
    /// assert_eq!(*OwnedRwLockWriteGuard::filter_map(line, |it| it.first_mut()).unwrap(), 1);
    /// ```
    #[inline]
    pub fn filter_map<U: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedMappedRwLockWriteGuard<T, U>, Self>
    where
        T: 'static,
    {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(OwnedMappedRwLockWriteGuard { held }),
            Err(held) => Err(Self { held }),
        }
    }
}

/// As [`MappedRwLockWriteGuard`](crate::MappedRwLockWriteGuard), owning a share of the lock of the whole.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_lock::{OwnedMappedRwLockWriteGuard, OwnedRwLockWriteGuard, RwLock};
/// let whole = Arc::new(RwLock::new((String::from("name"), 5))).try_write_owned().unwrap();
/// let name: OwnedMappedRwLockWriteGuard<(String, i32), String> =
///     OwnedRwLockWriteGuard::map(whole, |it| &mut it.0);
/// assert_eq!(*name, "name");
/// ```
#[must_use = "dropping an `OwnedMappedRwLockWriteGuard` gives the lock straight back"]
pub struct OwnedMappedRwLockWriteGuard<T: ?Sized, U: ?Sized = T> {
    held: Held<U, T>,
}

impl<T: ?Sized, U: ?Sized> OwnedMappedRwLockWriteGuard<T, U> {
    /// The lock that this guard is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedMappedRwLockWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// let whole = Arc::new(RwLock::new((1, 2))).try_write_owned().unwrap();
    /// let part = OwnedRwLockWriteGuard::map(whole, |it| &mut it.0);
    /// assert_eq!(OwnedMappedRwLockWriteGuard::lock_ref(&part).waiters(), 0);
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &Arc<RwLock<T>> {
        guard.held.grant().owner()
    }

    /// As [`RwLockWriteGuard::map`](crate::RwLockWriteGuard::map).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedMappedRwLockWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// let whole = Arc::new(RwLock::new([[1, 2], [3, 4]])).try_write_owned().unwrap();
    /// let row = OwnedRwLockWriteGuard::map(whole, |it| &mut it[1]);
    /// assert_eq!(*OwnedMappedRwLockWriteGuard::map(row, |it| &mut it[0]), 3);
    /// ```
    #[inline]
    pub fn map<V: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&mut U) -> &mut V,
    ) -> OwnedMappedRwLockWriteGuard<T, V>
    where
        U: 'static,
    {
        OwnedMappedRwLockWriteGuard { held: guard.held.map(part) }
    }

    /// As [`RwLockWriteGuard::filter_map`](crate::RwLockWriteGuard::filter_map).
    ///
    /// # Errors
    ///
    /// The guard, when there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedMappedRwLockWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// let whole = Arc::new(RwLock::new((vec![1], "one"))).try_write_owned().unwrap();
    /// let numbers = OwnedRwLockWriteGuard::map(whole, |it| &mut it.0);
    /// assert!(OwnedMappedRwLockWriteGuard::filter_map(numbers, |it| it.get_mut(1)).is_err());
    /// ```
    #[inline]
    pub fn filter_map<V: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<OwnedMappedRwLockWriteGuard<T, V>, Self>
    where
        U: 'static,
    {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(OwnedMappedRwLockWriteGuard { held }),
            Err(held) => Err(Self { held }),
        }
    }
}

lends!(&mut for [T: ?Sized] OwnedRwLockWriteGuard<T> => T);
lends!(&mut for [T: ?Sized, U: ?Sized] OwnedMappedRwLockWriteGuard<T, U> => U);
