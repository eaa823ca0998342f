use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::error::Closed;
use crate::get::{GetFut, GetOwnedFut};
use crate::job::{Job, OwnedJob};
use crate::kind::AnyQueue;

pin_project! {
    /// The future of [`Queue::take`](crate::Queue::take) and its like.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TakeFut<'a, Q: AnyQueue> {
        #[pin]
        get: GetFut<'a, Q>,
    }
}

impl<'a, Q: AnyQueue> TakeFut<'a, Q> {
    #[inline]
    pub(crate) fn new(queue: &'a Q) -> Self {
        Self { get: GetFut::new(queue) }
    }
}

impl<'a, Q: AnyQueue> Future for TakeFut<'a, Q> {
    type Output = Result<Job<'a, Q::Item>, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut get = self.project().get;
        let got = ready!(get.as_mut().poll(cx));
        Poll::Ready(got.map(|item| Job::new(item, &get.queue().channel().tasks)))
    }
}

impl<Q: AnyQueue> fmt::Debug for TakeFut<'_, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TakeFut").field(&self.get).finish()
    }
}

pin_project! {
    /// The future of [`Queue::take_owned`](crate::Queue::take_owned) and its like.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TakeOwnedFut<Q: AnyQueue> {
        #[pin]
        get: GetOwnedFut<Q>,
    }
}

impl<Q: AnyQueue> TakeOwnedFut<Q> {
    pub(crate) fn new(queue: Arc<Q>) -> Self {
        Self { get: GetOwnedFut::new(queue) }
    }
}

impl<Q: AnyQueue> Future for TakeOwnedFut<Q> {
    type Output = Result<OwnedJob<Q>, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut get = self.project().get;
        let got = ready!(get.as_mut().poll(cx));
        Poll::Ready(got.map(|item| OwnedJob::new(item, Arc::clone(get.queue()))))
    }
}

impl<Q: AnyQueue> fmt::Debug for TakeOwnedFut<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TakeOwnedFut").field(&self.get).finish()
    }
}
