use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::lineup::{Lineup, or_clear};
use crate::panicked::FirstPanic;

/// Runs futures together and gives the first success, or else every error.
///
/// As [`race`](crate::race), but a failure does not win: the others go on. With the first success they are dropped,
/// and only then does the future return. If all fail, the errors come in the order of their futures; if there are no
/// futures, there are none.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_task_group::race_ok;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let mirror = async |(delay, answer): (u64, Result<&'static str, &'static str>)| {
///     tokio::time::sleep(Duration::from_millis(delay)).await;
///     answer
/// };
/// let page = race_ok([(10, Err("gone")), (20, Ok("a page")), (30, Ok("late"))].map(mirror));
/// assert_eq!(page.await, Ok("a page"));
///
/// let page = race_ok([(20, Err("gone")), (10, Err("busy"))].map(mirror));
/// assert_eq!(page.await, Err(vec!["gone", "busy"]));
/// # }
/// ```
///
/// One after the other, until one succeeds:
///
/// ```
/// # use tidegate_task_group::race_ok;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let parse = async |word: &'static str| word.parse::<u32>();
/// assert_eq!(race_ok(["one", "2", "3"].map(parse)).limit(1).await, Ok(2));
/// # }
/// ```
///
/// # Cancel safety
///
/// As [`gather`](crate::gather).
pub fn race_ok<I, T, E>(futures: I) -> RaceOkFut<I::Item, E>
where
    I: IntoIterator<Item: Future<Output = Result<T, E>>>,
{
    let lineup = Lineup::new(futures);
    let errors = (0..lineup.len()).map(|_| None).collect();
    RaceOkFut { lineup: Some(lineup), errors }
}

/// The future of [`race_ok`].
///
/// # Panics
///
/// When it is polled again after it was ready, or had panicked.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct RaceOkFut<F: Future, E> {
    lineup: Option<Lineup<F>>,
    errors: Vec<Option<E>>,
}

impl<F: Future, E> RaceOkFut<F, E> {
    /// Lets at most `limit` futures run at a time; the next one starts, in order, when one has failed.
    ///
    /// # Panics
    ///
    /// When `limit` is zero.
    ///
    /// # Examples
    ///
    /// See [`race_ok`].
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        if let Some(lineup) = &mut self.lineup {
            lineup.limit(limit);
        }
        self
    }

    fn clear(&mut self) {
        let (errors, lineup) = (&mut self.errors, &mut self.lineup);
        FirstPanic::default().of(|| drop(lineup.take())).of(|| errors.clear()).go_on();
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for RaceOkFut<F, E> {
    type Output = Result<T, Vec<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        or_clear(self.get_mut(), Self::clear, |me| {
            let lineup = me.lineup.as_mut().expect("polled again after it was ready");
            let errors = &mut me.errors;
            let won = ready!(lineup.poll_each(cx, |position, result| match result {
                Ok(value) => ControlFlow::Break(value),
                Err(error) => {
                    errors[position] = Some(error);
                    ControlFlow::Continue(())
                }
            }));
            if let Some(value) = won {
                me.clear();
                return Poll::Ready(Ok(value));
            }
            me.lineup = None;
            let errors = std::mem::take(&mut me.errors).into_iter();
            Poll::Ready(Err(errors.map(|it| it.expect("every future has failed")).collect()))
        })
    }
}

// Futures are boxed before they are polled, and errors are never pinned.
impl<F: Future, E> Unpin for RaceOkFut<F, E> {}

impl<F: Future, E> fmt::Debug for RaceOkFut<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.lineup.as_ref().map_or(0, Lineup::len);
        f.debug_struct("RaceOkFut").field("left", &left).finish_non_exhaustive()
    }
}
