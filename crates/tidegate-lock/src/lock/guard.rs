use tidegate_waiters::{Borrowed, Exclusive, Fifo, LockGrant, LockPolicy as Policy, Mutual};

use crate::lends::lends;
use crate::lock::Lock;

type Held<'a, V> = Exclusive<V, LockGrant<Borrowed<'a, Mutual>>>;

/// The value of a [`Lock`], for you alone; dropping it gives the lock back.
///
/// # Examples
///
/// ```
/// # use tidegate_lock::{Lock, LockGuard};
/// # tidegate_test::block_on(async {
/// let names = Lock::new(vec!["Grace", "Ada"]);
/// let mut guard = names.lock().await;
/// guard.sort();
/// let mut first = LockGuard::map(guard, |it| &mut it[0]);
/// assert_eq!(*first, "Ada");
/// *first = "Alan";
/// drop(first);
/// assert_eq!(*names.lock().await, ["Alan", "Grace"]);
/// # });
/// ```
#[must_use = "dropping a `LockGuard` gives the lock straight back"]
pub struct LockGuard<'a, T: ?Sized, P: Policy = Fifo> {
    lock: &'a Lock<T, P>,
    held: Held<'a, T>,
}

impl<'a, T: ?Sized, P: Policy> LockGuard<'a, T, P> {
    #[inline]
    pub(super) fn new(lock: &'a Lock<T, P>, held: Held<'a, T>) -> Self {
        Self { lock, held }
    }

    /// The lock that this guard is of.
    ///
    /// A function, so that it hides no method of the value, as are the others.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{Lock, LockGuard};
    /// let lock = Lock::new(1);
    /// let guard = lock.lock_blocking();
    /// assert!(LockGuard::lock_ref(&guard).is_locked());
    /// ```
    #[inline]
    pub fn lock_ref(guard: &Self) -> &'a Lock<T, P> {
        guard.lock
    }

    /// Keeps the lock for a part of the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{Lock, LockGuard};
    /// let pair = Lock::new((1, 2));
    /// let mut second = LockGuard::map(pair.lock_blocking(), |it| &mut it.1);
    /// *second += 1;
    /// # drop(second);
    /// assert_eq!(pair.into_inner(), (1, 3));
    /// ```
    #[inline]
    pub fn map<U: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedLockGuard<'a, U> {
        MappedLockGuard { held: guard.held.map(part) }
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
    /// # use tidegate_lock::{Lock, LockGuard};
    /// let line = Lock::new(vec![1, 2]);
    /// let guard = line.lock_blocking();
    /// let Err(guard) = LockGuard::filter_map(guard, |it| it.get_mut(5)) else { unreachable!() };
    /// assert_eq!(*LockGuard::filter_map(guard, |it| it.last_mut()).unwrap(), 2);
    /// ```
    #[inline]
    pub fn filter_map<U: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedLockGuard<'a, U>, Self> {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(MappedLockGuard { held }),
            Err(held) => Err(Self { lock: guard.lock, held }),
        }
    }

    /// Lets go of the value and keeps the lock; [`Lock::guard`] comes back to it.
    ///
    /// This is what a condition is made of: it gives the grant to the waiting core, which hands it on and brings it back,
    /// and needs to know neither the value nor its type.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{Lock, LockGuard};
    /// let lock = Lock::new(1);
    /// let (same, grant) = LockGuard::into_grant(lock.lock_blocking());
    /// assert!(same.is_locked());
    /// drop(grant);
    /// assert!(!same.is_locked());
    /// ```
    #[inline]
    pub fn into_grant(guard: Self) -> (&'a Lock<T, P>, LockGrant<Borrowed<'a, Mutual>>) {
        (guard.lock, guard.held.into_grant())
    }
}

/// A part of the value of a [`Lock`]; dropping it gives the lock back.
///
/// What [`LockGuard::map`] gives.
///
/// # Examples
///
/// ```
/// # use tidegate_lock::{Lock, LockGuard, MappedLockGuard};
/// let lock = Lock::new((String::from("name"), 5));
/// let name = LockGuard::map(lock.lock_blocking(), |it| &mut it.0);
/// let letters: MappedLockGuard<'_, str> = MappedLockGuard::map(name, |it| &mut it[..2]);
/// assert_eq!(&*letters, "na");
/// ```
#[must_use = "dropping a `MappedLockGuard` gives the lock straight back"]
pub struct MappedLockGuard<'a, U: ?Sized> {
    held: Held<'a, U>,
}

impl<'a, U: ?Sized + 'a> MappedLockGuard<'a, U> {
    /// As [`LockGuard::map`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{Lock, LockGuard, MappedLockGuard};
    /// let lock = Lock::new([[1, 2], [3, 4]]);
    /// let row = LockGuard::map(lock.lock_blocking(), |it| &mut it[1]);
    /// assert_eq!(*MappedLockGuard::map(row, |it| &mut it[0]), 3);
    /// ```
    #[inline]
    pub fn map<V: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&mut U) -> &mut V,
    ) -> MappedLockGuard<'a, V> {
        MappedLockGuard { held: guard.held.map(part) }
    }

    /// As [`LockGuard::filter_map`].
    ///
    /// # Errors
    ///
    /// The guard, when there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_lock::{Lock, LockGuard, MappedLockGuard};
    /// let lock = Lock::new((vec![1], "one"));
    /// let numbers = LockGuard::map(lock.lock_blocking(), |it| &mut it.0);
    /// assert!(MappedLockGuard::filter_map(numbers, |it| it.get_mut(1)).is_err());
    /// ```
    #[inline]
    pub fn filter_map<V: ?Sized + 'a>(
        guard: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<MappedLockGuard<'a, V>, Self> {
        match guard.held.filter_map(part) {
            Ok(held) => Ok(MappedLockGuard { held }),
            Err(held) => Err(Self { held }),
        }
    }
}

lends!(&mut for [T: ?Sized, P: Policy] LockGuard<'_, T, P> => T);
lends!(&mut for [U: ?Sized] MappedLockGuard<'_, U> => U);
