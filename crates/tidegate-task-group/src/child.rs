// How it works
//
// What is spawned on tokio is a `Child`: the user's future in a scope of its own, and the child's membership. At its
// end, in this order: the future is dropped, the group takes note of the outcome, the value goes where its `Task`
// finds it, and only then the membership ends, upon which the scope may return. The order is the same when the
// child is dropped instead, together with its runtime.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::{Ended, Resident};

use crate::core::Request;
use crate::origin::{Name, Origin};
use crate::shared::Shared;
use crate::shelf::Shelf;
use crate::task_error::TaskError;
use crate::turn::Turn;

/// A child's value on its way to the `Task`; `None` if it is on the shelf.
pub(crate) type Delivery<T> = Result<Option<T>, TaskError>;

pin_project! {
    pub(crate) struct Child<F: Future, T, E> {
        #[pin]
        run: Option<Resident<F, Result<T, E>>>,
        shelf: Option<Arc<Shelf<T>>>,
        // Given back when the future is gone and its outcome known: a failure comes before the next child's start.
        turn: Turn,
        // Last: the child has ended when everything else is gone.
        member: Member<E>,
    }
}

/// A child's place in its group, from before it is spawned until it has ended.
pub(crate) struct Member<E> {
    shared: Arc<Shared<E>>,
    name: Option<Name>,
    location: &'static Location<'static>,
    id: u64,
    state: State,
    aborted: bool,
    /// Up to where it has heard the news.
    heard: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Never polled.
    New,
    Running,
    /// Pending, with its waker in the group.
    Seated,
    /// The group took note of its end.
    Ended,
}

impl<F: Future<Output = Result<T, E>>, T, E> Child<F, T, E> {
    pub(crate) fn new(
        future: F,
        turn: Turn,
        shelf: Option<Arc<Shelf<T>>>,
        member: Member<E>,
    ) -> Self {
        let run = member.shared.core.scope.host(future);
        Self { run: Some(run), shelf, turn, member }
    }
}

impl<F, T, E> Future for Child<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Delivery<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Delivery<T>> {
        let mut me = self.project();
        let run = me.run.as_mut().as_pin_mut().expect("a child is not polled after its end");
        let Some(ended) = me.member.poll_in_turn(me.turn, run, cx) else { return Poll::Pending };
        // Its own drop has happened inside `run`, if it was not dismissed.
        let ended = match catch_unwind(AssertUnwindSafe(|| me.run.set(None))) {
            Ok(()) => ended,
            Err(panic) => Ended::Panicked(panic),
        };
        let outcome = me.member.end(ended);
        *me.turn = Turn::Come(None);
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
        Ok(Self {
            shared: Arc::clone(shared),
            name,
            location,
            id,
            state: State::New,
            aborted: false,
            heard: 0,
        })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// Waits for the turn, then polls the future.
    fn poll_in_turn<F: Future>(
        &mut self,
        turn: &mut Turn,
        run: Pin<&mut Resident<F>>,
        cx: &mut Context<'_>,
    ) -> Option<Ended<F::Output>> {
        if let Turn::Waits(wait) = turn {
            match self.poll(wait.as_mut(), cx)? {
                Ended::Value(permit) => *turn = Turn::Come(permit.ok()),
                Ended::Cancelled(reason) => return Some(Ended::Cancelled(reason)),
                Ended::Panicked(panic) => return Some(Ended::Panicked(panic)),
            }
            if let Some(reason) = self.cancelled() {
                return Some(Ended::Cancelled(reason));
            }
        }
        self.poll(run, cx)
    }

    /// Why this child should not begin.
    fn cancelled(&self) -> Option<CancelReason> {
        let core = &*self.shared.core;
        if self.aborted {
            Some(aborted())
        } else {
            core.children.is_cancelled().then(|| core.reason())
        }
    }

    fn poll<F: Future>(
        &mut self,
        mut run: Pin<&mut Resident<F>>,
        cx: &mut Context<'_>,
    ) -> Option<Ended<F::Output>> {
        let core = &*self.shared.core;
        if self.state == State::New {
            self.aborted = core.stand_up(self.id, false);
            if let Some(reason) = self.cancelled() {
                return Some(Ended::Cancelled(reason));
            }
            self.state = State::Running;
        }
        let news = self.state == State::Seated && core.has_news(self.heard);
        let mut request = if news { self.sit(cx.waker()) } else { None };
        loop {
            match request {
                Some(Request::Abort) => run.as_mut().handle().cancel(aborted()),
                Some(Request::Dismiss) => return Some(Ended::Cancelled(self.shared.core.reason())),
                None => {}
            }
            if let Poll::Ready(ended) = run.as_mut().poll(cx) {
                return Some(ended);
            }
            if self.state == State::Seated && !self.shared.core.has_news(self.heard) {
                return None;
            }
            request = self.sit(cx.waker());
            if request.is_none() && !run.is_behind() {
                return None;
            }
        }
    }

    /// Takes the seat, and hears what somebody wants.
    fn sit(&mut self, waker: &Waker) -> Option<Request> {
        let (request, heard) = self.shared.core.sit(self.id, waker);
        self.state = State::Seated;
        self.heard = heard;
        self.aborted |= request == Some(Request::Abort);
        request
    }

    /// Reports the outcome to the group.
    fn end<T>(&mut self, ended: Ended<Result<T, E>>) -> Result<T, TaskError> {
        self.shared.core.stand_up(self.id, self.state == State::Seated);
        self.state = State::Ended;
        let origin =
            Origin { name: self.name.take(), id: Some(self.id), location: Some(self.location) };
        self.shared.child_ended(ended, origin)
    }
}

fn aborted() -> CancelReason {
    CancelReason::from("the task was aborted")
}

impl<E> Drop for Member<E> {
    fn drop(&mut self) {
        let core = &*self.shared.core;
        if self.state != State::Ended {
            core.stand_up(self.id, self.state == State::Seated);
            self.shared.child_cancelled();
        }
        core.child_ended();
    }
}
