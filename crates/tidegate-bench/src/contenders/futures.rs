//! futures-util: its lock, and its set of futures.

use futures_util::future::join_all;
use futures_util::lock::{Mutex, MutexGuard};
use futures_util::stream::{FuturesUnordered, StreamExt};

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

/// Handles of tasks.
pub(crate) struct Group;

impl Contender for Group {
    const WHO: Who = Who::peer("FuturesUnordered of tasks", Guarantee::Joins);
}

impl super::Group for Group {
    async fn run<F>(n: u64, child: impl Fn() -> F + Send)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut all: FuturesUnordered<_> = (0..n).map(|_| ::tokio::spawn(child())).collect();
        while let Some(ended) = all.next().await {
            ended.expect("no child panics");
        }
    }
}

/// Futures in one task, in order.
pub(crate) struct JoinAll;

impl Contender for JoinAll {
    const WHO: Who = Who::peer("futures join_all", Guarantee::Joins);
}

impl super::Together for JoinAll {
    async fn sum<F>(futures: Vec<F>) -> u64
    where
        F: Future<Output = u64> + Send,
    {
        join_all(futures).await.into_iter().sum()
    }
}

/// Futures in one task, as they end.
pub(crate) struct Unordered;

impl Contender for Unordered {
    const WHO: Who = Who::peer("FuturesUnordered", Guarantee::Joins);
}

impl super::Together for Unordered {
    async fn sum<F>(futures: Vec<F>) -> u64
    where
        F: Future<Output = u64> + Send,
    {
        let mut all: FuturesUnordered<_> = futures.into_iter().collect();
        let mut sum = 0;
        while let Some(output) = all.next().await {
            sum += output;
        }
        sum
    }
}
