//! The machine itself: what a word of memory can do, with nobody to wait; and parking_lot's locks, which block.

use std::future::{poll_fn, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard, RwLockReadGuard, RwLockWriteGuard};

use super::Contender;
use crate::guarantee::{Guarantee, Who};

/// Permits in one word: a compare-exchange to take and one to give back.
pub(crate) struct Word(AtomicUsize);

/// Gives back when dropped.
pub(crate) struct Taken<'a>(&'a AtomicUsize, usize);

impl Word {
    #[inline(always)]
    fn take(&self, n: usize) -> Option<Taken<'_>> {
        let left = |free: usize| free.checked_sub(n);
        let taken = self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, left);
        taken.is_ok().then_some(Taken(&self.0, n))
    }
}

impl Drop for Taken<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let back = |free: usize| free.checked_add(self.1);
        let _ = self.0.fetch_update(Ordering::Release, Ordering::Relaxed, back);
    }
}

impl Contender for Word {
    const WHO: Who = Who::peer("one word, compare-exchanged", Guarantee::Physical);
}

impl super::Semaphore for Word {
    type Permit<'a> = Taken<'a>;

    fn new(permits: usize) -> Self {
        Self(AtomicUsize::new(permits))
    }
    #[inline(always)]
    fn try_acquire(&self) -> Option<Self::Permit<'_>> {
        self.take(1)
    }
    #[inline(always)]
    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
        ready(self.take(1).expect("nobody waits"))
    }
    fn free(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl super::SemaphoreMany for Word {
    #[inline(always)]
    fn acquire_many(&self, n: usize) -> impl Future<Output = Self::Permit<'_>> + Send {
        ready(self.take(n).expect("nobody waits"))
    }
}

/// A flag that one looks at.
pub(crate) struct Flag(AtomicBool);

impl Contender for Flag {
    const WHO: Who = Who::peer("one flag, looked at", Guarantee::Physical);
}

impl super::Event for Flag {
    fn new() -> Self {
        Self(AtomicBool::new(false))
    }
    #[inline(always)]
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
    #[inline(always)]
    fn wait(&self) -> impl Future<Output = ()> + Send {
        assert!(self.is_set(), "nobody waits");
        ready(())
    }
}

impl super::OpenGate for Flag {
    fn new() -> Self {
        Self(AtomicBool::new(true))
    }
    #[inline(always)]
    fn pass(&self) -> impl Future<Output = ()> + Send {
        self.try_pass();
        ready(())
    }
    #[inline(always)]
    fn try_pass(&self) {
        assert!(self.0.load(Ordering::Acquire), "nobody waits");
    }
}

impl super::Ask for Flag {
    fn new() -> Self {
        Self(AtomicBool::new(false))
    }
    #[inline(always)]
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
    fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }
    #[inline(always)]
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

pub(crate) type Lock = Mutex<u64>;

impl Contender for Lock {
    const WHO: Who = Who::peer("parking_lot", Guarantee::Physical);
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
        ready(self.lock())
    }
}

pub(crate) type RwLock = parking_lot::RwLock<u64>;

impl Contender for RwLock {
    const WHO: Who = Who::peer("parking_lot", Guarantee::Physical);
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
        ready(self.read())
    }
    #[inline(always)]
    fn write(&self) -> impl Future<Output = Self::Write<'_>> + Send {
        ready(self.write())
    }
}

/// std's lock. Its guard stays with its thread, so it takes part only where nobody waits.
pub(crate) struct Std;

impl Contender for Std {
    const WHO: Who = Who::peer("std", Guarantee::Physical);
}

/// The future alone: what a timeout comes on top of.
pub(crate) struct Endless;

impl Contender for Endless {
    const WHO: Who = Who::peer("the future alone", Guarantee::Physical);
}

impl super::Timeout for Endless {
    type Ended<T: Send> = T;

    #[inline(always)]
    fn timeout<F>(_after: Duration, future: F) -> impl Future<Output = F::Output> + Send
    where
        F: Future<Output: Send> + Send,
    {
        future
    }
    #[inline(always)]
    fn value<T: Send>(ended: T) -> Option<T> {
        Some(ended)
    }
}

/// What one writes without us: the clock before and after each poll.
pub(crate) struct Clocked;

impl Contender for Clocked {
    const WHO: Who = Who::peer("two looks at the clock", Guarantee::Seen)
        .note("notices a slow poll when it is over");
}

impl super::Watch for Clocked {
    type Watch = ();

    fn start() {}
    async fn watched<F: Future>(future: F) -> F::Output {
        let mut future = pin!(future);
        let look = poll_fn(|cx| {
            let start = Instant::now();
            let polled = future.as_mut().poll(cx);
            if start.elapsed() >= Duration::from_millis(100) {
                eprintln!("slow");
            }
            polled
        });
        look.await
    }
}

/// What a watch comes on top of.
pub(crate) struct AsItIs;

impl Contender for AsItIs {
    const WHO: Who = Who::peer("the future as it is", Guarantee::Physical);
}

impl super::Watch for AsItIs {
    type Watch = ();

    fn start() {}
    fn watched<F: Future>(future: F) -> impl Future<Output = F::Output> {
        future
    }
}
