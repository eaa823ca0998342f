// How it works
//
// A cell is a value beside a raw lock. The raw lock mints grants, of which there are never two that exclude each
// other; a cell opens for a grant of its own raw lock, and what it gives out keeps the grant until it is dropped.
// So whoever has an `Exclusive` has the only way to the value, and whoever has a `Shared` knows that nobody writes.
//
// The owner in a grant keeps the raw lock alive and in its place. It is a field of the cell, so it keeps the cell.
//
// Mapping an `Exclusive` to a part hands the part out for as long as the grant is kept. What could let somebody else
// in while a part is out, that is downgrading and upgrading, starts from the cell again: a part that was reached
// through `&mut` must not be read by others (it may be the inside of a `Cell`), and a part that was reached
// before an upgrade may not be there after it.
//
// Whoever maps is asked for a reference that lives as long as one to what is mapped can. That may be less than the grant
// lives, if a lifetime in the type of what is mapped is short, and then the reference need not be to a part at all. So
// what is mapped and what it is mapped to must live as long as the grant may: `Keeps`.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tidegate_shim::const_fn;

use crate::lock::{Fifo, LockGrant, LockPolicy, Locking, RawLock};
use crate::queue::Policy;
use crate::rw::{Mode, RawRwLock, Read, RwGrant, RwLocking, Sharing, Upgradable, Upgrade, Write};
use crate::waiter::Borrowed;

/// A value behind a [`RawLock`].
///
/// # Examples
///
/// ```
/// use tidegate_waiters::{Fifo, LockCell};
///
/// # tidegate_waiters::block_on(async {
/// let cell = LockCell::<_, Fifo>::new(1);
/// let mut value = cell.open(cell.raw().lock().await);
/// *value += 1;
/// drop(value);
/// assert_eq!(cell.into_inner(), 2);
/// # });
/// ```
pub struct LockCell<T: ?Sized, P: LockPolicy = Fifo> {
    raw: RawLock<P>,
    value: UnsafeCell<T>,
}

// SAFETY: whoever may have the cell may have the value.
unsafe impl<T: ?Sized + Send, P: LockPolicy> Send for LockCell<T, P> {}
// SAFETY: the value is lent to one at a time, so it need only be fit to be sent.
unsafe impl<T: ?Sized + Send, P: LockPolicy> Sync for LockCell<T, P> {}

impl<T, P: LockPolicy> LockCell<T, P> {
    const_fn! {
        /// Puts `value` behind a free lock.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_waiters::LockCell;
        ///
        /// static CELL: LockCell<u32> = LockCell::new(1);
        /// ```
        pub const fn new(value: T) -> Self {
            Self { raw: RawLock::new(), value: UnsafeCell::new(value) }
        }
    }

    /// The value; owning the cell proves that nobody is inside.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, LockCell};
    /// assert_eq!(LockCell::<_, Fifo>::new(1).into_inner(), 1);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, P: LockPolicy> LockCell<T, P> {
    /// The lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, LockCell};
    /// assert!(!LockCell::<_, Fifo>::new(1).raw().is_locked());
    /// ```
    #[inline]
    pub fn raw(&self) -> &RawLock<P> {
        &self.raw
    }

