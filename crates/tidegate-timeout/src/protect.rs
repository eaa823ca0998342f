use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;

use crate::adopt::Home;
use crate::current;
use crate::node::Kind;
use crate::shield::shield;

/// Runs `future` to its end in a task of its own, whatever becomes of who waits for it.
///
/// asyncio's `shield`. The task begins at this call, not when it is first awaited. Inside, there is no deadline and no
/// scope but those made there, and dropping the [`Protected`] only gives up the output.
///
/// The scope where this is called does not return before the task has ended, also with a value. If that scope is
/// cancelled meanwhile, its body goes on as long, and its [grace](crate::Timeout::grace) bounds the wait; then the scope
/// around goes on waiting. Outside of every scope nobody waits, and a context ([`with`](crate::with())) or a shield
/// right around the call does not.
///
/// # Examples
///
/// A timeout around the `Protected` ends the wait and nothing else:
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::{protect, timeout};
/// use tokio::time::sleep;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let mut saving = protect(async {
///     sleep(Duration::from_secs(2)).await;
///     "saved"
/// });
/// assert!(timeout(Duration::from_secs(1), &mut saving).await.is_err());
/// assert_eq!(saving.await, "saved");
/// # })
/// ```
///
/// # Shield or this?
///
/// - [`shield`](crate::shield()): in the same task, so the future may borrow and need not be `Send`; scopes wait for
///   it, but `select!` and the like drop it.
/// - `protect`: nothing drops it but the end of the runtime.
///
/// # Panics
///
/// When called outside of a tokio runtime.
#[track_caller]
pub fn protect<F>(future: F) -> Protected<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let mut around = current::node();
    // A context does not wait: what is protected may itself wait for its exit. Nor does a shield; and what protects the
    // next of its kind, and so on, would stand in a shield in a shield without end.
    while let Some(node) = around.take_if(|node| matches!(node.kind, Kind::Bracket | Kind::Shield))
    {
        around = node.parent().cloned();
    }
    let home = Home::of(around);
    Protected {
        task: home.spawn(shield(future)).expect("protecting a future needs a tokio runtime"),
    }
}

/// The output of a future that goes on without this; made by [`protect`].
///
/// # Cancel safety
///
/// Strict: it may be polled by reference again and again. Dropping it leaves the task running, whose output is
/// then dropped there.
///
/// # Panics
///
/// When the future inside panicked, with what it said. If nobody waits for it any more, the panic hook has been called
/// and that is all. Also when the runtime was shut down before the future was ready.
///
/// # Limitations
///
/// The task ends with its runtime and with the process.
///
/// # Examples
///
/// See [`protect`].
#[must_use = "dropping it gives the output up; the future inside goes on"]
pub struct Protected<T> {
    task: JoinHandle<T>,
}

impl<T> Protected<T> {
    /// Whether the output is there, or the future inside panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::protect;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let answer = protect(async { 42 });
    /// assert!(!answer.is_finished(), "its task had no chance to run yet");
    /// assert_eq!(answer.await, 42);
    /// # })
    /// ```
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl<T> Future for Protected<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Poll::Ready(match ready!(Pin::new(&mut self.task).poll(cx)) {
            Ok(output) => output,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => panic!("the runtime of a protected future was shut down"),
            },
        })
    }
}

impl<T> fmt::Debug for Protected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protected").field("finished", &self.is_finished()).finish()
    }
}
