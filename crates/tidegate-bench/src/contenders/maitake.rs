//! maitake-sync.

use std::sync::atomic::{AtomicBool, Ordering};

use maitake_sync::Closed;
use maitake_sync::WaitQueue;
use maitake_sync::mutex::{Mutex, MutexGuard};
use maitake_sync::rwlock::{RwLockReadGuard, RwLockWriteGuard};
use maitake_sync::semaphore::Permit;

use super::{Clear, Contender};
use crate::guarantee::{Guarantee, Who};

pub(crate) use maitake_sync::Semaphore;

impl Contender for Semaphore {
    const WHO: Who = Who::peer("maitake-sync", Guarantee::Fifo);
}

impl super::Semaphore for Semaphore {
    type Permit<'a> = Result<Permit<'a>, Closed>;

    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }
    #[inline(always)]
    fn try_acquire(&self) -> Option<Self::Permit<'_>> {
        self.try_acquire(1).ok().map(Ok)
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

pub(crate) struct WaitQueueAndFlag {
    flag: AtomicBool,
    queue: WaitQueue,
}

impl Contender for WaitQueueAndFlag {
    const WHO: Who = Who::peer("maitake-sync WaitQueue + flag", Guarantee::Missable)
        .breaks("may release a waiter that came after the `set`, and panic later");
}

impl super::Event for WaitQueueAndFlag {
    fn new() -> Self {
        Self { flag: AtomicBool::new(false), queue: WaitQueue::new() }
    }
    #[inline(always)]
    fn set(&self) {
        self.flag.store(true, Ordering::Release);
        self.queue.wake_all();
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }
    #[inline(always)]
    async fn wait(&self) {
        self.queue.wait_for(|| self.is_set()).await.expect("never closed");
    }
}

impl Clear for WaitQueueAndFlag {
    #[inline(always)]
    fn clear(&self) {
        self.flag.store(false, Ordering::Release);
    }
}

pub(crate) type Lock = Mutex<u64>;

impl Contender for Lock {
    const WHO: Who = Who::peer("maitake-sync", Guarantee::Fifo);
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

pub(crate) type RwLock = maitake_sync::RwLock<u64>;

impl Contender for RwLock {
    const WHO: Who = Who::peer("maitake-sync", Guarantee::Fifo);
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
