use std::sync::Arc;

use tidegate_waiters::{Exclusive, Fifo, LockGrant, LockPolicy as Policy};

use crate::lends::lends;
use crate::lock::Lock;

type Held<V, T, P> = Exclusive<V, LockGrant<Arc<Lock<T, P>>>>;

/// As [`LockGuard`](crate::LockGuard), owning a share of its lock.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_lock::Lock;
/// # tidegate_test::block_on(async {
/// let lock = Arc::new(Lock::new(1));
/// let mut guard = Arc::clone(&lock).lock_owned().await;
/// drop(lock); // The guard keeps it.
/// *guard += 1;
/// assert_eq!(*guard, 2);
/// # });
/// ```
#[must_use = "dropping an `OwnedLockGuard` gives the lock straight back"]
pub struct OwnedLockGuard<T: ?Sized, P: Policy = Fifo> {
    held: Held<T, T, P>,
}

impl<T: ?Sized, P: Policy> OwnedLockGuard<T, P> {
    #[inline]
    pub(super) fn new(held: Held<T, T, P>) -> Self {
        Self { held }
    }

    /// The lock that this guard is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{Lock, OwnedLockGuard};
    /// let lock = Arc::new(Lock::new(1));
    /// let guard = Arc::clone(&lock).lock_owned_blocking();
    /// assert!(Arc::ptr_eq(OwnedLockGuard::lock_ref(&guard), &lock));
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &Arc<Lock<T, P>> {
        guard.held.grant().owner()
    }

    /// As [`LockGuard::map`](crate::LockGuard::map).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{Lock, OwnedLockGuard};
    /// let pair = Arc::new(Lock::new((1, 2))).lock_owned_blocking();
    /// assert_eq!(*OwnedLockGuard::map(pair, |it| &mut it.1), 2);
    /// ```
    #[inline]
    pub fn map<U: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> OwnedMappedLockGuard<T, U, P>
    where
        T: 'static,
    {
        OwnedMappedLockGuard { held: guard.held.map(part) }
    }

    /// As [`LockGuard::filter_map`](crate::LockGuard::filter_map).
    ///
    /// # Errors
    ///
    /// The guard, when there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{Lock, OwnedLockGuard};
    /// let line = Arc::new(Lock::new(vec![1])).lock_owned_blocking();
    /// assert_eq!(*OwnedLockGuard::filter_map(line, |it| it.first_mut()).unwrap(), 1);
    /// ```
    #[inline]
    pub fn filter_map<U: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedMappedLockGuard<T, U, P>, Self>
    where
        T: 'static,
    {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(OwnedMappedLockGuard { held }),
            Err(held) => Err(Self { held }),
        }
    }

    /// As [`LockGuard::into_grant`](crate::LockGuard::into_grant); the grant owns the share of the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{Lock, OwnedLockGuard};
    /// let grant = OwnedLockGuard::into_grant(Arc::new(Lock::new(1)).lock_owned_blocking());
    /// assert!(grant.owner().is_locked());
    /// ```
    #[inline]
    pub fn into_grant(guard: Self) -> LockGrant<Arc<Lock<T, P>>> {
        guard.held.into_grant()
    }
}

/// As [`MappedLockGuard`](crate::MappedLockGuard), owning a share of the lock of the whole.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
/// let whole = Arc::new(Lock::new((String::from("name"), 5)));
/// let name: OwnedMappedLockGuard<(String, i32), String> =
///     OwnedLockGuard::map(whole.lock_owned_blocking(), |it| &mut it.0);
/// assert_eq!(*name, "name");
/// ```
#[must_use = "dropping an `OwnedMappedLockGuard` gives the lock straight back"]
pub struct OwnedMappedLockGuard<T: ?Sized, U: ?Sized = T, P: Policy = Fifo> {
    held: Held<U, T, P>,
}

impl<T: ?Sized, U: ?Sized, P: Policy> OwnedMappedLockGuard<T, U, P> {
    /// The lock that this guard is of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
    /// let part = OwnedLockGuard::map(Arc::new(Lock::new((1, 2))).lock_owned_blocking(), |it| &mut it.0);
    /// assert!(OwnedMappedLockGuard::lock_ref(&part).is_locked());
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &Arc<Lock<T, P>> {
        guard.held.grant().owner()
    }

    /// As [`LockGuard::map`](crate::LockGuard::map).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
    /// let whole = Arc::new(Lock::new([[1, 2], [3, 4]])).lock_owned_blocking();
    /// let row = OwnedLockGuard::map(whole, |it| &mut it[1]);
    /// assert_eq!(*OwnedMappedLockGuard::map(row, |it| &mut it[0]), 3);
    /// ```
    #[inline]
    pub fn map<V: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&mut U) -> &mut V,
    ) -> OwnedMappedLockGuard<T, V, P>
    where
        U: 'static,
    {
        OwnedMappedLockGuard { held: guard.held.map(part) }
    }

    /// As [`LockGuard::filter_map`](crate::LockGuard::filter_map).
    ///
    /// # Errors
    ///
    /// The guard, when there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
    /// let whole = Arc::new(Lock::new((vec![1], "one"))).lock_owned_blocking();
    /// let numbers = OwnedLockGuard::map(whole, |it| &mut it.0);
    /// assert!(OwnedMappedLockGuard::filter_map(numbers, |it| it.get_mut(1)).is_err());
    /// ```
    #[inline]
    pub fn filter_map<V: ?Sized + 'static>(
        guard: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<OwnedMappedLockGuard<T, V, P>, Self>
    where
        U: 'static,
    {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(OwnedMappedLockGuard { held }),
            Err(held) => Err(Self { held }),
        }
    }
}

lends!(&mut for [T: ?Sized, P: Policy] OwnedLockGuard<T, P> => T);
lends!(&mut for [T: ?Sized, U: ?Sized, P: Policy] OwnedMappedLockGuard<T, U, P> => U);
