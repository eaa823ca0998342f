//! futures-concurrency: a vector of futures, joined.

use futures_concurrency::future::Join;

use super::Contender;
use crate::guarantee::{Guarantee, Who};

/// Futures in one task, in order.
pub(crate) struct Together;

impl Contender for Together {
    const WHO: Who = Who::peer("futures-concurrency", Guarantee::Joins);
}

impl super::Together for Together {
    async fn sum<F>(futures: Vec<F>) -> u64
    where
        F: Future<Output = u64> + Send,
    {
        futures.join().await.into_iter().sum()
    }
}
