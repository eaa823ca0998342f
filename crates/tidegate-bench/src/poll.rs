//! Futures polled by hand: the harness is a match on the answer.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Polls `future` once, for nobody; it must be ready.
#[inline(always)]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("ready at once, it was said"),
    }
}

/// Polls once, for nobody.
#[inline(always)]
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets the other tasks go first: wakes itself and waits for that. (tokio's own way costs ten times as much.)
#[inline]
pub(crate) fn let_others_go() -> impl Future<Output = ()> + Send {
    let mut went = false;
    std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut went, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}
