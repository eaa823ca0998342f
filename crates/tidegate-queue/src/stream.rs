use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::get::{GetFut, GetOwnedFut};
use crate::kind::AnyQueue;

pin_project! {
    /// The stream of [`Queue::stream`](crate::Queue::stream) and its like.
    ///
    /// It stands in line only while an item was asked of it and none was there. It ends when the queue is shut down
    /// and nothing is left, and stays ended.
    #[must_use = "streams do nothing unless you poll them"]
    pub struct GetStream<'a, Q: AnyQueue> {
        #[pin]
        get: GetFut<'a, Q>,
    }
}

impl<'a, Q: AnyQueue> GetStream<'a, Q> {
    pub(crate) fn new(queue: &'a Q) -> Self {
        Self { get: GetFut::new(queue) }
    }
}

impl<Q: AnyQueue> Stream for GetStream<'_, Q> {
    type Item = Q::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Q::Item>> {
        let mut get = self.project().get;
        let got = ready!(get.as_mut().poll(cx));
        let queue = get.queue();
        get.set(GetFut::new(queue));
        Poll::Ready(got.ok())
    }
}

impl<Q: AnyQueue> fmt::Debug for GetStream<'_, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GetStream").field(&self.get).finish()
    }
}

pin_project! {
    /// The stream of [`Queue::stream_owned`](crate::Queue::stream_owned) and its like; see [`GetStream`].
    #[must_use = "streams do nothing unless you poll them"]
    pub struct GetOwnedStream<Q: AnyQueue> {
        #[pin]
        get: GetOwnedFut<Q>,
    }
}

impl<Q: AnyQueue> GetOwnedStream<Q> {
    pub(crate) fn new(queue: Arc<Q>) -> Self {
        Self { get: GetOwnedFut::new(queue) }
    }
}

impl<Q: AnyQueue> Stream for GetOwnedStream<Q> {
    type Item = Q::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Q::Item>> {
        let mut get = self.project().get;
        let got = ready!(get.as_mut().poll(cx));
        let queue = Arc::clone(get.queue());
        get.set(GetOwnedFut::new(queue));
        Poll::Ready(got.ok())
    }
}

impl<Q: AnyQueue> fmt::Debug for GetOwnedStream<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GetOwnedStream").field(&self.get).finish()
    }
}
