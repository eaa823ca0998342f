use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::lock::LockGrant;
use crate::queue::Policy;
use crate::rw::{Mode, Read, RwGrant};
use crate::waiter::Borrowed;

/// What a grant may be kept with: what lives at least as long as the grant can.
///
/// With a borrow, what outlives the borrow; with a share of an [`Arc`], which may be kept for ever, what is `'static`.
///
/// # Examples
///
/// ```
/// # use tidegate_waiters::{Exclusive, Keeps};
/// fn first<V, G: Keeps<[V]> + Keeps<V>>(all: Exclusive<[V], G>) -> Exclusive<V, G> {
///     all.map(|all| &mut all[0])
/// }
/// ```
pub trait Keeps<V: ?Sized>: sealed::Sealed {}

impl<'q, P: Policy, V: ?Sized + 'q> Keeps<V> for Borrowed<'q, P> {}
impl<L: ?Sized, V: ?Sized + 'static> Keeps<V> for Arc<L> {}
impl<V: ?Sized, O: Keeps<V>> Keeps<V> for LockGrant<O> {}
impl<V: ?Sized, M: Mode, O: Keeps<V>> Keeps<V> for RwGrant<M, O> {}

mod sealed {
    use super::{Arc, Borrowed, LockGrant, Mode, Policy, RwGrant};

    pub trait Sealed {}
    impl<P: Policy> Sealed for Borrowed<'_, P> {}
    impl<L: ?Sized> Sealed for Arc<L> {}
    impl<O: Sealed> Sealed for LockGrant<O> {}
    impl<M: Mode, O: Sealed> Sealed for RwGrant<M, O> {}
}

/// The value of a cell, or a part of it, for one alone. Dropping it gives the grant `G` back.
///
/// # Examples
///
/// ```
/// # use tidegate_waiters::{Fifo, LockCell};
/// let cell = LockCell::<_, Fifo>::new(1);
/// *cell.open(cell.raw().try_lock().unwrap()) += 1;
/// assert_eq!(cell.into_inner(), 2);
/// ```
///
/// As with a mutable borrow, the lifetimes in it stay as they are:
///
/// ```compile_fail
/// # use tidegate_waiters::Exclusive;
/// fn shorter<'s, G>(it: Exclusive<&'static str, G>) -> Exclusive<&'s str, G> {
///     it
/// }
/// ```
///
/// What is mapped to something that lives shorter than the grant would not say how long it may be kept:
///
/// ```compile_fail
/// # use std::marker::PhantomData;
/// # use tidegate_waiters::{Borrowed, Exclusive, LockGrant, Mutual};
/// type Kept<V> = Exclusive<V, LockGrant<Borrowed<'static, Mutual>>>;
/// fn longer<'s>(it: Kept<()>, short: &'s mut String) -> Kept<String> {
///     it.map(|_| Box::leak(Box::new(PhantomData::<&'s ()>))).map(move |_| short)
/// }
/// ```
///
/// Nor would one that was opened as something that does:
///
/// ```compile_fail
/// # use std::any::Any;
/// # use tidegate_waiters::{Borrowed, Exclusive, LockGrant, Mutual};
/// # trait Thing {}
/// type Kept<V> = Exclusive<V, LockGrant<Borrowed<'static, Mutual>>>;
/// fn longer<'s>(it: Kept<dyn Thing + 's>, short: &'s mut String) -> Kept<String> {
///     it.map(move |_| short)
/// }
/// ```
#[must_use = "dropping it gives the lock straight back"]
pub struct Exclusive<V: ?Sized, G> {
    /// Reached through nobody else while `grant` lives.
    value: NonNull<V>,
    grant: G,
    // As a mutable borrow: invariant.
    _value: PhantomData<*mut V>,
}

// SAFETY: it is a mutable borrow of the value, and the grant.
unsafe impl<V: ?Sized + Send, G: Send> Send for Exclusive<V, G> {}
// SAFETY: shared, it is a shared borrow of the value, and the grant.
unsafe impl<V: ?Sized + Sync, G: Sync> Sync for Exclusive<V, G> {}

