//! async-condvar-fair, over tokio's lock.

use async_condvar_fair::Condvar;
use tokio::sync::{Mutex, MutexGuard};

use super::Contender;
use crate::guarantee::{Guarantee, Who};

pub(crate) struct Condition {
    condvar: Condvar,
    lock: Mutex<u64>,
}

impl Contender for Condition {
    const WHO: Who = Who::peer("async-condvar-fair + tokio Mutex", Guarantee::Fifo);
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
        self.condvar.wait((guard, &self.lock))
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
