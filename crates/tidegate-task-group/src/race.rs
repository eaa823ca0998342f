use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::lineup::{Lineup, or_clear};

/// Runs futures together and gives the first output; the others are dropped before it returns.
///
/// A failure wins as well as a success. Of several that are ready, the one that was woken first wins; at the start,
/// the first in order. To learn which future it was, or to keep the others, use [`wait`](crate::wait).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_task_group::race;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let answer = async |delay| {
///     tokio::time::sleep(Duration::from_millis(delay)).await;
///     delay
/// };
/// assert_eq!(race([30, 10, 20].map(answer)).await, 10);
/// # }
/// ```
///
/// # Panics
///
/// When there are no futures: nobody would ever win.
///
/// # Cancel safety
///
/// As [`gather`](crate::gather).
#[track_caller]
pub fn race<I>(futures: I) -> RaceFut<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    let lineup = Lineup::new(futures);
    assert!(lineup.len() > 0, "a race without futures has no winner");
    RaceFut { lineup: Some(lineup) }
}

/// The future of [`race`].
///
/// # Panics
///
/// When it is polled again after it was ready, or had panicked.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct RaceFut<F: Future> {
    lineup: Option<Lineup<F>>,
}

impl<F: Future> Future for RaceFut<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let clear = |lineup: &mut Option<_>| drop(lineup.take());
        or_clear(&mut self.get_mut().lineup, clear, |slot| {
            let lineup = slot.as_mut().expect("polled again after it was ready");
            let (_, output) =
                ready!(lineup.poll_next(cx)).expect("there is a future until one has won");
            drop(slot.take());
            Poll::Ready(output)
        })
    }
}

// Futures are boxed before they are polled.
impl<F: Future> Unpin for RaceFut<F> {}

impl<F: Future> fmt::Debug for RaceFut<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.lineup.as_ref().map_or(0, Lineup::len);
        f.debug_struct("RaceFut").field("left", &left).finish_non_exhaustive()
    }
}