    /// The value; borrowing the cell mutably proves that nobody is inside.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, LockCell};
    /// let mut cell = LockCell::<_, Fifo>::new(1);
    /// *cell.get_mut() += 1;
    /// assert_eq!(cell.into_inner(), 2);
    /// ```
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Opens the cell for whoever holds its lock.
    ///
    /// # Panics
    ///
    /// When the grant is of another lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, LockCell};
    /// let cell = LockCell::<_, Fifo>::new(1);
    /// let value = cell.open(cell.raw().try_lock().unwrap());
    /// assert_eq!(*value, 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn open<O>(&self, grant: LockGrant<O>) -> Exclusive<T, LockGrant<O>> {
        assert!(self.raw.is_of(&grant), "a grant of another lock");
        // SAFETY: the grant is the only one of the lock that guards this value.
        unsafe { Exclusive::new(self.value.get(), grant) }
    }

    /// Polls a future of this cell's lock, and opens the cell when that is ready.
    ///
    /// # Panics
    ///
    /// When the future is of another lock; it is not polled then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::pin::pin;
    /// # use tidegate_waiters::{Fifo, LockCell};
    /// # tidegate_waiters::block_on(async {
    /// let cell = LockCell::<_, Fifo>::new(1);
    /// let mut locking = pin!(cell.raw().lock());
    /// let value = std::future::poll_fn(|cx| cell.poll_open(locking.as_mut(), cx)).await;
    /// assert_eq!(*value, 1);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn poll_open<O: Clone>(
        &self,
        locking: Pin<&mut Locking<P, O>>,
        cx: &mut Context<'_>,
    ) -> Poll<Exclusive<T, LockGrant<O>>> {
        // Asked before there is a grant to lose.
        assert!(self.raw.is_for(&locking), "a future of another lock");
        match locking.poll(cx) {
            // SAFETY: the grant is the only one of the lock that guards this value.
            Poll::Ready(grant) => Poll::Ready(unsafe { Exclusive::new(self.value.get(), grant) }),
            Poll::Pending => Poll::Pending,
        }
    }

    /// As [`open`](Self::open), for a cell inside the owner of the grant.
    ///
    /// # Panics
    ///
    /// When the grant is of another lock than that of `cell`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{Fifo, LockCell, RawLock};
    /// let cell = Arc::new(LockCell::<_, Fifo>::new(1));
    /// let grant = RawLock::try_lock_owned(cell, LockCell::raw).unwrap();
    /// let mut value = LockCell::open_owned(grant, |it| it);
    /// *value += 1;
    /// assert_eq!(*value, 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn open_owned<L: ?Sized>(
        grant: LockGrant<Arc<L>>,
        cell: impl FnOnce(&L) -> &Self,
    ) -> Exclusive<T, LockGrant<Arc<L>>> {
        let this = cell(grant.owner());
        assert!(this.raw.is_of(&grant), "a grant of another lock");
        let value = this.value.get();
        // SAFETY: the grant is the only one of the lock that guards this value.
        unsafe { Exclusive::new(value, grant) }
    }
}

/// A value behind a [`RawRwLock`].
///
/// # Examples
///
/// ```
/// use tidegate_waiters::{Read, RwCell, Write};
///
/// # tidegate_waiters::block_on(async {
/// let cell = RwCell::new(1);
/// *cell.write(cell.raw().lock::<Write>().await) += 1;
/// let one = cell.read(cell.raw().lock::<Read>().await);
/// let two = cell.read(cell.raw().lock::<Read>().await);
/// assert_eq!(*one + *two, 4);
/// # });
/// ```
pub struct RwCell<T: ?Sized> {
    raw: RawRwLock,
    value: UnsafeCell<T>,
}

// SAFETY: whoever may have the cell may have the value.
unsafe impl<T: ?Sized + Send> Send for RwCell<T> {}
// SAFETY: the value is lent to one at a time, or shared among several who only read.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwCell<T> {}

impl<T> RwCell<T> {
    const_fn! {
        /// Puts `value` behind a free lock.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_waiters::RwCell;
        ///
        /// static CELL: RwCell<u32> = RwCell::new(1);
        /// ```
        pub const fn new(value: T) -> Self {
            Self { raw: RawRwLock::new(), value: UnsafeCell::new(value) }
        }
    }

    /// The value; owning the cell proves that nobody is inside.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RwCell;
    /// assert_eq!(RwCell::new(1).into_inner(), 1);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwCell<T> {
    /// The lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RwCell;
    /// assert_eq!(RwCell::new(1).raw().readers(), 0);
    /// ```
    #[inline]
    pub fn raw(&self) -> &RawRwLock {
        &self.raw
    }

