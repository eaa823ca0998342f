use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use crate::discard::discard;

/// Polls `future` until it is ready or panics; it is not polled again after that.
pub(crate) async fn caught<F: Future + Unpin>(
    mut future: F,
) -> Result<F::Output, Box<dyn Any + Send>> {
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| std::pin::Pin::new(&mut future).poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

/// Drops the panic that came second.
pub(crate) fn quietly(another: Result<(), Box<dyn Any + Send>>) {
    if let Err(panic) = another {
        discard(panic);
    }
}

/// What a panic said.
pub(crate) fn message_of(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<&'static str>() {
        (*message).to_owned()
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message.clone()
    } else {
        "a value that is not text".to_owned()
    }
}
