use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Read, RwCell, RwLocking, Sharing, Upgradable, Upgrading, Write};

use crate::rw_lock::{
    OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockReadGuard, RwLockUpgradableReadGuard, RwLockUpgradedGuard, RwLockWriteGuard,
};

macro_rules! futures {
    ($(
        $mode:ident, $poll:ident, $open_owned:ident:
        #[doc = $doc:literal] $future:ident => $guard:ident,
        #[doc = $owned_doc:literal] $owned:ident => $owned_guard:ident;
    )*) => {$(
        pin_project! {
            #[doc = $doc]
            #[must_use = "futures do nothing unless you `.await` or poll them"]
            pub struct $future<'a, T: ?Sized> {
                lock: &'a RwLock<T>,
                #[pin]
                locking: RwLocking<$mode, Borrowed<'a, Sharing>>,
            }
        }

        impl<'a, T: ?Sized> $future<'a, T> {
            #[inline]
            pub(super) fn new(lock: &'a RwLock<T>) -> Self {
                Self { lock, locking: lock.cell.raw().lock() }
            }
        }

        impl<'a, T: ?Sized> Future for $future<'a, T> {
            type Output = $guard<'a, T>;

            #[inline]
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let this = self.project();
                match this.lock.cell.$poll(this.locking, cx) {
                    Poll::Ready(held) => Poll::Ready($guard::new(this.lock, held)),
                    Poll::Pending => Poll::Pending,
                }
            }
        }

        impl<T: ?Sized> fmt::Debug for $future<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($future)).field(&self.locking).finish()
            }
        }

        pin_project! {
            #[doc = $owned_doc]
            #[must_use = "futures do nothing unless you `.await` or poll them"]
            pub struct $owned<T: ?Sized> {
                #[pin]
                locking: RwLocking<$mode, Arc<RwLock<T>>>,
            }
        }

        impl<T: ?Sized> $owned<T> {
            #[inline]
            pub(super) fn new(locking: RwLocking<$mode, Arc<RwLock<T>>>) -> Self {
                Self { locking }
            }
        }

        impl<T: ?Sized> Future for $owned<T> {
            type Output = $owned_guard<T>;

            #[inline]
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                let locked = self.project().locking.poll(cx);
                locked.map(|grant| $owned_guard::new(RwCell::$open_owned(grant, |it| &it.cell)))
            }
        }

        impl<T: ?Sized> fmt::Debug for $owned<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($owned)).field(&self.locking).finish()
            }
        }
    )*};
}
futures! {
    Read, poll_read, read_owned:
    /// The future of [`RwLock::read`].
    ReadFut => RwLockReadGuard,
    /// The future of [`RwLock::read_owned`].
    ReadOwnedFut => OwnedRwLockReadGuard;

    Upgradable, poll_upgradable, upgradable_owned:
    /// The future of [`RwLock::upgradable_read`].
    UpgradableReadFut => RwLockUpgradableReadGuard,
    /// The future of [`RwLock::upgradable_read_owned`].
    UpgradableReadOwnedFut => OwnedRwLockUpgradableReadGuard;

    Write, poll_write, write_owned:
    /// The future of [`RwLock::write`].
    WriteFut => RwLockWriteGuard,
    /// The future of [`RwLock::write_owned`].
    WriteOwnedFut => OwnedRwLockWriteGuard;
}

pin_project! {
    /// The future of [`RwLockUpgradableReadGuard::upgrade`] and [`OwnedRwLockUpgradableReadGuard::upgrade`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct UpgradeFut<'g, T: ?Sized> {
        #[pin]
        upgrading: Upgrading<'g, T>,
    }
}

impl<'g, T: ?Sized> UpgradeFut<'g, T> {
    #[inline]
    pub(super) fn new(upgrading: Upgrading<'g, T>) -> Self {
        Self { upgrading }
    }
}

impl<'g, T: ?Sized> Future for UpgradeFut<'g, T> {
    type Output = RwLockUpgradedGuard<'g, T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().upgrading.poll(cx).map(RwLockUpgradedGuard::new)
    }
}

impl<T: ?Sized> fmt::Debug for UpgradeFut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UpgradeFut").field(&self.upgrading).finish()
    }
}
