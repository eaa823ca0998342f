//! futures-timer's delay, raced with the future: what one writes without tokio.

use std::pin::pin;
use std::time::Duration;

use futures_timer::Delay;
use futures_util::future::{Either, select};

use super::Contender;
use crate::guarantee::{Guarantee, Who};

pub(crate) struct Timeout;

impl Contender for Timeout {
    const WHO: Who = Who::peer("futures-timer", Guarantee::InTime)
        .note("a thread of its own keeps its timers, so its instructions are not counted")
        .threaded();
}

impl super::Timeout for Timeout {
    type Ended<T: Send> = Option<T>;

    #[inline(always)]
    async fn timeout<F>(after: Duration, future: F) -> Option<F::Output>
    where
        F: Future<Output: Send> + Send,
    {
        match select(pin!(future), Delay::new(after)).await {
            Either::Left((value, _)) => Some(value),
            Either::Right(_) => None,
        }
    }
    #[inline(always)]
    fn value<T: Send>(ended: Option<T>) -> Option<T> {
        ended
    }
}
