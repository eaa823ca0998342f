use std::sync::Arc;

use tidegate_waiters::{Read, RwGrant, Shared};

use crate::lends::lends;
use crate::rw_lock::RwLock;

type Held<V, T> = Shared<V, RwGrant<Read, Arc<RwLock<T>>>>;

/// As [`RwLockReadGuard`](crate::RwLockReadGuard), owning a share of its lock.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_lock::RwLock;
/// # tidegate_test::block_on(async {
/// let lock = Arc::new(RwLock::new(1));
/// let guard = Arc::clone(&lock).read_owned().await;
/// drop(lock); // The guard keeps it.
/// std::thread::spawn(move || assert_eq!(*guard, 1)).join().unwrap();
/// # });
/// ```
#[must_use = "dropping an `OwnedRwLockReadGuard` gives the lock straight back"]
pub struct OwnedRwLockReadGuard<T: ?Sized> {
    held: Held<T, T>,
}

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
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
    /// # use tidegate_lock::{OwnedRwLockReadGuard, RwLock};
    /// let lock = Arc::new(RwLock::new(1));
    /// let guard = Arc::clone(&lock).try_read_owned().unwrap();
    /// assert!(Arc::ptr_eq(OwnedRwLockReadGuard::lock_ref(&guard), &lock));
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &Arc<RwLock<T>> {
        guard.held.grant().owner()
    }

    /// As [`RwLockReadGuard::map`](crate::RwLockReadGuard::map).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockReadGuard, RwLock};
    /// let pair = Arc::new(RwLock::new((1, 2))).try_read_owned().unwrap();
    /// assert_eq!(*OwnedRwLockReadGuard::map(pair, |it| &it.1), 2);
    /// ```
    #[inline]
    pub fn map<U: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&T) -> &U,
    ) -> OwnedMappedRwLockReadGuard<T, U>
    where
        T: 'static,
    {
        OwnedMappedRwLockReadGuard { held: guard.held.map(part) }
    }

    /// As [`RwLockReadGuard::filter_map`](crate::RwLockReadGuard::filter_map).
    ///
    /// # Errors
    ///
    /// The guard, when there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedRwLockReadGuard, RwLock};
    /// let line = Arc::new(RwLock::new(vec![1])).try_read_owned().unwrap();
    /// assert_eq!(*OwnedRwLockReadGuard::filter_map(line, |it| it.first()).unwrap(), 1);
    /// ```
    #[inline]
    pub fn filter_map<U: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<OwnedMappedRwLockReadGuard<T, U>, Self>
    where
        T: 'static,
    {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(OwnedMappedRwLockReadGuard { held }),
            Err(held) => Err(Self { held }),
        }
    }
}

/// As [`MappedRwLockReadGuard`](crate::MappedRwLockReadGuard), owning a share of the lock of the whole.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_lock::{OwnedMappedRwLockReadGuard, OwnedRwLockReadGuard, RwLock};
/// let whole = Arc::new(RwLock::new((String::from("name"), 5))).try_read_owned().unwrap();
/// let name: OwnedMappedRwLockReadGuard<(String, i32), String> =
///     OwnedRwLockReadGuard::map(whole, |it| &it.0);
/// assert_eq!(*name, "name");
/// ```
#[must_use = "dropping an `OwnedMappedRwLockReadGuard` gives the lock straight back"]
pub struct OwnedMappedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    held: Held<U, T>,
}

impl<T: ?Sized, U: ?Sized> OwnedMappedRwLockReadGuard<T, U> {
    /// The lock that this guard is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedMappedRwLockReadGuard, OwnedRwLockReadGuard, RwLock};
    /// let whole = Arc::new(RwLock::new((1, 2))).try_read_owned().unwrap();
    /// let part = OwnedRwLockReadGuard::map(whole, |it| &it.0);
    /// assert_eq!(OwnedMappedRwLockReadGuard::lock_ref(&part).waiters(), 0);
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &Arc<RwLock<T>> {
        guard.held.grant().owner()
    }

    /// As [`RwLockReadGuard::map`](crate::RwLockReadGuard::map).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedMappedRwLockReadGuard, OwnedRwLockReadGuard, RwLock};
    /// let whole = Arc::new(RwLock::new([[1, 2], [3, 4]])).try_read_owned().unwrap();
    /// let row = OwnedRwLockReadGuard::map(whole, |it| &it[1]);
    /// assert_eq!(*OwnedMappedRwLockReadGuard::map(row, |it| &it[0]), 3);
    /// ```
    #[inline]
    pub fn map<V: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&U) -> &V,
    ) -> OwnedMappedRwLockReadGuard<T, V>
    where
        U: 'static,
    {
        OwnedMappedRwLockReadGuard { held: guard.held.map(part) }
    }

    /// As [`RwLockReadGuard::filter_map`](crate::RwLockReadGuard::filter_map).
    ///
    /// # Errors
    ///
    /// The guard, when there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{OwnedMappedRwLockReadGuard, OwnedRwLockReadGuard, RwLock};
    /// let whole = Arc::new(RwLock::new((vec![1], "one"))).try_read_owned().unwrap();
    /// let numbers = OwnedRwLockReadGuard::map(whole, |it| &it.0);
    /// assert!(OwnedMappedRwLockReadGuard::filter_map(numbers, |it| it.get(1)).is_err());
    /// ```
    #[inline]
    pub fn filter_map<V: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<OwnedMappedRwLockReadGuard<T, V>, Self>
    where
        U: 'static,
    {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(OwnedMappedRwLockReadGuard { held }),
            Err(held) => Err(Self { held }),
        }
    }
}

lends!(& for [T: ?Sized] OwnedRwLockReadGuard<T> => T);
lends!(& for [T: ?Sized, U: ?Sized] OwnedMappedRwLockReadGuard<T, U> => U);
