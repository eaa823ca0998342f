use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::Instant;

use crate::current;
use crate::handle::ScopeHandle;
use crate::node::Kind;
use crate::reason::{CancelReason, Cancelled};
use crate::watching::Watching;

/// The innermost scope around the code that asks.
///
/// `None` outside of every scope, and inside a [shield](crate::shield) that has no scope of its own.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::{current_scope, timeout};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// assert!(current_scope().is_none());
/// let inside = timeout(Duration::from_secs(1), async { current_scope().is_some() });
/// assert!(inside.await.unwrap());
/// # })
/// ```
pub fn current_scope() -> Option<ScopeHandle> {
    let mut node = current::node()?;
    while node.kind == Kind::Bracket {
        node = Arc::clone(node.parent()?);
    }
    (node.kind != Kind::Shield).then(|| ScopeHandle::new(node))
}

/// Whether the code that asks may go on: an error once a scope around it was cancelled.
///
/// For loops that compute for long without awaiting, in tasks and in thread jobs. It looks at the clock if
/// there is a deadline, so it also notices one whose timer had no chance to run; the scope then counts as
/// [expired](ScopeHandle::expired).
///
/// # Errors
///
/// When a scope around it, up to the nearest [shield](crate::shield), was cancelled or its deadline has passed.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::{Cancelled, checkpoint};
///
/// fn sum(numbers: &[u64]) -> Result<u64, Cancelled> {
///     let mut sum = 0;
///     for chunk in numbers.chunks(1024) {
///         checkpoint()?;
///         sum += chunk.iter().sum::<u64>();
///     }
///     Ok(sum)
/// }
/// assert_eq!(sum(&[1, 2]).unwrap(), 3);
/// ```
pub fn checkpoint() -> Result<(), Cancelled> {
    if may_go_on() {
        return Ok(());
    }
    let Some(node) = current::node() else { return Ok(()) };
    if !node.is_cancelled() {
        let now = Instant::now();
        node.outermost_expired(now).into_iter().for_each(|scope| scope.expire(now));
    }
    match node.cause() {
        Some(cause) => Err(Cancelled::new(cause.reason.clone())),
        None => Ok(()),
    }
}

/// What can be said without making a node of any scope around.
fn may_go_on() -> bool {
    if current::is_cancelled() {
        return false;
    }
    current::is_endless() || {
        let mut now = None;
        let deadline = current::effective(&mut now);
        !deadline.has_elapsed_by(now.unwrap_or_else(Instant::now))
    }
}

/// Waits until a scope around the code that asks is cancelled, and says why.
///
/// For code that wants to react rather than be dropped: a scope that is cancelled polls its body once more
/// before it drops it, so what this wakes can still end with a value. For clean-up that awaits, put it into a
/// [shield](crate::shield). Outside of every scope it waits for ever.
///
/// # Cancel safety
///
/// Strict. A cancellation is not used up by being waited for.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::{CancelReason, cancelled, timeout};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let why = timeout(Duration::from_secs(1), cancelled()).await;
/// assert_eq!(why.unwrap(), CancelReason::Deadline);
/// # })
/// ```
pub async fn cancelled() -> CancelReason {
    let mut watching = None;
    poll_fn(move |cx| {
        if watching.is_none() {
            watching = current::node().map(Watching::for_cause);
        }
        let Some(watching) = &watching else { return Poll::Pending };
        match watching.node.watch(watching.place, cx.waker()).cause {
            Some((cause, _)) => Poll::Ready(cause.reason.clone()),
            None => Poll::Pending,
        }
    })
    .await
}
