use tidegate_waiters::{Borrowed, Read, RwGrant, Shared, Sharing};

use crate::lends::lends;
use crate::rw_lock::RwLock;

type Held<'a, V> = Shared<V, RwGrant<Read, Borrowed<'a, Sharing>>>;

/// The value of a [`RwLock`], to be read beside others; dropping it gives the share back.
///
/// # Examples
///
/// ```
/// # use tidegate_lock::{RwLock, RwLockReadGuard};
/// # tidegate_test::block_on(async {
/// let names = RwLock::new(vec!["Ada", "Grace"]);
/// let all = names.read().await;
/// let first = RwLockReadGuard::map(names.read().await, |it| &it[0]);
/// assert_eq!((all.len(), *first), (2, "Ada"));
/// # });
/// ```
#[must_use = "dropping a `RwLockReadGuard` gives the lock straight back"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    held: Held<'a, T>,
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    #[inline]
    pub(super) fn new(lock: &'a RwLock<T>, held: Held<'a, T>) -> Self {
        Self { lock, held }
    }

    /// The lock that this guard is of.
    ///
    /// A function, so that it hides no method of the value, as are the others.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockReadGuard};
    /// let lock = RwLock::new(1);
    /// let guard = lock.read_blocking();
    /// assert_eq!(RwLockReadGuard::lock_ref(&guard).readers(), 1);
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &'a RwLock<T> {
        guard.lock
    }

    /// Keeps the share for a part of the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockReadGuard};
    /// let pair = RwLock::new((1, 2));
    /// assert_eq!(*RwLockReadGuard::map(pair.read_blocking(), |it| &it.1), 2);
    /// ```
    #[inline]
    pub fn map<U: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&T) -> &U,
    ) -> MappedRwLockReadGuard<'a, U> {
        MappedRwLockReadGuard { held: guard.held.map(part) }
    }

    /// Keeps the share for a part of the value, if there is such a part.
    ///
    /// # Errors
    ///
    /// The guard, when there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{RwLock, RwLockReadGuard};
    /// let line = RwLock::new(vec![1]);
    /// let guard = line.read_blocking();
    /// let Err(guard) = RwLockReadGuard::filter_map(guard, |it| it.get(5)) else { unreachable!() };
    /// assert_eq!(*RwLockReadGuard::filter_map(guard, |it| it.first()).unwrap(), 1);
    /// ```
    #[inline]
    pub fn filter_map<U: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<MappedRwLockReadGuard<'a, U>, Self> {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(MappedRwLockReadGuard { held }),
            Err(held) => Err(Self { lock: guard.lock, held }),
        }
    }
}

/// A part of the value of a [`RwLock`], to be read beside others; dropping it gives the share back.
///
/// What [`RwLockReadGuard::map`] gives.
///
/// # Examples
///
/// ```
/// # use tidegate_lock::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
/// let lock = RwLock::new((String::from("name"), 5));
/// let name = RwLockReadGuard::map(lock.read_blocking(), |it| &it.0);
/// let letters: MappedRwLockReadGuard<'_, str> = MappedRwLockReadGuard::map(name, |it| &it[..2]);
/// assert_eq!(&*letters, "na");
/// ```
#[must_use = "dropping a `MappedRwLockReadGuard` gives the lock straight back"]
pub struct MappedRwLockReadGuard<'a, U: ?Sized> {
    held: Held<'a, U>,
}

impl<'a, U: ?Sized + 'a> MappedRwLockReadGuard<'a, U> {
    /// As [`RwLockReadGuard::map`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
    /// let lock = RwLock::new([[1, 2], [3, 4]]);
    /// let row = RwLockReadGuard::map(lock.read_blocking(), |it| &it[1]);
    /// assert_eq!(*MappedRwLockReadGuard::map(row, |it| &it[0]), 3);
    /// ```
    #[inline]
    pub fn map<V: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&U) -> &V,
    ) -> MappedRwLockReadGuard<'a, V> {
        MappedRwLockReadGuard { held: guard.held.map(part) }
    }

    /// As [`RwLockReadGuard::filter_map`].
    ///
    /// # Errors
    ///
    /// The guard, when there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
    /// let lock = RwLock::new((vec![1], "one"));
    /// let numbers = RwLockReadGuard::map(lock.read_blocking(), |it| &it.0);
    /// assert!(MappedRwLockReadGuard::filter_map(numbers, |it| it.get(1)).is_err());
    /// ```
    #[inline]
    pub fn filter_map<V: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<MappedRwLockReadGuard<'a, V>, Self> {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(MappedRwLockReadGuard { held }),
            Err(held) => Err(Self { held }),
        }
    }
}

lends!(& for [T: ?Sized] RwLockReadGuard<'_, T> => T);
lends!(& for [U: ?Sized] MappedRwLockReadGuard<'_, U> => U);
