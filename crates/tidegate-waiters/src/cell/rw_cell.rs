use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tidegate_shim::const_fn;

use crate::cell::{Exclusive, Shared};
use crate::rw::{Mode, RawRwLock, Read, RwGrant, RwLocking, Sharing, Upgradable, Upgrade, Write};
use crate::waiter::Borrowed;

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

impl<T: ?Sized> fmt::Debug for RwCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwCell").field("raw", &self.raw).finish_non_exhaustive()
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
