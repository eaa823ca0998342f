//! async-lock.

use async_lock::SemaphoreGuard;

use super::Contender;
use crate::guarantee::{Guarantee, Who};

/// async-lock does not say how many are free.
pub(crate) struct Semaphore(async_lock::Semaphore);

impl Contender for Semaphore {
    const WHO: Who = Who::peer("async-lock", Guarantee::Unfair);
}

impl super::Semaphore for Semaphore {
    type Permit<'a> = SemaphoreGuard<'a>;

    fn new(permits: usize) -> Self {
        Self(async_lock::Semaphore::new(permits))
    }
    #[inline(always)]
    fn try_acquire(&self) -> Option<Self::Permit<'_>> {
        self.0.try_acquire()
    }
    #[inline(always)]
    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.0.acquire()
    }
    fn free(&self) -> usize {
        self.0.available_permits()
    }
}
