//! Ours.

use super::{Clear, Contender};
use crate::guarantee::{Guarantee, Who};

pub(crate) use tidegate_event::Event;
pub(crate) use tidegate_semaphore::Semaphore;
use tidegate_semaphore::{Closed, Permit};

impl Contender for Semaphore {
    const WHO: Who = Who::ours("tidegate", Guarantee::Fifo);
}

impl super::Semaphore for Semaphore {
    type Permit<'a> = Result<Permit<'a>, Closed>;

    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }
    #[inline(always)]
    fn try_acquire(&self) -> Option<Self::Permit<'_>> {
        self.try_acquire().map(Ok)
    }
    #[inline(always)]
    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.acquire()
    }
    fn free(&self) -> usize {
        self.available_permits()
    }
}

impl super::SemaphoreMany for Semaphore {
    #[inline(always)]
    fn acquire_many(&self, n: usize) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.acquire_many(n)
    }
}

impl Contender for Event {
    const WHO: Who = Who::ours("tidegate", Guarantee::Released);
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
        self.clear();
    }
}
