use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::lineup::{Lineup, or_clear};
use crate::panicked::FirstPanic;

/// Runs futures together and gives their values in order, or the first error.
///
/// All of them run in the task that awaits, so they may borrow, and none runs on another thread. Each is polled only
/// when it was woken. The iterator is drained by the call, and nothing runs before the first poll.
///
/// With the first error everything else is dropped, and only then does the future return; so it is when a future
/// panics. For all the errors there are, use [`gather_settled`](crate::gather_settled).
///
/// # Examples
///
/// ```
/// use std::num::ParseIntError;
/// use tidegate_task_group::gather;
///
/// async fn parse(word: &str) -> Result<u32, ParseIntError> {
///     word.parse()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let words = ["1", "2", "3"].map(String::from);
/// assert_eq!(gather(words.iter().map(|it| parse(it))).await, Ok(vec![1, 2, 3]));
/// assert!(gather(["1", "two"].map(parse)).await.is_err());
/// # }
/// ```
///
/// Many, but four at a time:
///
/// ```
/// # use tidegate_task_group::gather;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let squares = (0..100).map(|it| async move { Ok::<u64, ()>(it * it) });
/// assert_eq!(gather(squares).limit(4).await.unwrap().len(), 100);
/// # }
/// ```
///
/// # Gather or a group?
///
/// - `gather` runs everything in one task: cheap, may borrow, one core.
/// - A [`TaskGroup`](crate::TaskGroup) has a task for each child: several cores, errors kept, children that come later.
///
/// # Cancel safety
///
/// Not cancel-safe: what runs is dropped with the future, and so are the values that are there. A scope of
/// `tidegate-timeout` lets what runs clean up first.
pub fn gather<I, T, E>(futures: I) -> GatherFut<I::Item, T>
where
    I: IntoIterator<Item: Future<Output = Result<T, E>>>,
{
    let lineup = Lineup::new(futures);
    let values = (0..lineup.len()).map(|_| None).collect();
    GatherFut { lineup: Some(lineup), values }
}

/// The future of [`gather`].
///
/// # Panics
///
/// When it is polled again after it was ready, or had panicked.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct GatherFut<F: Future, T> {
    lineup: Option<Lineup<F>>,
    values: Vec<Option<T>>,
}

impl<F: Future, T> GatherFut<F, T> {
    /// Lets at most `limit` futures run at a time; the next one starts, in order, when one has ended.
    ///
    /// # Panics
    ///
    /// When `limit` is zero.
    ///
    /// # Examples
    ///
    /// See [`gather`].
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        if let Some(lineup) = &mut self.lineup {
            lineup.limit(limit);
        }
        self
    }

    fn clear(&mut self) {
        let (values, lineup) = (&mut self.values, &mut self.lineup);
        FirstPanic::default().of(|| drop(lineup.take())).of(|| values.clear()).go_on();
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for GatherFut<F, T> {
    type Output = Result<Vec<T>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        or_clear(self.get_mut(), Self::clear, |me| {
            let lineup = me.lineup.as_mut().expect("polled again after it was ready");
            let values = &mut me.values;
            let failed = ready!(lineup.poll_each(cx, |position, result| match result {
                Ok(value) => {
                    values[position] = Some(value);
                    ControlFlow::Continue(())
                }
                Err(error) => ControlFlow::Break(error),
            }));
            if let Some(error) = failed {
                me.clear();
                return Poll::Ready(Err(error));
            }
            me.lineup = None;
            let values = std::mem::take(&mut me.values).into_iter();
            Poll::Ready(Ok(values.map(|it| it.expect("every future has ended")).collect()))
        })
    }
}

// Futures are boxed before they are polled, and values are never pinned.
impl<F: Future, T> Unpin for GatherFut<F, T> {}

impl<F: Future, T> fmt::Debug for GatherFut<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.lineup.as_ref().map_or(0, Lineup::len);
        f.debug_struct("GatherFut").field("left", &left).finish_non_exhaustive()
    }
}
