//! saa. Its gate is not among the events: once opened it could not be shut again when this was written.

use std::sync::atomic::Ordering;

use super::Contender;
use crate::guarantee::{Guarantee, Who};

pub(crate) struct Semaphore(saa::Semaphore);

/// saa counts by hand; this gives back like everybody's.
pub(crate) struct Permit<'a>(&'a saa::Semaphore, usize);

impl Drop for Permit<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.release_many(self.1);
    }
}

impl Contender for Semaphore {
    const WHO: Who = Who::peer("saa", Guarantee::Fifo)
        .note("63 permits at most; gives up its thread's time slice before it waits")
        .walks();
}

impl super::Semaphore for Semaphore {
    type Permit<'a> = Permit<'a>;

    fn new(permits: usize) -> Self {
        Self(saa::Semaphore::with_permits(permits))
    }
    #[inline(always)]
    fn try_acquire(&self) -> Option<Self::Permit<'_>> {
        self.0.try_acquire().then(|| Permit(&self.0, 1))
    }
    #[inline(always)]
    async fn acquire(&self) -> Self::Permit<'_> {
        self.0.acquire_async().await;
        Permit(&self.0, 1)
    }
    fn free(&self) -> usize {
        self.0.available_permits(Ordering::Acquire)
    }
}

impl super::SemaphoreMany for Semaphore {
    #[inline(always)]
    async fn acquire_many(&self, n: usize) -> Self::Permit<'_> {
        assert!(self.0.acquire_many_async(n).await);
        Permit(&self.0, n)
    }
}