impl<V: ?Sized, G> Exclusive<V, G> {
    /// # Safety
    ///
    /// `value` is valid, and reached through nobody else, while `grant` lives.
    #[inline]
    pub(super) unsafe fn new(value: *mut V, grant: G) -> Self {
        // SAFETY: valid, so not null.
        let value = unsafe { NonNull::new_unchecked(value) };
        Self { value, grant, _value: PhantomData }
    }

    /// Goes on with a part of the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, LockCell};
    /// let cell = LockCell::<_, Fifo>::new((1, 2));
    /// let value = cell.open(cell.raw().try_lock().unwrap());
    /// *value.map(|it| &mut it.1) += 1;
    /// assert_eq!(cell.into_inner(), (1, 3));
    /// ```
    #[inline]
    pub fn map<U: ?Sized>(mut self, part: impl FnOnce(&mut V) -> &mut U) -> Exclusive<U, G>
    where
        G: Keeps<V> + Keeps<U>,
    {
        let value = NonNull::from(part(&mut self));
        Exclusive { value, grant: self.grant, _value: PhantomData }
    }

    /// Goes on with a part of the value, if it has it.
    ///
    /// # Errors
    ///
    /// The whole, when it has not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, LockCell};
    /// let cell = LockCell::<_, Fifo>::new(vec![1]);
    /// let value = cell.open(cell.raw().try_lock().unwrap());
    /// assert!(value.filter_map(|it| it.get_mut(1)).is_err());
    /// ```
    #[inline]
    pub fn filter_map<U: ?Sized>(
        mut self,
        part: impl FnOnce(&mut V) -> Option<&mut U>,
    ) -> Result<Exclusive<U, G>, Self>
    where
        G: Keeps<V> + Keeps<U>,
    {
        match part(&mut self).map(NonNull::from) {
            Some(value) => Ok(Exclusive { value, grant: self.grant, _value: PhantomData }),
            None => Err(self),
        }
    }

    /// The grant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{Fifo, LockCell, RawLock};
    /// let cell = Arc::new(LockCell::<_, Fifo>::new(1));
    /// let grant = RawLock::try_lock_owned(cell, LockCell::raw).unwrap();
    /// let value = LockCell::open_owned(grant, |it| it);
    /// assert!(value.grant().owner().raw().is_locked());
    /// ```
    #[inline]
    pub fn grant(&self) -> &G {
        &self.grant
    }

    /// Leaves the value and keeps the grant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, LockCell};
    /// let cell = LockCell::<_, Fifo>::new(1);
    /// let grant = cell.open(cell.raw().try_lock().unwrap()).into_grant();
    /// assert_eq!(*cell.open(grant), 1);
    /// ```
    #[inline]
    pub fn into_grant(self) -> G {
        self.grant
    }
}

impl<V: ?Sized, G> Deref for Exclusive<V, G> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        // SAFETY: valid, and nobody writes, while the grant is kept and this is borrowed.
        unsafe { self.value.as_ref() }
    }
}

impl<V: ?Sized, G> DerefMut for Exclusive<V, G> {
    #[inline]
    fn deref_mut(&mut self) -> &mut V {
        // SAFETY: valid, and reached through nobody else, while the grant is kept and this is borrowed.
        unsafe { self.value.as_mut() }
    }
}

/// The value of a cell, or a part of it, for reading. Dropping it gives the grant `G` back.
///
/// # Examples
///
/// ```
/// # use tidegate_waiters::{RwCell, Shared};
/// let cell = RwCell::new("static");
/// let shared = cell.read(cell.raw().try_lock().unwrap());
/// // As with a shared borrow, the lifetimes in it may be let live shorter.
/// fn shorter<'s, G>(it: Shared<&'static str, G>) -> Shared<&'s str, G> {
///     it
/// }
/// assert_eq!(*shorter(shared), "static");
/// ```
///
/// One that was let live shorter is not mapped to what is not kept alive for longer:
///
/// ```compile_fail
/// # use tidegate_waiters::{Borrowed, Read, RwGrant, Shared, Sharing};
/// type Kept<V> = Shared<V, RwGrant<Read, Borrowed<'static, Sharing>>>;
/// fn longer<'s>(it: Kept<&'static str>, short: &'s String) -> Kept<String> {
///     let it: Kept<&'s str> = it;
///     it.map(move |_| short)
/// }
/// ```
///
/// Nor is it upgraded to write what lives shorter:
///
/// ```compile_fail
/// # use tidegate_waiters::{RwCell, RwGrant, Shared, Upgradable};
/// fn write<'s, O>(
///     cell: &RwCell<&'static str>,
///     mut it: Shared<&'s str, RwGrant<Upgradable, O>>,
///     short: &'s str,
/// ) {
///     *cell.try_upgrade(&mut it).unwrap() = short;
/// }
/// ```
#[must_use = "dropping it gives the lock straight back"]
pub struct Shared<V: ?Sized, G> {
    /// Written by nobody while `grant` lives.
    value: NonNull<V>,
    pub(super) grant: G,
}

