// How it works
//
// What is spawned on tokio is a `Child`: the user's future in a scope of its own, and the child's membership. At its
// end, in this order: the future is dropped, the group takes note of the outcome, the value goes where its `Task`
// finds it, and only then the membership ends, upon which the scope may return. The order is the same when the
// child is dropped instead, together with its runtime.
//
// A child whose future is ready has not ended while something that it left behind cleans up. What its result means
// for the others is not put off for that long.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::{Ended, Resident, cut_short};

use crate::core::Core;
use crate::manner::Manner;
use crate::origin::Name;
use crate::place::Place;
use crate::shared::Shared;
use crate::shelf::Shelf;
use crate::start_error::StartError;
use crate::task_error::TaskError;
use crate::turn::Turn;

/// A child's value on its way to the `Task`; `None` if it is on the shelf.
pub(crate) type Delivery<T> = Result<Option<T>, TaskError>;

pin_project! {
    pub(crate) struct Child<F: Future, T, E, M> {
        #[pin]
        run: Option<Resident<F, Result<T, E>>>,
        shelf: Option<Arc<Shelf<T>>>,
        // Given back when the future is gone and its outcome known: a failure comes before the next child's start.
        turn: Turn,
        // After these: the child has ended when they are gone.
        member: Member<E>,
        // Last: who waits for the child to be gone is told by this.
        manner: M,
    }
}

/// A child's place in its group, from before it is spawned until it has ended.
pub(crate) struct Member<E> {
    shared: Arc<Shared<E>>,
    place: Place,
}

impl<F: Future<Output = Result<T, E>>, T, E, M> Child<F, T, E, M> {
    pub(crate) fn new(
        future: F,
        turn: Turn,
        shelf: Option<Arc<Shelf<T>>>,
        member: Member<E>,
        manner: M,
    ) -> Self {
        let run = member.shared.core.scope.host(future);
        Self { run: Some(run), shelf, turn, member, manner }
    }
}

impl<F, T, E, M> Future for Child<F, T, E, M>
where
    F: Future<Output = Result<T, E>>,
    M: Manner<T, E>,
{
    type Output = Delivery<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Delivery<T>> {
        let mut me = self.project();
        let mut run = me.run.as_mut().as_pin_mut().expect("a child is not polled after its end");
        let ended = match me.manner.before(me.turn, || run.as_mut().handle()) {
            Some(reason) => Some(Ended::Cancelled(reason)),
            None => me.member.poll(me.turn, run.as_mut(), cx),
        };
        let ended = match ended {
            Some(ended @ Ended::Value(Err(_))) if run.is_cancelled() => {
                me.member.shared.echoed(ended)
            }
            Some(ended) => ended,
            None => {
                if let Some(result) = run.kept().filter(|_| me.manner.is_the_groups()) {
                    me.member.shared.child_will_end(result);
                }
                me.manner.rest(me.member.core());
                return Poll::Pending;
            }
        };
        let ended = match ended {
            // It may have been dismissed, with the future still there.
            Ended::Cancelled(reason) => {
                let drop_run = || cut_short(|| me.run.set(None));
                catch_unwind(AssertUnwindSafe(drop_run))
                    .map_or_else(Ended::Panicked, |()| Ended::Cancelled(reason))
            }
            ended => ended,
        };
        me.run.set(None);
        let outcome = me.manner.end(me.member, ended);
        me.turn.give_back();
        Poll::Ready(match (outcome, me.shelf) {
            (Ok(value), Some(shelf)) => {
                shelf.put(value);
                Ok(None)
            }
            (outcome, _) => outcome.map(Some),
        })
    }
}

impl<E> Member<E> {
    /// Joins the group, unless that is closed.
    pub(crate) fn join(
        shared: &Arc<Shared<E>>,
        name: Option<Name>,
        location: &'static Location<'static>,
    ) -> Result<Self, CancelReason> {
        if let Some(reason) = shared.core.closed() {
            return Err(reason);
        }
        let id = shared.core.enter().ok_or(CancelReason::ParentCancelled)?;
        Ok(Self { shared: Arc::clone(shared), place: Place::new(id, name, location) })
    }

    pub(crate) fn id(&self) -> u64 {
        self.place.id()
    }

    pub(crate) fn name(&self) -> Option<&Name> {
        self.place.name()
    }

    pub(crate) fn core(&self) -> &Core {
        &self.shared.core
    }

    fn poll<F: Future>(
        &mut self,
        turn: &mut Turn,
        run: Pin<&mut Resident<F>>,
        cx: &mut Context<'_>,
    ) -> Option<Ended<F::Output>> {
        self.place.poll(&self.shared.core, turn, run, cx)
    }

    /// Reports the outcome to the group.
    pub(crate) fn end<T>(&mut self, ended: Ended<Result<T, E>>) -> Result<T, TaskError> {
        self.place.leave(&self.shared.core);
        self.shared.child_ended(ended, || self.place.origin())
    }

    /// Reports to the group that the child has missed a deadline of its own.
    pub(crate) fn miss_deadline(&mut self) -> TaskError {
        self.place.leave(&self.shared.core);
        self.shared.child_missed_deadline(self.place.origin())
    }

    /// Reports to the group that the child has ended and nobody but its starter is to know how.
    pub(crate) fn fail_to_start<T>(
        &mut self,
        ended: Ended<Result<T, E>>,
        missed: bool,
    ) -> StartError<E> {
        self.place.leave(&self.shared.core);
        self.shared.start_failed(ended, missed)
    }
}

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        if self.place.leave(&self.shared.core) {
            self.shared.child_cancelled();
        }
        self.shared.core.child_ended();
    }
}
