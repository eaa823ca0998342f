use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tidegate_waiters::{Acquire, Borrowed, Permits};

use crate::permit::{OwnedPermit, Permit};
use crate::semaphore::Semaphore;

/// The semaphore is closed; it gives out no more permits.
///
/// # Examples
///
/// ```
/// use tidegate_semaphore::{Closed, Semaphore};
///
/// let semaphore = Semaphore::new(1);
/// semaphore.close();
/// assert_eq!(semaphore.acquire_blocking().unwrap_err(), Closed);
/// assert_eq!(Closed.to_string(), "the semaphore is closed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore is closed")
    }
}

impl Error for Closed {}

pin_project! {
    /// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_semaphore::{AcquireFut, Semaphore};
    ///
    /// # tidegate_test::block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// let acquire: AcquireFut<'_> = semaphore.acquire();
    /// assert!(acquire.await.is_ok());
    /// # });
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquireFut<'a> {
        semaphore: &'a Semaphore,
        #[pin]
        acquire: Acquire<Borrowed<'a, Permits>>,
    }
}

impl<'a> AcquireFut<'a> {
    #[inline]
    pub(crate) fn new(semaphore: &'a Semaphore, acquire: Acquire<Borrowed<'a, Permits>>) -> Self {
        Self { semaphore, acquire }
    }
}

impl<'a> Future for AcquireFut<'a> {
    type Output = Result<Permit<'a>, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.acquire.poll(cx) {
            Poll::Ready(Some(n)) => Poll::Ready(Ok(Permit::new(this.semaphore, n))),
            Poll::Ready(None) => Poll::Ready(Err(Closed)),
            Poll::Pending => Poll::Pending,
        }
    }
}

pin_project! {
    /// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tidegate_semaphore::{AcquireOwnedFut, Semaphore};
    ///
    /// # tidegate_test::block_on(async {
    /// let acquire: AcquireOwnedFut = Arc::new(Semaphore::new(1)).acquire_owned();
    /// assert!(acquire.await.is_ok());
    /// # });
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquireOwnedFut {
        #[pin]
        acquire: Acquire<Arc<Semaphore>>,
    }
}

impl AcquireOwnedFut {
    #[inline]
    pub(crate) fn new(acquire: Acquire<Arc<Semaphore>>) -> Self {
        Self { acquire }
    }
}

impl Future for AcquireOwnedFut {
    type Output = Result<OwnedPermit, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut acquire = self.project().acquire;
        let taken = ready!(acquire.as_mut().poll(cx));
        Poll::Ready(taken.map(|n| OwnedPermit::new(Arc::clone(acquire.owner()), n)).ok_or(Closed))
    }
}
