use std::fmt;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tidegate_timeout::Deadline;
use tokio::task::coop;
use tokio::time::{Sleep, sleep_until};

use crate::as_completed::AsCompleted;
use crate::lineup::{Lineup, or_clear};
use crate::panicked::FirstPanic;

/// Runs futures together until what is asked for has happened, and gives back what has not ended.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_task_group::{Wait, wait};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let replica = async |delay| {
///     tokio::time::sleep(Duration::from_millis(delay)).await;
///     delay
/// };
/// let first = wait([30, 10, 20].map(replica), Wait::FirstCompleted).await;
/// assert_eq!(first.done, [(1, 10)]);
/// assert_eq!(first.pending.len(), 2);
///
/// // The rest is awaited, or else dropped.
/// let rest = first.pending.wait(Wait::All).await;
/// assert_eq!(rest.done, [(2, 20), (0, 30)]);
/// # }
/// ```
///
/// # Cancel safety
///
/// As [`gather`](crate::gather).
pub fn wait<I, T>(futures: I, until: Wait<T>) -> WaitFut<I::Item>
where
    I: IntoIterator<Item: Future<Output = T>>,
{
    Pending { lineup: Lineup::new(futures) }.wait(until)
}

/// How long [`wait`] waits.
///
/// # Examples
///
/// ```
/// use tidegate_task_group::{Wait, wait};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let parse = async |word: &'static str| word.parse::<u32>();
/// let some = wait(["1", "two", "3"].map(parse), Wait::FirstFailed).await;
/// assert_eq!(some.done.len(), 2);
/// assert!(some.done[1].1.is_err());
/// # }
/// ```
pub struct Wait<T>(fn(&T) -> bool);

#[expect(non_upper_case_globals, reason = "they are written and read as an enum's variants")]
impl<T> Wait<T> {
    /// Until a future has ended; at once, if there is none.
    pub const FirstCompleted: Self = Self(|_| true);
    /// Until every future has ended.
    pub const All: Self = Self(|_| false);
}

#[expect(non_upper_case_globals, reason = "they are written and read as an enum's variants")]
impl<T, E> Wait<Result<T, E>> {
    /// Until a future has failed, or every future has ended.
    pub const FirstFailed: Self = Self(Result::is_err);
}

impl<T> Clone for Wait<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Wait<T> {}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wait(..)")
    }
}

/// What [`wait`] found.
#[must_use = "the futures in `pending` do nothing unless they are awaited; dropping them ends them"]
pub struct Waited<F: Future> {
    /// The outputs with the positions of their futures, in the order in which they ended.
    pub done: Vec<(usize, F::Output)>,
    /// The futures that have not ended.
    pub pending: Pending<F>,
}

impl<F: Future<Output: fmt::Debug>> fmt::Debug for Waited<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waited").field("done", &self.done).field("pending", &self.pending).finish()
    }
}

/// Futures that have not ended when a [`wait`] was over.
///
/// They were polled and are no longer: what they hold, a lock for instance, they hold until they are awaited or
/// dropped. Do one of the two before you await anything else.
///
/// # Examples
///
/// See [`wait`].
#[must_use = "futures do nothing unless they are awaited; dropping them ends them"]
pub struct Pending<F: Future> {
    lineup: Lineup<F>,
}

impl<F: Future> Pending<F> {
    /// How many futures have not ended.
    ///
    /// # Examples
    ///
    /// See [`wait`].
    pub fn len(&self) -> usize {
        self.lineup.len()
    }

    /// Whether every future has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{Wait, wait};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let all = wait([async { 1 }], Wait::All).await;
    /// assert!(all.pending.is_empty());
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Goes on, as [`wait`]; positions stay what they were.
    ///
    /// # Cancel safety
    ///
    /// As [`gather`](crate::gather).
    ///
    /// # Examples
    ///
    /// See [`wait`].
    pub fn wait(self, until: Wait<F::Output>) -> WaitFut<F> {
        WaitFut {
            pending: Some(self),
            done: Vec::new(),
            until,
            deadline: Deadline::NEVER,
            timer: None,
        }
    }

    /// Goes on, one output at a time; positions stay what they were.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{Wait, wait};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let numbers = (0..3).map(|it| async move { it });
    /// let first = wait(numbers, Wait::FirstCompleted).await;
    /// let mut rest = first.pending.as_completed();
    /// assert_eq!(rest.next().await, Some((1, 1)));
    /// # }
    /// ```
    pub fn as_completed(self) -> AsCompleted<F> {
        AsCompleted::of(self.lineup)
    }
}

impl<F: Future> fmt::Debug for Pending<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The future of [`wait`] and of [`Pending::wait`].
///
/// # Panics
///
/// When it is polled again after it was ready, or had panicked.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WaitFut<F: Future> {
    pending: Option<Pending<F>>,
    done: Vec<(usize, F::Output)>,
    until: Wait<F::Output>,
    deadline: Deadline,
    /// Of the deadline, once there was something to wait for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> WaitFut<F> {
    /// Waits until `deadline` at the latest, and then gives what is done and what is pending.
    ///
    /// Nothing is lost or dropped by it, unlike by a `timeout` around the wait. What is ready at the deadline is
    /// done.
    ///
    /// # Panics
    ///
    /// When it has to wait outside of a tokio runtime with timers.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_task_group::{Wait, wait};
    /// use tidegate_timeout::Deadline;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let naps = [10, 30].map(|it| tokio::time::sleep(Duration::from_millis(it)));
    /// let soon = Deadline::after(Duration::from_millis(20));
    /// let some = wait(naps, Wait::All).until(soon).await;
    /// assert_eq!(some.done, [(0, ())]);
    ///
    /// let rest = some.pending.wait(Wait::All).await;
    /// assert_eq!(rest.done, [(1, ())]);
    /// # }
    /// ```
    pub fn until(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self.timer = None;
        self
    }

    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline.instant() else { return false };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // The deadline holds although the futures have used up the budget.
        pin!(coop::unconstrained(timer.as_mut())).poll(cx).is_ready()
    }

    fn clear(&mut self) {
        let (done, pending) = (&mut self.done, &mut self.pending);
        FirstPanic::default().of(|| drop(pending.take())).of(|| done.clear()).go_on();
    }
}

impl<F: Future> Future for WaitFut<F> {
    type Output = Waited<F>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited<F>> {
        or_clear(self.get_mut(), Self::clear, |me| {
            let pending = me.pending.as_mut().expect("polled again after it was ready");
            let (until, done) = (me.until.0, &mut me.done);
            let enough = pending.lineup.poll_each(cx, |position, output| {
                let enough = until(&output);
                done.push((position, output));
                if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if enough.is_pending() && !me.is_late(cx) {
                return Poll::Pending;
            }
            let pending = me.pending.take().expect("it was just polled");
            Poll::Ready(Waited { done: std::mem::take(&mut me.done), pending })
        })
    }
}

// Futures are boxed before they are polled, and outputs are never pinned.
impl<F: Future> Unpin for WaitFut<F> {}

impl<F: Future> fmt::Debug for WaitFut<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFut")
            .field("left", &self.pending.as_ref().map_or(0, Pending::len))
            .field("done", &self.done.len())
            .finish()
    }
}
