//! futures-intrusive, its fair and its unfair side.

use futures_intrusive::sync::{self, SemaphoreReleaser};

use super::{Clear, Contender};
use crate::guarantee::{Guarantee, Who};

pub(crate) struct FairSemaphore(sync::Semaphore);
pub(crate) struct UnfairSemaphore(sync::Semaphore);

impl Contender for FairSemaphore {
    const WHO: Who = Who::peer("futures-intrusive (fair)", Guarantee::Fifo);
}

impl Contender for UnfairSemaphore {
    const WHO: Who = Who::peer("futures-intrusive (unfair)", Guarantee::Unfair);
}

macro_rules! semaphore {
    ($name:ident, fair: $fair:literal) => {
        impl super::Semaphore for $name {
            type Permit<'a> = SemaphoreReleaser<'a>;

            fn new(permits: usize) -> Self {
                Self(sync::Semaphore::new($fair, permits))
            }
            #[inline(always)]
            fn try_acquire(&self) -> Option<Self::Permit<'_>> {
                self.0.try_acquire(1)
            }
            #[inline(always)]
            fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
                self.0.acquire(1)
            }
            fn free(&self) -> usize {
                self.0.permits()
            }
        }

        impl super::SemaphoreMany for $name {
            #[inline(always)]
            fn acquire_many(&self, n: usize) -> impl Future<Output = Self::Permit<'_>> + Send {
                self.0.acquire(n)
            }
        }
    };
}

semaphore!(FairSemaphore, fair: true);
semaphore!(UnfairSemaphore, fair: false);

pub(crate) use futures_intrusive::sync::ManualResetEvent as Event;

impl Contender for Event {
    const WHO: Who = Who::peer("futures-intrusive", Guarantee::Released)
        .note("wakes under its lock: a waker that calls back deadlocks");
}

impl super::Event for Event {
    fn new() -> Self {
        Event::new(false)
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
