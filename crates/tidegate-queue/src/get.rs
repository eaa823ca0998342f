use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Waiter};

use crate::channel::Items;
use crate::error::Closed;
use crate::kind::AnyQueue;

type ItemsOf<Q> = Items<<Q as AnyQueue>::Item, <Q as AnyQueue>::Store>;

pin_project! {
    /// The future of [`Queue::get`](crate::Queue::get) and its like.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct GetFut<'a, Q: AnyQueue> {
        queue: &'a Q,
        #[pin]
        waiter: Waiter<ItemsOf<Q>, Borrowed<'a, ItemsOf<Q>>>,
    }

    impl<'a, Q: AnyQueue> PinnedDrop for GetFut<'a, Q> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.queue.channel().leave_get(this.waiter);
        }
    }
}

impl<'a, Q: AnyQueue> GetFut<'a, Q> {
    #[inline]
    pub(crate) fn new(queue: &'a Q) -> Self {
        Self { queue, waiter: Waiter::new(queue.channel().getters(), None) }
    }

    #[inline]
    pub(crate) fn queue(&self) -> &'a Q {
        self.queue
    }
}

impl<Q: AnyQueue> Future for GetFut<'_, Q> {
    type Output = Result<Q::Item, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.queue.channel().poll_get(this.waiter, cx)
    }
}

impl<Q: AnyQueue> fmt::Debug for GetFut<'_, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GetFut").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of [`Queue::get_owned`](crate::Queue::get_owned) and its like.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct GetOwnedFut<Q: AnyQueue> {
        #[pin]
        waiter: Waiter<ItemsOf<Q>, Arc<Q>>,
        queue: Arc<Q>,
    }

    impl<Q: AnyQueue> PinnedDrop for GetOwnedFut<Q> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.queue.channel().leave_get(this.waiter);
        }
    }
}

impl<Q: AnyQueue> GetOwnedFut<Q> {
    pub(crate) fn new(queue: Arc<Q>) -> Self {
        let waiter = Waiter::new_owned(Arc::clone(&queue), |it| it.channel().getters(), None);
        Self { waiter, queue }
    }

    pub(crate) fn queue(&self) -> &Arc<Q> {
        &self.queue
    }
}

impl<Q: AnyQueue> Future for GetOwnedFut<Q> {
    type Output = Result<Q::Item, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.queue.channel().poll_get(this.waiter, cx)
    }
}

impl<Q: AnyQueue> fmt::Debug for GetOwnedFut<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GetOwnedFut").field(&self.waiter).finish()
    }
}