    /// The value; borrowing the cell mutably proves that nobody is inside.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RwCell;
    /// let mut cell = RwCell::new(1);
    /// *cell.get_mut() += 1;
    /// assert_eq!(cell.into_inner(), 2);
    /// ```
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Opens the cell for one of those who read.
    ///
    /// # Panics
    ///
    /// When the grant is of another lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RwCell;
    /// let cell = RwCell::new(1);
    /// let value = cell.read(cell.raw().try_lock().unwrap());
    /// assert_eq!(*value, 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn read<O>(&self, grant: RwGrant<Read, O>) -> Shared<T, RwGrant<Read, O>> {
        let value = self.value_for(&grant);
        // SAFETY: nobody gets a grant for writing while this one lives.
        unsafe { Shared::new(value, grant) }
    }

    /// Opens the cell for the one who reads and may come to write.
    ///
    /// # Panics
    ///
    /// When the grant is of another lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RwCell;
    /// let cell = RwCell::new(1);
    /// let value = cell.upgradable(cell.raw().try_lock().unwrap());
    /// assert_eq!(*value, 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn upgradable<O>(
        &self,
        grant: RwGrant<Upgradable, O>,
    ) -> Shared<T, RwGrant<Upgradable, O>> {
        let value = self.value_for(&grant);
        // SAFETY: nobody else gets a grant for writing while this one lives; its own upgrade borrows it mutably.
        unsafe { Shared::new(value, grant) }
    }

    /// Opens the cell for the one who writes.
    ///
    /// # Panics
    ///
    /// When the grant is of another lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RwCell;
    /// let cell = RwCell::new(1);
    /// *cell.write(cell.raw().try_lock().unwrap()) += 1;
    /// assert_eq!(cell.into_inner(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn write<O>(&self, grant: RwGrant<Write, O>) -> Exclusive<T, RwGrant<Write, O>> {
        let value = self.value_for(&grant);
        // SAFETY: there is no other grant while this one lives.
        unsafe { Exclusive::new(value, grant) }
    }

    /// As [`read`](Self::read), for a cell inside the owner of the grant.
    ///
    /// # Panics
    ///
    /// When the grant is of another lock than that of `cell`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{RawRwLock, RwCell, Read};
    /// let cell = Arc::new(RwCell::new(1));
    /// let grant = RawRwLock::try_lock_owned::<Read, _>(cell, RwCell::raw).unwrap();
    /// assert_eq!(*RwCell::read_owned(grant, |it| it), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn read_owned<L: ?Sized>(
        grant: RwGrant<Read, Arc<L>>,
        cell: impl FnOnce(&L) -> &Self,
    ) -> Shared<T, RwGrant<Read, Arc<L>>> {
        let value = cell(grant.owner()).value_for(&grant);
        // SAFETY: nobody gets a grant for writing while this one lives.
        unsafe { Shared::new(value, grant) }
    }

    /// As [`upgradable`](Self::upgradable), for a cell inside the owner of the grant.
    ///
    /// # Panics
    ///
    /// When the grant is of another lock than that of `cell`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{RawRwLock, RwCell, Upgradable};
    /// let cell = Arc::new(RwCell::new(1));
    /// let grant = RawRwLock::try_lock_owned::<Upgradable, _>(cell, RwCell::raw).unwrap();
    /// assert_eq!(*RwCell::upgradable_owned(grant, |it| it), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn upgradable_owned<L: ?Sized>(
        grant: RwGrant<Upgradable, Arc<L>>,
        cell: impl FnOnce(&L) -> &Self,
    ) -> Shared<T, RwGrant<Upgradable, Arc<L>>> {
        let value = cell(grant.owner()).value_for(&grant);
        // SAFETY: nobody else gets a grant for writing while this one lives; its own upgrade borrows it mutably.
        unsafe { Shared::new(value, grant) }
    }

    /// As [`write`](Self::write), for a cell inside the owner of the grant.
    ///
    /// # Panics
    ///
    /// When the grant is of another lock than that of `cell`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{RawRwLock, RwCell, Write};
    /// let cell = Arc::new(RwCell::new(1));
    /// let grant = RawRwLock::try_lock_owned::<Write, _>(cell, RwCell::raw).unwrap();
    /// assert_eq!(*RwCell::write_owned(grant, |it| it), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn write_owned<L: ?Sized>(
        grant: RwGrant<Write, Arc<L>>,
        cell: impl FnOnce(&L) -> &Self,
    ) -> Exclusive<T, RwGrant<Write, Arc<L>>> {
        let value = cell(grant.owner()).value_for(&grant);
        // SAFETY: there is no other grant while this one lives.
        unsafe { Exclusive::new(value, grant) }
    }

    /// Polls a future of this cell's lock, and opens the cell when that is ready.
    ///
    /// # Panics
    ///
    /// When the future is of another lock; it is not polled then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::pin::pin;
    /// # use tidegate_waiters::{RwCell, Read};
    /// # tidegate_waiters::block_on(async {
    /// let cell = RwCell::new(1);
    /// let mut locking = pin!(cell.raw().lock::<Read>());
    /// let value = std::future::poll_fn(|cx| cell.poll_read(locking.as_mut(), cx)).await;
    /// assert_eq!(*value, 1);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn poll_read<O: Clone>(
        &self,
        locking: Pin<&mut RwLocking<Read, O>>,
        cx: &mut Context<'_>,
    ) -> Poll<Shared<T, RwGrant<Read, O>>> {
        // Asked before there is a grant to lose.
        assert!(self.raw.is_for(&locking), "a future of another lock");
        match locking.poll(cx) {
            // SAFETY: nobody gets a grant for writing while this one lives.
            Poll::Ready(grant) => Poll::Ready(unsafe { Shared::new(self.value.get(), grant) }),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Polls a future of this cell's lock, and opens the cell when that is ready.
    ///
    /// # Panics
    ///
    /// When the future is of another lock; it is not polled then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::pin::pin;
    /// # use tidegate_waiters::{RwCell, Upgradable};
    /// # tidegate_waiters::block_on(async {
    /// let cell = RwCell::new(1);
    /// let mut locking = pin!(cell.raw().lock::<Upgradable>());
    /// let value = std::future::poll_fn(|cx| cell.poll_upgradable(locking.as_mut(), cx)).await;
    /// assert_eq!(*value, 1);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn poll_upgradable<O: Clone>(
        &self,
        locking: Pin<&mut RwLocking<Upgradable, O>>,
        cx: &mut Context<'_>,
    ) -> Poll<Shared<T, RwGrant<Upgradable, O>>> {
        // Asked before there is a grant to lose.
        assert!(self.raw.is_for(&locking), "a future of another lock");
        match locking.poll(cx) {
            // SAFETY: nobody else gets a grant for writing while this one lives; its own upgrade borrows it mutably.
            Poll::Ready(grant) => Poll::Ready(unsafe { Shared::new(self.value.get(), grant) }),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Polls a future of this cell's lock, and opens the cell when that is ready.
    ///
    /// # Panics
    ///
    /// When the future is of another lock; it is not polled then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::pin::pin;
    /// # use tidegate_waiters::{RwCell, Write};
    /// # tidegate_waiters::block_on(async {
    /// let cell = RwCell::new(1);
    /// let mut locking = pin!(cell.raw().lock::<Write>());
    /// let value = std::future::poll_fn(|cx| cell.poll_write(locking.as_mut(), cx)).await;
    /// assert_eq!(*value, 1);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn poll_write<O: Clone>(
        &self,
        locking: Pin<&mut RwLocking<Write, O>>,
        cx: &mut Context<'_>,
    ) -> Poll<Exclusive<T, RwGrant<Write, O>>> {
        // Asked before there is a grant to lose.
        assert!(self.raw.is_for(&locking), "a future of another lock");
        match locking.poll(cx) {
            // SAFETY: there is no other grant while this one lives.
            Poll::Ready(grant) => Poll::Ready(unsafe { Exclusive::new(self.value.get(), grant) }),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Where the value is, for whoever has a grant of its lock.
    #[inline]
    #[track_caller]
    fn value_for<M: Mode, O>(&self, grant: &RwGrant<M, O>) -> *mut T {
        assert!(self.raw.is_of(grant), "a grant of another lock");
        self.value.get()
    }

    /// Waits until nobody else reads, before all others who wait; ends with the value to write. Dropping that leaves
    /// what was upgraded.
    ///
    /// # Panics
    ///
    /// When `held` is of another cell.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. What is to be upgraded is kept whatever becomes of the future.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RwCell, Upgradable};
    /// # tidegate_waiters::block_on(async {
    /// let cell = RwCell::new(1);
    /// let mut shared = cell.upgradable(cell.raw().lock::<Upgradable>().await);
    /// if *shared == 1 {
    ///     *cell.upgrade(&mut shared).await = 2;
    /// }
    /// assert_eq!(*shared, 2);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn upgrade<'g, O>(
        &self,
        held: &'g mut Shared<T, RwGrant<Upgradable, O>>,
    ) -> Upgrading<'g, T> {
        let value = self.value_for(&held.grant);
        // SAFETY: valid, so not null.
        let value = unsafe { NonNull::new_unchecked(value) };
        Upgrading { locking: held.grant.upgrade(), value, _value: PhantomData }
    }

    /// As [`upgrade`](Self::upgrade), if nobody else reads this instant.
    ///
    /// # Panics
    ///
    /// When `held` is of another cell.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Read, RwCell, Upgradable};
    /// let cell = RwCell::new(1);
    /// let mut shared = cell.upgradable(cell.raw().try_lock::<Upgradable>().unwrap());
    /// let reads = cell.raw().try_lock::<Read>();
    /// assert!(cell.try_upgrade(&mut shared).is_none());
    /// drop(reads);
    /// assert!(cell.try_upgrade(&mut shared).is_some());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_upgrade<'g, O>(
        &self,
        held: &'g mut Shared<T, RwGrant<Upgradable, O>>,
    ) -> Option<Exclusive<T, RwGrant<Upgrade, Borrowed<'g, Sharing>>>> {
        let value = self.value_for(&held.grant);
        let grant = held.grant.try_upgrade()?;
        // SAFETY: there is no other grant while this one lives but the one that was upgraded, which is borrowed mutably
        // for as long.
        Some(unsafe { Exclusive::new(value, grant) })
    }
}

