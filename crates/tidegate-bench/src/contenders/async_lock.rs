//! async-lock.

use async_lock::{Mutex, MutexGuard, RwLockReadGuard, RwLockWriteGuard, SemaphoreGuard};
use event_listener::{Event, listener};

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

pub(crate) type Lock = Mutex<u64>;

impl Contender for Lock {
    const WHO: Who = Who::peer("async-lock", Guarantee::Barging);
}

impl super::Lock for Lock {
    type Guard<'a> = MutexGuard<'a, u64>;

    fn new() -> Self {
        Mutex::new(0)
    }
    #[inline(always)]
    fn try_lock(&self) -> Option<Self::Guard<'_>> {
        self.try_lock()
    }
    #[inline(always)]
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock()
    }
}

pub(crate) type RwLock = async_lock::RwLock<u64>;

impl Contender for RwLock {
    const WHO: Who = Who::peer("async-lock", Guarantee::Unfair).note("writers go before readers");
}

impl super::RwLock for RwLock {
    type Read<'a> = RwLockReadGuard<'a, u64>;
    type Write<'a> = RwLockWriteGuard<'a, u64>;

    fn new() -> Self {
        RwLock::new(0)
    }
    #[inline(always)]
    fn try_read(&self) -> Option<Self::Read<'_>> {
        self.try_read()
    }
    #[inline(always)]
    fn read(&self) -> impl Future<Output = Self::Read<'_>> + Send {
        self.read()
    }
    #[inline(always)]
    fn write(&self) -> impl Future<Output = Self::Write<'_>> + Send {
        self.write()
    }
}

/// What one writes for want of a condition.
pub(crate) struct EventAndLock {
    event: Event,
    lock: Mutex<u64>,
}

impl Contender for EventAndLock {
    const WHO: Who = Who::peer("async-lock + event-listener", Guarantee::Barging);
}

impl super::Condition for EventAndLock {
    type Guard<'a> = MutexGuard<'a, u64>;

    fn new() -> Self {
        Self { event: Event::new(), lock: Mutex::new(0) }
    }
    #[inline(always)]
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock.lock()
    }
    #[inline(always)]
    async fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> Self::Guard<'a> {
        listener!(self.event => listener);
        drop(guard);
        listener.await;
        self.lock.lock().await
    }
    #[inline(always)]
    fn notify_one(&self) {
        self.event.notify_additional(1);
    }
    #[inline(always)]
    fn notify_all(&self) {
        self.event.notify(usize::MAX);
    }
}

pub(crate) use async_lock::Barrier;

impl Contender for Barrier {
    const WHO: Who = Who::peer("async-lock", Guarantee::Fifo)
        .note("a `wait` that is cancelled still counts as one that came");
}

impl super::Barrier for Barrier {
    fn new(parties: usize) -> Self {
        Barrier::new(parties)
    }
    #[inline(always)]
    async fn wait(&self) -> bool {
        self.wait().await.is_leader()
    }
}
