use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::{Ended, Resident};

use super::Set;
use crate::panicked::Panicked;
use crate::place::Place;
use crate::task_error::TaskError;
use crate::turn::Turn;

pin_project! {
    /// A task of a set.
    pub(super) struct Hosted<F: Future> {
        #[pin]
        run: Option<Resident<F>>,
        // Given back when the future is gone.
        turn: Turn,
        // Last: the task has ended when everything else is gone.
        member: Member<F::Output>,
    }
}

/// A task's place in its set, from before it is spawned until its result is there.
pub(super) struct Member<T> {
    set: Arc<Set<T>>,
    place: Place,
}

impl<F: Future> Hosted<F> {
    pub(super) fn new(run: Resident<F>, turn: Turn, member: Member<F::Output>) -> Self {
        Self { run: Some(run), turn, member }
    }
}

impl<F: Future> Future for Hosted<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut me = self.project();
        let run = me.run.as_mut().as_pin_mut().expect("a task is not polled after its end");
        let member = me.member;
        let Some(ended) = member.place.poll(&member.set.core, me.turn, run, cx) else {
            return Poll::Pending;
        };
        // Its own drop has happened inside `run`, if it was not dismissed.
        let ended = match catch_unwind(AssertUnwindSafe(|| me.run.set(None))) {
            Ok(()) => ended,
            Err(panic) => Ended::Panicked(panic),
        };
        me.turn.give_back();
        member.end(match ended {
            Ended::Value(value) => Ok(value),
            Ended::Cancelled(reason) => Err(TaskError::Cancelled(reason)),
            Ended::Panicked(payload) => {
                Err(TaskError::Panicked(Panicked::from_payload(payload).message().to_owned()))
            }
        });
        Poll::Ready(())
    }
}

impl<T> Member<T> {
    pub(super) fn new(set: Arc<Set<T>>, id: u64, location: &'static Location<'static>) -> Self {
        Self { set, place: Place::new(id, None, location) }
    }

    fn end(&mut self, result: Result<T, TaskError>) {
        if self.place.leave(&self.set.core) {
            self.set.line.put(self.place.id(), result);
        }
    }
}

impl<T> Drop for Member<T> {
    fn drop(&mut self) {
        // Dropped before its end: the runtime is gone.
        let reason = self.set.core.children.reason().unwrap_or(CancelReason::Shutdown);
        self.end(Err(TaskError::Cancelled(reason)));
        self.set.core.child_ended();
    }
}
