use std::ops::DerefMut;

use tidegate_lock::{LockGuard, OwnedLockGuard, Policy};

use crate::condition::Condition;
use crate::wait::{WaitFut, WaitOwnedFut};

/// What one waits with: a [`LockGuard`] or an [`OwnedLockGuard`].
///
/// Nobody else can implement it; it is there to name in a bound.
///
/// # Examples
///
/// ```
/// use tidegate_condition::{Condition, Guard};
/// # use tidegate_lock::Lock;
///
/// async fn more_than<G: Guard<Target = u32>>(news: &Condition, count: G, floor: u32) -> G {
///     news.wait_with(count, |count| *count > floor).await
/// }
///
/// # let (count, news) = (Lock::new(5), Condition::new());
/// # tidegate_test::block_on(async {
/// let count = more_than(&news, count.lock().await, 3).await;
/// assert_eq!(*count, 5);
/// # });
/// ```
pub trait Guard: DerefMut + Sized + sealed::Sealed {
    /// The future that gives it back.
    type Wait<'c>: Future<Output = Self>;

    #[doc(hidden)]
    fn wait(self, condition: &Condition) -> Self::Wait<'_>;
}

mod sealed {
    pub trait Sealed {}
    impl<T: ?Sized, P: super::Policy> Sealed for super::LockGuard<'_, T, P> {}
    impl<T: ?Sized, P: super::Policy> Sealed for super::OwnedLockGuard<T, P> {}
}

impl<'a, T: ?Sized, P: Policy> Guard for LockGuard<'a, T, P> {
    type Wait<'c> = WaitFut<'c, 'a, T, P>;

    #[inline]
    fn wait(self, condition: &Condition) -> WaitFut<'_, 'a, T, P> {
        condition.wait(self)
    }
}

impl<T: ?Sized, P: Policy> Guard for OwnedLockGuard<T, P> {
    type Wait<'c> = WaitOwnedFut<'c, T, P>;

    #[inline]
    fn wait(self, condition: &Condition) -> WaitOwnedFut<'_, T, P> {
        condition.wait_owned(self)
    }
}
