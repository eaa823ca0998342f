//! asyncband (formerly mea).

use asyncband::condvar::Condvar;
use asyncband::mutex::{Mutex, MutexGuard};
use asyncband::rwlock::{RwLockReadGuard, RwLockWriteGuard};
use asyncband::semaphore::SemaphorePermit;
use asyncband::{mpmc, mpsc};

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

pub(crate) type Lock = Mutex<u64>;

impl Contender for Lock {
    const WHO: Who = Who::peer("asyncband", Guarantee::Fifo);
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

pub(crate) type RwLock = asyncband::rwlock::RwLock<u64>;

impl Contender for RwLock {
    const WHO: Who = Who::peer("asyncband", Guarantee::Fifo);
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

/// Its condition variable, with the lock that belongs to it.
pub(crate) struct Condition {
    condvar: Condvar,
    lock: Mutex<u64>,
}

impl Contender for Condition {
    const WHO: Who = Who::peer("asyncband", Guarantee::Fifo);
}

impl super::Condition for Condition {
    type Guard<'a> = MutexGuard<'a, u64>;

    fn new() -> Self {
        Self { condvar: Condvar::new(), lock: Mutex::new(0) }
    }
    #[inline(always)]
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock.lock()
    }
    #[inline(always)]
    fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> impl Future<Output = Self::Guard<'a>> + Send {
        self.condvar.wait(guard)
    }
    #[inline(always)]
    fn notify_one(&self) {
        self.condvar.notify_one();
    }
    #[inline(always)]
    fn notify_all(&self) {
        self.condvar.notify_all();
    }
}

pub(crate) use asyncband::barrier::Barrier;

impl Contender for Barrier {
    const WHO: Who = Who::peer("asyncband", Guarantee::Fifo)
        .note("a `wait` that is cancelled still counts as one that came");
}

impl super::Barrier for Barrier {
    fn new(parties: usize) -> Self {
        Barrier::new(u32::try_from(parties).expect("a few"))
    }
    #[inline(always)]
    async fn wait(&self) -> bool {
        self.wait().await.is_leader()
    }
}

/// Its channel with several at both ends.
pub(crate) struct Queue;

/// Its channel with one at the far end.
pub(crate) struct QueueOfOne;

impl Contender for Queue {
    const WHO: Who = Who::peer("asyncband mpmc", Guarantee::Unfair).note(
        "a newcomer may take the item that a getter was woken for; putters are served in order",
    );
}

impl Contender for QueueOfOne {
    const WHO: Who = Who::peer("asyncband mpsc", Guarantee::Fifo);
}

macro_rules! queue {
    ($name:ident, $channel:ident) => {
        impl super::Queue for $name {
            type Put = $channel::BoundedSender<u64>;
            type Get = $channel::BoundedReceiver<u64>;

            fn bounded(capacity: usize) -> (Self::Put, Self::Get) {
                $channel::bounded(capacity)
            }
            #[inline(always)]
            fn try_put(to: &Self::Put, item: u64) -> bool {
                to.try_send(item).is_ok()
            }
            #[inline(always)]
            fn try_get(from: &mut Self::Get) -> Option<u64> {
                from.try_recv().ok()
            }
            #[inline(always)]
            async fn put(to: &Self::Put, item: u64) {
                to.send(item).await.expect("the other end is here");
            }
            #[inline(always)]
            async fn get(from: &mut Self::Get) -> u64 {
                from.recv().await.expect("the other end is here")
            }
        }
    };
}

queue!(Queue, mpmc);
queue!(QueueOfOne, mpsc);

impl super::Shared for Queue {
    fn another_put(to: &Self::Put) -> Self::Put {
        to.clone()
    }
    fn another_get(from: &Self::Get) -> Self::Get {
        from.clone()
    }
}
