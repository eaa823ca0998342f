//! kanal.

use super::Contender;
use crate::guarantee::{Guarantee, Who};

use kanal::{AsyncReceiver, AsyncSender, bounded_async};

pub(crate) struct Queue;

impl Contender for Queue {
    const WHO: Who = Who::peer("kanal", Guarantee::Fifo).note(
        "an item that was handed to a getter is lost if the getter is dropped before it looks",
    );
}

impl super::Queue for Queue {
    type Put = AsyncSender<u64>;
    type Get = AsyncReceiver<u64>;

    fn bounded(capacity: usize) -> (Self::Put, Self::Get) {
        bounded_async(capacity)
    }
    #[inline(always)]
    fn try_put(to: &Self::Put, item: u64) -> bool {
        to.try_send(item) == Ok(true)
    }
    #[inline(always)]
    fn try_get(from: &mut Self::Get) -> Option<u64> {
        from.try_recv().ok().flatten()
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

impl super::Shared for Queue {
    fn another_put(to: &Self::Put) -> Self::Put {
        to.clone()
    }
    fn another_get(from: &Self::Get) -> Self::Get {
        from.clone()
    }
}
