use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::lineup::{Lineup, or_clear};

/// Runs futures together and gives each output when it is there, with the position of its future.
///
/// The iterator is drained by the call. What is left when the stream is dropped is dropped with it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_task_group::as_completed;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let naps = [30, 10, 20].map(|it| tokio::time::sleep(Duration::from_millis(it)));
/// let mut naps = as_completed(naps);
/// let mut order = Vec::new();
/// while let Some((position, ())) = naps.next().await {
///     order.push(position);
/// }
/// assert_eq!(order, [1, 2, 0]);
/// # }
/// ```
///
/// # Limitations
///
/// Futures make progress only while somebody waits for [`next`](AsCompleted::next). A loop that awaits something else
/// in between lets them sleep, and if what it awaits is held by one of them, it waits for ever.
/// To work on outputs while the rest goes on, use [`for_each_concurrent`](crate::for_each_concurrent).
pub fn as_completed<I>(futures: I) -> AsCompleted<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    AsCompleted { lineup: Lineup::new(futures) }
}

/// The outputs of futures, in the order in which they end; made by [`as_completed`].
#[must_use = "streams do nothing unless polled"]
pub struct AsCompleted<F: Future> {
    lineup: Lineup<F>,
}

impl<F: Future> AsCompleted<F> {
    pub(crate) fn of(lineup: Lineup<F>) -> Self {
        Self { lineup }
    }

    /// Lets at most `limit` futures run at a time; the next one starts, in order, when one has ended.
    ///
    /// # Panics
    ///
    /// When `limit` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::as_completed;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut squares = as_completed((0..10).map(|it| async move { it * it })).limit(2);
    /// assert_eq!(squares.next().await, Some((0, 0)));
    /// assert_eq!(squares.len(), 9);
    /// # }
    /// ```
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        self.lineup.limit(limit);
        self
    }

    /// The next output, with the position of its future among those that were given; `None` after the last.
    ///
    /// # Cancel safety
    ///
    /// Strict. Nothing is lost or dropped; the next call goes on.
    ///
    /// # Examples
    ///
    /// See [`as_completed`].
    pub async fn next(&mut self) -> Option<(usize, F::Output)> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// How many futures have not ended.
    ///
    /// # Examples
    ///
    /// See [`limit`](Self::limit).
    pub fn len(&self) -> usize {
        self.lineup.len()
    }

    /// Whether all futures have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::future::ready;
    /// # use tidegate_task_group::as_completed;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut outputs = as_completed([ready(1)]);
    /// assert!(!outputs.is_empty());
    /// outputs.next().await;
    /// assert!(outputs.is_empty());
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<F: Future> Stream for AsCompleted<F> {
    type Item = (usize, F::Output);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        or_clear(&mut self.get_mut().lineup, Lineup::clear, |lineup| lineup.poll_next(cx))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

// Futures are boxed before they are polled.
impl<F: Future> Unpin for AsCompleted<F> {}

impl<F: Future> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.len()).finish_non_exhaustive()
    }
}