pin_project! {
    /// The future of [`RwCell::upgrade`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Upgrading<'g, T: ?Sized> {
        #[pin]
        locking: RwLocking<Upgrade, Borrowed<'g, Sharing>>,
        // From the cell, which knows the type of the value; a `Shared` may have been let live shorter, which who only
        // reads does not mind.
        value: NonNull<T>,
        _value: PhantomData<&'g mut T>,
    }
}

// SAFETY: it comes to be a mutable borrow of the value; until then it is a waiter.
unsafe impl<T: ?Sized + Send> Send for Upgrading<'_, T> {}
// SAFETY: shared, it gives access to nothing.
unsafe impl<T: ?Sized + Sync> Sync for Upgrading<'_, T> {}

impl<'g, T: ?Sized> Future for Upgrading<'g, T> {
    type Output = Exclusive<T, RwGrant<Upgrade, Borrowed<'g, Sharing>>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let grant = ready!(this.locking.poll(cx));
        // SAFETY: there is no other grant while this one lives but the one that was upgraded, which is borrowed mutably
        // for as long.
        Poll::Ready(unsafe { Exclusive::new(this.value.as_ptr(), grant) })
    }
}

impl<T: ?Sized> fmt::Debug for Upgrading<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upgrading").field(&self.locking).finish()
    }
}

impl<T: ?Sized, P: LockPolicy> fmt::Debug for LockCell<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockCell").field("raw", &self.raw).finish_non_exhaustive()
    }
}

impl<T: ?Sized> fmt::Debug for RwCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwCell").field("raw", &self.raw).finish_non_exhaustive()
    }
}

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
    unsafe fn new(value: *mut V, grant: G) -> Self {
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
    grant: G,
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
    unsafe fn new(value: *mut V, grant: G) -> Self {
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
