use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cell::Cell;
use crate::crew::Crew;
use crate::error::JobError;
use crate::job::Job;
use crate::job_cx::JobCx;

/// The future of [`ThreadPool::run`](crate::ThreadPool::run) and [`to_thread`](crate::to_thread).
///
/// It borrows nothing, so it may be spawned.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Run<F, T> {
    stage: Stage<F, T>,
    location: &'static Location<'static>,
}

enum Stage<F, T> {
    /// Not polled yet: the pool knows nothing of the job.
    Fresh(F, Arc<Crew>),
    Asked(Job<T>),
    Over,
}

impl<F, T> Run<F, T> {
    pub(crate) fn new(work: F, crew: &Arc<Crew>, location: &'static Location<'static>) -> Self {
        Self { stage: Stage::Fresh(work, Arc::clone(crew)), location }
    }
}

/// The closure is not pinned: it is moved to a thread.
impl<F, T> Unpin for Run<F, T> {}

impl<F, T> Future for Run<F, T>
where
    F: FnOnce(&JobCx) -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut job = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Fresh(work, crew) => {
                let cell = Cell::admit(work, &crew, false, self.location);
                Job::new(cell.expect("a job that may wait is not refused for want of room"))
            }
            Stage::Asked(job) => job,
            Stage::Over => panic!("polled again after it was ready"),
        };
        let poll = Pin::new(&mut job).poll(cx);
        if poll.is_pending() {
            self.stage = Stage::Asked(job);
        }
        poll
    }
}

impl<F, T> fmt::Debug for Run<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("location", &self.location).finish_non_exhaustive()
    }
}
