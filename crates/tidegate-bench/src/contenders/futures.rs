//! futures-util's lock.

use futures_util::lock::{Mutex, MutexGuard};

use super::Contender;
use crate::guarantee::{Guarantee, Who};

pub(crate) type Lock = Mutex<u64>;

impl Contender for Lock {
    const WHO: Who = Who::peer("futures", Guarantee::Unfair);
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
