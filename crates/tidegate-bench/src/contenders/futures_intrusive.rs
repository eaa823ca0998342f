//! futures-intrusive, its fair and its unfair side.

use futures_intrusive::channel::shared;
use futures_intrusive::sync::{self, MutexGuard, SemaphoreReleaser};

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

pub(crate) struct FairLock(sync::Mutex<u64>);
pub(crate) struct UnfairLock(sync::Mutex<u64>);

impl Contender for FairLock {
    const WHO: Who = Who::peer("futures-intrusive (fair)", Guarantee::Fifo);
}

impl Contender for UnfairLock {
    const WHO: Who = Who::peer("futures-intrusive (unfair)", Guarantee::Unfair);
}

macro_rules! lock {
    ($name:ident, fair: $fair:literal) => {
        impl super::Lock for $name {
            type Guard<'a> = MutexGuard<'a, u64>;

            fn new() -> Self {
                Self(sync::Mutex::new(0, $fair))
            }
            #[inline(always)]
            fn try_lock(&self) -> Option<Self::Guard<'_>> {
                self.0.try_lock()
            }
            #[inline(always)]
            fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
                self.0.lock()
            }
        }
    };
}

lock!(FairLock, fair: true);
lock!(UnfairLock, fair: false);

/// Its channel with several at both ends.
pub(crate) struct Queue;

impl Contender for Queue {
    const WHO: Who = Who::peer("futures-intrusive", Guarantee::Unfair)
        .note("a newcomer may take the item that a getter was woken for");
}

impl super::Queue for Queue {
    type Put = shared::Sender<u64>;
    type Get = shared::Receiver<u64>;

    fn bounded(capacity: usize) -> (Self::Put, Self::Get) {
        shared::channel(capacity)
    }
    #[inline(always)]
    fn try_put(to: &Self::Put, item: u64) -> bool {
        to.try_send(item).is_ok()
    }
    #[inline(always)]
    fn try_get(from: &mut Self::Get) -> Option<u64> {
        from.try_receive().ok()
    }
    #[inline(always)]
    async fn put(to: &Self::Put, item: u64) {
        to.send(item).await.expect("the other end is here");
    }
    #[inline(always)]
    async fn get(from: &mut Self::Get) -> u64 {
        from.receive().await.expect("the other end is here")
    }
}

impl super::Shared for Queue {
    fn another_put(to: &Self::Put) -> Self::Put {
        to.clone()
    }
    fn another_get(from: &Self::Get) -> Self::Get {
        from.clone()
    }
}
