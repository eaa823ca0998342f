use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::{Ended, Scope};
use tokio::time::Sleep;

use crate::watch::{Tag, in_poll};

/// How a main future ended.
pub(super) struct Driven<T> {
    pub(super) ended: Ended<T>,
    /// All that was inside the root has ended, too.
    pub(super) in_time: bool,
    /// Since when the runner waits for nothing but the end.
    pub(super) over: Instant,
}

/// Polls `main` in the root until both are over, or for no longer than `limit` after the one is, or was cancelled.
pub(super) async fn drive<F: Future>(
    root: &Scope,
    main: F,
    location: &'static Location<'static>,
    limit: Duration,
) -> Driven<F::Output> {
    let (name, handle) = (Tag::new("main"), root.handle());
    let value = RefCell::new(None);
    let mut main = pin!(root.run(async {
        let got = main.await;
        *value.borrow_mut() = Some(got);
    }));
    let mut over = None;
    let mut alarm: Option<Pin<Box<Sleep>>> = None;
    let ended = poll_fn(|cx| {
        let polled = in_poll(location, None, Some(&name), || main.as_mut().poll(cx));
        if let Poll::Ready(ended) = polled {
            return Poll::Ready(Some(ended));
        }
        if alarm.is_none() && (value.borrow().is_some() || handle.is_cancelled()) {
            over = Some(Instant::now());
            alarm = Some(Box::pin(tokio::time::sleep(limit)));
        }
        match &mut alarm {
            Some(alarm) => alarm.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    });
    let ended = ended.await;
    let in_time = ended.is_some();
    let ended = match (value.take(), ended) {
        (_, Some(Ended::Panicked(panic))) => Ended::Panicked(panic),
        (Some(value), _) => Ended::Value(value),
        (None, Some(Ended::Cancelled(reason))) => Ended::Cancelled(reason),
        (None, _) => Ended::Cancelled(handle.reason().unwrap_or(CancelReason::Shutdown)),
    };
    Driven { ended, in_time, over: over.unwrap_or_else(Instant::now) }
}
