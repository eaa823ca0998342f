//! async-channel.

use super::Contender;
use crate::guarantee::{Guarantee, Who};

use async_channel::{Receiver, Sender, bounded};

pub(crate) struct Queue;

impl Contender for Queue {
    const WHO: Who = Who::peer("async-channel", Guarantee::Unfair);
}

impl super::Queue for Queue {
    type Put = Sender<u64>;
    type Get = Receiver<u64>;

    fn bounded(capacity: usize) -> (Self::Put, Self::Get) {
        bounded(capacity)
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

impl super::Shared for Queue {
    fn another_put(to: &Self::Put) -> Self::Put {
        to.clone()
    }
    fn another_get(from: &Self::Get) -> Self::Get {
        from.clone()
    }
}
