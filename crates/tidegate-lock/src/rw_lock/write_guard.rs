use tidegate_waiters::{Borrowed, Exclusive, RwGrant, Sharing, Write};

use crate::lends::lends;
use crate::rw_lock::{RwLock, RwLockReadGuard, RwLockUpgradableReadGuard};

type Held<'a, V> = Exclusive<V, RwGrant<Write, Borrowed<'a, Sharing>>>;

/// The value of a [`RwLock`], for you alone; dropping it gives the lock back.
///
/// # Examples
///
/// ```
/// # use tidegate_lock::{RwLock, RwLockWriteGuard};
/// # tidegate_test::block_on(async {
/// let names = RwLock::new(vec!["Grace", "Ada"]);
/// let mut guard = names.write().await;
/// guard.sort();
/// let sorted = RwLockWriteGuard::downgrade(guard); // Nobody writes in between.
/// assert_eq!(*sorted, ["Ada", "Grace"]);
/// # });
/// ```
#[must_use = "dropping a `RwLockWriteGuard` gives the lock straight back"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    held: Held<'a, T>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>, held: Held<'a, T>) -> Self {
        Self { lock, held }
    }

    /// The lock that this guard is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new(1);
    /// let guard = lock.write_blocking();
    /// assert!(RwLockWriteGuard::lock_ref(&guard).is_write_locked());
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &'a RwLock<T> {
        guard.lock
    }

    /// Goes on reading: others may read from now on, and nobody writes in between.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new(1);
    /// let reads = RwLockWriteGuard::downgrade(lock.write_blocking());
    /// assert_eq!(*reads, *lock.try_read().unwrap());
    /// ```
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        let grant = guard.held.into_grant().downgrade();
        RwLockReadGuard::new(guard.lock, guard.lock.cell.read(grant))
    }

    /// Goes on reading, as the one who may come to write again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};
    /// # tidegate_test::block_on(async {
    /// let lock = RwLock::new(1);
    /// let mut guard = RwLockWriteGuard::downgrade_to_upgradable(lock.write().await);
    /// assert!(lock.try_read().is_some());
    /// *RwLockUpgradableReadGuard::upgrade(&mut guard).await += 1;
    /// assert_eq!(*guard, 2);
    /// # });
    /// ```
    pub fn downgrade_to_upgradable(guard: Self) -> RwLockUpgradableReadGuard<'a, T> {
        let grant = guard.held.into_grant().downgrade_to_upgradable();
        RwLockUpgradableReadGuard::new(guard.lock, guard.lock.cell.upgradable(grant))
    }

    /// Keeps the lock for a part of the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockWriteGuard};
    /// let pair = RwLock::new((1, 2));
    /// *RwLockWriteGuard::map(pair.write_blocking(), |it| &mut it.1) += 1;
    /// assert_eq!(pair.into_inner(), (1, 3));
    /// ```
    #[inline]
    pub fn map<U: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedRwLockWriteGuard<'a, U> {
        MappedRwLockWriteGuard { held: guard.held.map(part) }
    }

    /// Keeps the lock for a part of the value, if there is such a part.
    ///
    /// # Errors
    ///
    /// The guard, when there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockWriteGuard};
    /// let line = RwLock::new(vec![1]);
    /// let guard = line.write_blocking();
    /// let Err(guard) = RwLockWriteGuard::filter_map(guard, |it| it.get_mut(5)) else { unreachable!() };
    /// *RwLockWriteGuard::filter_map(guard, |it| it.first_mut()).unwrap() = 2;
    /// assert_eq!(line.into_inner(), [2]);
    /// ```
    #[inline]
    pub fn filter_map<U: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedRwLockWriteGuard<'a, U>, Self> {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(MappedRwLockWriteGuard { held }),
            Err(held) => Err(Self { lock: guard.lock, held }),
        }
    }
}

/// A part of the value of a [`RwLock`], for you alone; dropping it gives the lock back.
///
/// What [`RwLockWriteGuard::map`] gives. It cannot be downgraded: what was reached by `&mut` is not always fit to be
/// shared.
///
/// # Examples
///
/// ```
/// # use tidegate_lock::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
/// let lock = RwLock::new((String::from("name"), 5));
/// let name = RwLockWriteGuard::map(lock.write_blocking(), |it| &mut it.0);
/// let mut letters: MappedRwLockWriteGuard<'_, str> =
///     MappedRwLockWriteGuard::map(name, |it| &mut it[..2]);
/// letters.make_ascii_uppercase();
/// drop(letters);
/// assert_eq!(lock.into_inner().0, "NAme");
/// ```
#[must_use = "dropping a `MappedRwLockWriteGuard` gives the lock straight back"]
pub struct MappedRwLockWriteGuard<'a, U: ?Sized> {
    held: Held<'a, U>,
}

impl<'a, U: ?Sized + 'a> MappedRwLockWriteGuard<'a, U> {
    /// As [`RwLockWriteGuard::map`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new([[1, 2], [3, 4]]);
    /// let row = RwLockWriteGuard::map(lock.write_blocking(), |it| &mut it[1]);
    /// assert_eq!(*MappedRwLockWriteGuard::map(row, |it| &mut it[0]), 3);
    /// ```
    #[inline]
    pub fn map<V: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&mut U) -> &mut V,
    ) -> MappedRwLockWriteGuard<'a, V> {
        MappedRwLockWriteGuard { held: guard.held.map(part) }
    }

    /// As [`RwLockWriteGuard::filter_map`].
    ///
    /// # Errors
    ///
    /// The guard, when there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new((vec![1], "one"));
    /// let numbers = RwLockWriteGuard::map(lock.write_blocking(), |it| &mut it.0);
    /// assert!(MappedRwLockWriteGuard::filter_map(numbers, |it| it.get_mut(1)).is_err());
    /// ```
    #[inline]
    pub fn filter_map<V: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<MappedRwLockWriteGuard<'a, V>, Self> {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(MappedRwLockWriteGuard { held }),
            Err(held) => Err(Self { held }),
        }
    }
}

lends!(&mut for [T: ?Sized] RwLockWriteGuard<'_, T> => T);
lends!(&mut for [U: ?Sized] MappedRwLockWriteGuard<'_, U> => U);
