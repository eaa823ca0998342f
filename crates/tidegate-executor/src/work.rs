use std::sync::Arc;
use std::task::{Context, Poll};

use tidegate_timeout::CancelReason;

use crate::error::JobError;
use crate::origin::Origin;

/// A job as its pool sees it.
pub(crate) trait Work: Send + Sync {
    /// Runs the closure, if it is still there, in the runtime that is entered. `free` is called once, when the
    /// thread could do something else: the closure has ended, its result is not yet handed over.
    fn run(self: Arc<Self>, free: &mut dyn FnMut(Ended));

    /// Drops a closure that has not started; the future gets `error`. Answers whether it had not started.
    fn withdraw(&self, error: JobError) -> bool;

    /// As [`withdraw`](Self::withdraw), for the reason that the scope of the caller was cancelled for.
    fn scope_cancelled(&self);

    /// Tells the closure, if it runs, that it need not go on.
    fn tell(&self, why: CancelReason);

    fn origin(&self) -> &Origin;
}

/// A job as its future sees it.
pub(crate) trait Outcome<T>: Send + Sync {
    /// Ready when the closure has ended or has been withdrawn.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, JobError>>;

    /// Withdraws the closure, or tells it to stop when it runs. Answers whether it was withdrawn.
    fn cancel(&self, why: CancelReason) -> bool;

    /// Nobody waits for the result any more.
    fn release(&self);

    /// The future was dropped: as [`cancel`](Self::cancel), and if the closure runs the scopes around wait for it.
    fn abandon(&self, why: CancelReason);

    fn is_finished(&self) -> bool;
}

/// How a job left its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Returned,
    Panicked,
    /// It was withdrawn before it started.
    Withdrawn,
}
