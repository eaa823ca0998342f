//! tokio, and tokio-util's token.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{AcquireError, Notify, SemaphorePermit, watch};
pub(crate) use tokio_util::sync::CancellationToken as Token;

use super::{Clear, Contender};
use crate::guarantee::{Guarantee, Who};

pub(crate) use tokio::sync::Semaphore;

impl Contender for Semaphore {
    const WHO: Who = Who::peer("tokio", Guarantee::Fifo);
}

impl super::Semaphore for Semaphore {
    type Permit<'a> = Result<SemaphorePermit<'a>, AcquireError>;

    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }
    #[inline(always)]
    fn try_acquire(&self) -> Option<Self::Permit<'_>> {
        self.try_acquire().ok().map(Ok)
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
        self.acquire_many(n as u32)
    }
}

/// What one writes for want of an event.
pub(crate) struct NotifyAndFlag {
    flag: AtomicBool,
    notify: Notify,
}

impl Contender for NotifyAndFlag {
    const WHO: Who = Who::peer("tokio Notify + flag", Guarantee::Released);
}

impl super::Event for NotifyAndFlag {
    fn new() -> Self {
        Self { flag: AtomicBool::new(false), notify: Notify::new() }
    }
    #[inline(always)]
    fn set(&self) {
        self.flag.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }
    #[inline(always)]
    async fn wait(&self) {
        if self.is_set() {
            return;
        }
        // From here on a `set` counts, so the second look cannot come too late.
        let notified = self.notify.notified();
        if !self.is_set() {
            notified.await;
        }
    }
}

impl Clear for NotifyAndFlag {
    #[inline(always)]
    fn clear(&self) {
        self.flag.store(false, Ordering::Release);
    }
}

/// A watched flag.
pub(crate) struct Watch(watch::Sender<bool>);

impl Contender for Watch {
    const WHO: Who = Who::peer("tokio watch", Guarantee::Missable);
}

impl super::Event for Watch {
    fn new() -> Self {
        Self(watch::Sender::new(false))
    }
    #[inline(always)]
    fn set(&self) {
        self.0.send_replace(true);
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        *self.0.borrow()
    }
    #[inline(always)]
    async fn wait(&self) {
        let mut receiver = self.0.subscribe();
        receiver.wait_for(|it| *it).await.expect("the sender is here");
    }
}

impl Clear for Watch {
    #[inline(always)]
    fn clear(&self) {
        self.0.send_replace(false);
    }
}

impl Contender for Token {
    const WHO: Who = Who::peer("tokio-util CancellationToken", Guarantee::OneWay);
}

impl super::Event for Token {
    fn new() -> Self {
        Token::new()
    }
    #[inline(always)]
    fn set(&self) {
        self.cancel();
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.is_cancelled()
    }
    #[inline(always)]
    fn wait(&self) -> impl Future<Output = ()> + Send {
        self.cancelled()
    }
}
