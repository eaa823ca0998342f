// How it works
//
// Three parts run in one task: the sink, the stream and the workers. Each poll of the future goes round them, and asks
// the sink and the stream again only after they were ready, and of the workers only those that were woken. None of
// the three sleeps while another is awaited, so a worker may hold what the sink waits for:
//
//     stream ──item──▶ work ──▶ workers, as they end ──▶ ready, in that order ──▶ sink, one at a time
//              only while there is room among workers and ready together

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::lineup::or_clear;
use crate::panicked::FirstPanic;
use crate::siblings::{Allowance, Siblings};

/// Works on the items of a stream, several at a time, and takes what comes out one by one.
///
/// For each item `work` makes a future; `sink` makes one of what that gives. At most `limit` items are worked on or
/// wait for the sink; one more is in it. While there are so many, the stream is not asked: a slow sink slows the
/// stream down. Outputs reach the sink in the order in which the work ends.
///
/// It is over when the stream has ended and the sink has taken everything, or when the sink fails: then the rest is
/// dropped, and the error returned.
///
/// # Examples
///
/// ```
/// use futures_util::stream;
/// use tidegate_task_group::for_each_concurrent;
///
/// async fn fetch(page: u32) -> String {
///     format!("page {page}")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let stored = std::cell::RefCell::new(Vec::new());
/// for_each_concurrent(stream::iter(1..=9), 3, fetch, async |page| {
///     if page.is_empty() {
///         return Err("an empty page");
///     }
///     stored.borrow_mut().push(page);
///     Ok(())
/// })
/// .await
/// .unwrap();
/// assert_eq!(stored.borrow().len(), 9);
/// # }
/// ```
///
/// # `for_each_concurrent` or a buffered stream?
///
/// - Here everything is polled until the end, whatever the sink does: a worker that holds a lock goes on while the
///   sink waits for that lock.
/// - The futures in a stream from `buffered` sleep while the loop that reads it awaits something else. If that is
///   held by one of them, both wait for ever.
///
/// # Errors
///
/// The first error of the sink.
///
/// # Panics
///
/// When `limit` is zero.
///
/// # Cancel safety
///
/// Not cancel-safe: the stream, what runs and what waits for the sink are dropped with the future. Give a stream by
/// `&mut` reference to keep it.
///
/// # Limitations
///
/// A stream that has futures of its own running, as `buffered` has, does not run them while there is no room.
#[track_caller]
pub fn for_each_concurrent<S, Work, W, Sink, K, E>(
    stream: S,
    limit: usize,
    work: Work,
    sink: Sink,
) -> ForEachConcurrentFut<S, Work, W, Sink, K>
where
    S: Stream,
    Work: FnMut(S::Item) -> W,
    W: Future,
    Sink: FnMut(W::Output) -> K,
    K: Future<Output = Result<(), E>>,
{
    assert!(limit > 0, "with a limit of zero nothing would ever run");
    ForEachConcurrentFut {
        stream: Some(stream),
        work,
        workers: Siblings::new(),
        ready: VecDeque::new(),
        sink,
        sinking: None,
        limit,
        is_over: false,
    }
}

pin_project! {
    /// The future of [`for_each_concurrent`].
    ///
    /// # Panics
    ///
    /// When it is polled again after it was ready, or had panicked.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ForEachConcurrentFut<S, Work, W, Sink, K>
    where
        W: Future,
    {
        // Until it has ended.
        #[pin]
        stream: Option<S>,
        work: Work,
        workers: Siblings<W>,
        // What waits for the sink.
        ready: VecDeque<W::Output>,
        sink: Sink,
        #[pin]
        sinking: Option<K>,
        limit: usize,
        is_over: bool,
    }
}

impl<S, Work, W, Sink, K, E> ForEachConcurrentFut<S, Work, W, Sink, K>
where
    S: Stream,
    Work: FnMut(S::Item) -> W,
    W: Future,
    Sink: FnMut(W::Output) -> K,
    K: Future<Output = Result<(), E>>,
{
    /// Drops everything that is left.
    fn clear(self: Pin<&mut Self>) {
        let mut me = self.project();
        *me.is_over = true;
        FirstPanic::default()
            .of(|| me.sinking.set(None))
            .of(|| me.workers.clear())
            .of(|| me.ready.clear())
            .of(|| me.stream.set(None))
            .go_on();
    }

    fn step(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let mut me = self.as_mut().project();
        assert!(!*me.is_over, "polled again after it was ready");
        let mut allowance = Allowance::for_each(2 * me.workers.len());
        // Who waited once in this poll is woken if there is more.
        let (mut sink_waits, mut stream_waits) = (false, false);
        loop {
            let mut moved = false;

            if me.sinking.is_none() {
                let sinking = me.ready.pop_front().map(&mut *me.sink);
                me.sinking.set(sinking);
                sink_waits = false;
            }
            if let Some(sinking) = me.sinking.as_mut().as_pin_mut().filter(|_| !sink_waits) {
                match sinking.poll(cx) {
                    Poll::Ready(Ok(())) => {
                        me.sinking.set(None);
                        moved = true;
                    }
                    Poll::Ready(Err(error)) => {
                        self.clear();
                        return Poll::Ready(Err(error));
                    }
                    Poll::Pending => sink_waits = true,
                }
            }

            let has_room = me.workers.len() + me.ready.len() < *me.limit;
            if let Some(stream) = me.stream.as_mut().as_pin_mut().filter(|_| !stream_waits) {
                if has_room && !allowance.take() {
                    cx.waker().wake_by_ref();
                } else if has_room {
                    match stream.poll_next(cx) {
                        Poll::Ready(Some(item)) => {
                            me.workers.push((me.work)(item));
                            moved = true;
                        }
                        Poll::Ready(None) => {
                            me.stream.set(None);
                            moved = true;
                        }
                        Poll::Pending => stream_waits = true,
                    }
                }
            }

            if let Poll::Ready(Some((_, output))) = me.workers.poll_next(cx, &mut allowance) {
                me.ready.push_back(output);
                moved = true;
            }

            let is_empty = me.workers.len() == 0 && me.ready.is_empty() && me.sinking.is_none();
            if is_empty && me.stream.is_none() {
                *me.is_over = true;
                return Poll::Ready(Ok(()));
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }
}

impl<S, Work, W, Sink, K, E> Future for ForEachConcurrentFut<S, Work, W, Sink, K>
where
    S: Stream,
    Work: FnMut(S::Item) -> W,
    W: Future,
    Sink: FnMut(W::Output) -> K,
    K: Future<Output = Result<(), E>>,
{
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        or_clear(&mut self, |me| me.as_mut().clear(), |me| me.as_mut().step(cx))
    }
}

impl<S, Work, W: Future, Sink, K> fmt::Debug for ForEachConcurrentFut<S, Work, W, Sink, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEachConcurrentFut")
            .field("working", &self.workers.len())
            .field("ready", &self.ready.len())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
