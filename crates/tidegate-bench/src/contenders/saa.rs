//! saa. Its gate is not among the events: once opened it could not be shut again when this was written.

use std::sync::atomic::Ordering;

use saa::{MutexGuard, RwLockReadGuard, RwLockWriteGuard, lock_async, read_async, write_async};

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

pub(crate) type Lock = saa::Mutex<u64>;

impl Contender for Lock {
    const WHO: Who = Who::peer("saa", Guarantee::Fifo)
        .note("gives up its thread's time slice before it waits")
        .walks();
}

impl super::Lock for Lock {
    type Guard<'a> = MutexGuard<'a, u64>;

    fn new() -> Self {
        saa::Mutex::new(0)
    }
    #[inline(always)]
    fn try_lock(&self) -> Option<Self::Guard<'_>> {
        self.try_lock()
    }
    #[inline(always)]
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        lock_async(self)
    }
}

pub(crate) type RwLock = saa::RwLock<u64>;

impl Contender for RwLock {
    const WHO: Who = Who::peer("saa", Guarantee::Fifo)
        .note("62 readers at most; gives up its thread's time slice before it waits")
        .walks();
}

impl super::RwLock for RwLock {
    type Read<'a> = RwLockReadGuard<'a, u64>;
    type Write<'a> = RwLockWriteGuard<'a, u64>;

    fn new() -> Self {
        saa::RwLock::new(0)
    }
    #[inline(always)]
    fn try_read(&self) -> Option<Self::Read<'_>> {
        self.try_read()
    }
    #[inline(always)]
    fn read(&self) -> impl Future<Output = Self::Read<'_>> + Send {
        read_async(self)
    }
    #[inline(always)]
    fn write(&self) -> impl Future<Output = Self::Write<'_>> + Send {
        write_async(self)
    }
}

pub(crate) use saa::Barrier;

impl Contender for Barrier {
    const WHO: Who = Who::peer("saa", Guarantee::Fifo)
        .note("a `wait` that is cancelled still counts as one that came; 63 parties at most")
        .walks()
        .at_most(63);
}

impl super::Barrier for Barrier {
    fn new(parties: usize) -> Self {
        Barrier::with_count(parties)
    }
    #[inline(always)]
    fn wait(&self) -> impl Future<Output = bool> + Send {
        self.wait_async()
    }
}
