use std::cell::UnsafeCell;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tidegate_shim::const_fn;

use crate::cell::Exclusive;
use crate::lock::{Fifo, LockGrant, LockPolicy, Locking, RawLock};

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

impl<T: ?Sized, P: LockPolicy> fmt::Debug for LockCell<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockCell").field("raw", &self.raw).finish_non_exhaustive()
    }
}
