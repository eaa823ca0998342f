use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Waiter};

use crate::channel::Slots;
use crate::error::Closed;
use crate::kind::AnyQueue;

pin_project! {
    /// The future of [`Queue::put`](crate::Queue::put) and its like.
    ///
    /// It owns the item until it is put.
    #[must_use = "futures do nothing unless you `.await` or poll them, and the item is dropped with this one"]
    pub struct PutFut<'a, Q: AnyQueue> {
        queue: &'a Q,
        item: Option<Q::Item>,
        #[pin]
        waiter: Waiter<Slots, Borrowed<'a, Slots>>,
    }

    impl<'a, Q: AnyQueue> PinnedDrop for PutFut<'a, Q> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.queue.channel().leave_put(this.waiter);
        }
    }
}

impl<'a, Q: AnyQueue> PutFut<'a, Q> {
    #[inline]
    pub(crate) fn new(queue: &'a Q, item: Q::Item) -> Self {
        let waiter = Waiter::new(queue.channel().putters(), ());
        Self { queue, item: Some(item), waiter }
    }

    /// Leaves the line and gives the item back; `None` if it was put, or given back already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::task::{Context, Waker};
    /// use tidegate_queue::Queue;
    ///
    /// let queue = Queue::bounded(1);
    /// queue.try_put("first").unwrap();
    /// let mut put = pin!(queue.put("second"));
    /// assert!(put.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// assert_eq!(put.withdraw(), Some("second"));
    /// assert_eq!(queue.waiters(), 0);
    /// ```
    pub fn withdraw(self: Pin<&mut Self>) -> Option<Q::Item> {
        let this = self.project();
        this.queue.channel().leave_put(this.waiter);
        this.item.take()
    }
}

impl<Q: AnyQueue> Future for PutFut<'_, Q> {
    type Output = Result<(), Closed<Q::Item>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.queue.channel().poll_put(this.waiter, this.item, cx)
    }
}

impl<Q: AnyQueue> fmt::Debug for PutFut<'_, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PutFut").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of [`Queue::put_owned`](crate::Queue::put_owned) and its like.
    ///
    /// It owns the item until it is put.
    #[must_use = "futures do nothing unless you `.await` or poll them, and the item is dropped with this one"]
    pub struct PutOwnedFut<Q: AnyQueue> {
        item: Option<Q::Item>,
        #[pin]
        waiter: Waiter<Slots, Arc<Q>>,
        queue: Arc<Q>,
    }

    impl<Q: AnyQueue> PinnedDrop for PutOwnedFut<Q> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.queue.channel().leave_put(this.waiter);
        }
    }
}

impl<Q: AnyQueue> PutOwnedFut<Q> {
    pub(crate) fn new(queue: Arc<Q>, item: Q::Item) -> Self {
        let waiter = Waiter::new_owned(Arc::clone(&queue), |it| it.channel().putters(), ());
        Self { item: Some(item), waiter, queue }
    }

    /// As [`PutFut::withdraw`].
    pub fn withdraw(self: Pin<&mut Self>) -> Option<Q::Item> {
        let this = self.project();
        this.queue.channel().leave_put(this.waiter);
        this.item.take()
    }
}

impl<Q: AnyQueue> Future for PutOwnedFut<Q> {
    type Output = Result<(), Closed<Q::Item>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.queue.channel().poll_put(this.waiter, this.item, cx)
    }
}

impl<Q: AnyQueue> fmt::Debug for PutOwnedFut<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PutOwnedFut").field(&self.waiter).finish()
    }
}
