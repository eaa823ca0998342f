use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tidegate_semaphore::OwnedSlot;

pin_project! {
    /// A body that holds a permit until it has been read to its end, has failed, or is dropped.
    ///
    /// # Examples
    ///
    /// See [`ConcurrencyLimitLayer::until_body_ends`](crate::ConcurrencyLimitLayer::until_body_ends).
    pub struct LimitedBody<B> {
        #[pin]
        body: B,
        // Dropped after the body.
        slot: Option<OwnedSlot>,
    }
}

impl<B: Body> LimitedBody<B> {
    pub(crate) fn new(body: B, slot: OwnedSlot) -> Self {
        // Nobody reads an empty body.
        let slot = if body.is_end_stream() { None } else { Some(slot) };
        Self { body, slot }
    }
}

impl<B: Body> Body for LimitedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || this.body.is_end_stream() {
            *this.slot = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: fmt::Debug> fmt::Debug for LimitedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedBody")
            .field("body", &self.body)
            .field("holds", &self.slot.is_some())
            .finish()
    }
}

impl<B: Default> Default for LimitedBody<B> {
    /// Holds nothing.
    fn default() -> Self {
        Self { body: B::default(), slot: None }
    }
}