// SAFETY: it is a shared borrow of the value, and the grant.
unsafe impl<V: ?Sized + Sync, G: Send> Send for Shared<V, G> {}
// SAFETY: as above.
unsafe impl<V: ?Sized + Sync, G: Sync> Sync for Shared<V, G> {}

impl<V: ?Sized, G> Shared<V, G> {
    /// # Safety
    ///
    /// `value` is valid, and written by nobody, while `grant` lives and is not borrowed mutably.
    #[inline]
    pub(super) unsafe fn new(value: *mut V, grant: G) -> Self {
        // SAFETY: valid, so not null.
        let value = unsafe { NonNull::new_unchecked(value) };
        Self { value, grant }
    }

    /// The grant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{RawRwLock, Read, RwCell};
    /// let cell = Arc::new(RwCell::new(1));
    /// let grant = RawRwLock::try_lock_owned::<Read, _>(cell, RwCell::raw).unwrap();
    /// let value = RwCell::read_owned(grant, |it| it);
    /// assert_eq!(value.grant().owner().raw().readers(), 1);
    /// ```
    #[inline]
    pub fn grant(&self) -> &G {
        &self.grant
    }

    /// Leaves the value and keeps the grant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RwCell, Upgradable};
    /// let cell = RwCell::new(1);
    /// let value = cell.upgradable(cell.raw().try_lock::<Upgradable>().unwrap());
    /// assert_eq!(*cell.read(value.into_grant().downgrade()), 1);
    /// ```
    #[inline]
    pub fn into_grant(self) -> G {
        self.grant
    }
}

impl<V: ?Sized, O> Shared<V, RwGrant<Read, O>> {
    /// Goes on with a part of the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RwCell;
    /// let cell = RwCell::new((1, 2));
    /// let value = cell.read(cell.raw().try_lock().unwrap());
    /// assert_eq!(*value.map(|it| &it.1), 2);
    /// ```
    #[inline]
    pub fn map<U: ?Sized>(self, part: impl FnOnce(&V) -> &U) -> Shared<U, RwGrant<Read, O>>
    where
        O: Keeps<V> + Keeps<U>,
    {
        let value = NonNull::from(part(&self));
        Shared { value, grant: self.grant }
    }

    /// Goes on with a part of the value, if it has it.
    ///
    /// # Errors
    ///
    /// The whole, when it has not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RwCell;
    /// let cell = RwCell::new(vec![1]);
    /// let value = cell.read(cell.raw().try_lock().unwrap());
    /// assert!(value.filter_map(|it| it.get(1)).is_err());
    /// ```
    #[inline]
    pub fn filter_map<U: ?Sized>(
        self,
        part: impl FnOnce(&V) -> Option<&U>,
    ) -> Result<Shared<U, RwGrant<Read, O>>, Self>
    where
        O: Keeps<V> + Keeps<U>,
    {
        match part(&self).map(NonNull::from) {
            Some(value) => Ok(Shared { value, grant: self.grant }),
            None => Err(self),
        }
    }
}

impl<V: ?Sized, G> Deref for Shared<V, G> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        // SAFETY: valid, and nobody writes, while the grant is kept and this is borrowed.
        unsafe { self.value.as_ref() }
    }
}

impl<V: ?Sized + fmt::Debug, G> fmt::Debug for Exclusive<V, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<V: ?Sized + fmt::Debug, G> fmt::Debug for Shared<V, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
