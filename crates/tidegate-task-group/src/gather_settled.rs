use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::lineup::{Lineup, or_clear};
use crate::panicked::FirstPanic;

/// Runs futures together and gives all their outputs in order, errors among them.
///
/// As [`gather`](crate::gather), but a failure is an output like any other: every future runs to its end. A panic is
/// not; it drops the rest and goes on.
///
/// # Examples
///
/// ```
/// use tidegate_task_group::gather_settled;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let parse = async |word: &'static str| word.parse::<u32>();
/// let results = gather_settled(["1", "two", "3"].map(parse)).limit(2).await;
/// assert_eq!((&results[0], &results[2]), (&Ok(1), &Ok(3)));
/// assert!(results[1].is_err());
/// # }
/// ```
///
/// # Cancel safety
///
/// As [`gather`](crate::gather).
pub fn gather_settled<I>(futures: I) -> GatherSettledFut<I::Item>
where
    I: IntoIterator<Item: Future>,
{
    let lineup = Lineup::new(futures);
    let outputs = (0..lineup.len()).map(|_| None).collect();
    GatherSettledFut { lineup: Some(lineup), outputs }
}

/// The future of [`gather_settled`].
///
/// # Panics
///
/// When it is polled again after it was ready, or had panicked.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct GatherSettledFut<F: Future> {
    lineup: Option<Lineup<F>>,
    outputs: Vec<Option<F::Output>>,
}

impl<F: Future> GatherSettledFut<F> {
    /// Lets at most `limit` futures run at a time; the next one starts, in order, when one has ended.
    ///
    /// # Panics
    ///
    /// When `limit` is zero.
    ///
    /// # Examples
    ///
    /// See [`gather_settled`].
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        if let Some(lineup) = &mut self.lineup {
            lineup.limit(limit);
        }
        self
    }

    fn clear(&mut self) {
        let (outputs, lineup) = (&mut self.outputs, &mut self.lineup);
        FirstPanic::default().of(|| drop(lineup.take())).of(|| outputs.clear()).go_on();
    }
}

impl<F: Future> Future for GatherSettledFut<F> {
    type Output = Vec<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        or_clear(self.get_mut(), Self::clear, |me| {
            let lineup = me.lineup.as_mut().expect("polled again after it was ready");
            let outputs = &mut me.outputs;
            let all = lineup.poll_each(cx, |position, output| {
                outputs[position] = Some(output);
                ControlFlow::<()>::Continue(())
            });
            ready!(all);
            me.lineup = None;
            let outputs = std::mem::take(&mut me.outputs).into_iter();
            Poll::Ready(outputs.map(|it| it.expect("every future has ended")).collect())
        })
    }
}

// Futures are boxed before they are polled, and outputs are never pinned.
impl<F: Future> Unpin for GatherSettledFut<F> {}

impl<F: Future> fmt::Debug for GatherSettledFut<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.lineup.as_ref().map_or(0, Lineup::len);
        f.debug_struct("GatherSettledFut").field("left", &left).finish_non_exhaustive()
    }
}
