//! asyncband (formerly mea).

use asyncband::semaphore::SemaphorePermit;

use super::{Clear, Contender};
use crate::guarantee::{Guarantee, Who};

pub(crate) use asyncband::event::ManualResetEvent as Event;
pub(crate) use asyncband::semaphore::Semaphore;

impl Contender for Semaphore {
    const WHO: Who = Who::peer("asyncband", Guarantee::Fifo);
}

impl super::Semaphore for Semaphore {
    type Permit<'a> = SemaphorePermit<'a>;

    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }
    #[inline(always)]
    fn try_acquire(&self) -> Option<Self::Permit<'_>> {
        self.try_acquire(1)
    }
    #[inline(always)]
    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.acquire(1)
    }
    fn free(&self) -> usize {
        self.available_permits()
    }
}

impl super::SemaphoreMany for Semaphore {
    #[inline(always)]
    fn acquire_many(&self, n: usize) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.acquire(n)
    }
}

impl Contender for Event {
    const WHO: Who = Who::peer("asyncband ManualResetEvent", Guarantee::Released);
}

impl super::Event for Event {
    fn new() -> Self {
        Event::new()
    }
    #[inline(always)]
    fn set(&self) {
        self.set();
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.is_set()
    }
    #[inline(always)]
    fn wait(&self) -> impl Future<Output = ()> + Send {
        self.wait()
    }
}

impl Clear for Event {
    #[inline(always)]
    fn clear(&self) {
        self.reset();
    }
}
