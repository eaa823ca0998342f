// How it works
//
// A child that is started is an ordinary child of the group from the beginning, so the group waits for it and ends it
// like any other. Until it is ready, the starter is concerned by it as well; what the two have to say to each other is
// in their `Talk`.
//
// The starter gives up when its scope is cancelled: it has a guard, and keeps that scope from ending until the child is
// gone. Or it is dropped: then it leaves an orphan behind, with which the scopes around wait for the same. From then on
// the child is cancelled and can no longer be ready. A cancellation from around is not reported, as with a group: the
// scope around takes over.
//
// The child does not take a place of those that the group's limit allows. Its starter waits for it, and may itself be
// a child that has the last one.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tidegate_timeout::scope::{Guard, Scope};
use tidegate_timeout::{CancelReason, Deadline};

use crate::child::Member;
use crate::group::TaskGroup;
use crate::manner::Timed;
use crate::origin::Name;
use crate::ready::Ready;
use crate::start_error::StartError;
use crate::talk::{Starting, Talk};
use crate::task::Task;
use crate::turn::Turn;

/// The future of [`TaskGroup::start`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct StartFut<S, T, E, B> {
    plan: Option<Plan<E, B>>,
    running: Option<Starter<S, T, E>>,
    /// Of a start that left its end to the scope around.
    left: Option<Scope>,
}

/// What is to be started.
struct Plan<E, B> {
    group: TaskGroup<E>,
    body: B,
    name: Option<Name>,
    deadline: Deadline,
    location: &'static Location<'static>,
}

impl<S, T, E, B> StartFut<S, T, E, B> {
    pub(crate) fn new(
        group: &TaskGroup<E>,
        body: B,
        name: Option<Name>,
        deadline: Deadline,
        location: &'static Location<'static>,
    ) -> Self {
        let plan = Plan { group: group.clone(), body, name, deadline, location };
        Self { plan: Some(plan), running: None, left: None }
    }
}

impl<S, T, E, B> Unpin for StartFut<S, T, E, B> {}

impl<S, T, E, B, Fut> Future for StartFut<S, T, E, B>
where
    S: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    B: FnOnce(Ready<S>) -> Fut,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    type Output = Result<(S, Task<T>), StartError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = &mut *self;
        if let Some(plan) = me.plan.take() {
            let scope = Scope::new();
            if let Some(reason) = scope.handle().reason() {
                return me.leave(scope, reason);
            }
            match plan.begin(scope) {
                Ok(starter) => me.running = Some(starter),
                Err(reason) => return Poll::Ready(Err(StartError::Cancelled(reason))),
            }
        }
        let Some(starter) = &mut me.running else {
            let taken_over = me.left.as_ref().is_some_and(Scope::is_dropped_from_around);
            assert!(taken_over, "a start that has ended is not polled again");
            return Poll::Pending;
        };
        if let Poll::Ready(reason) = starter.guard.poll_cancelled(cx) {
            starter.talk.give_up(reason);
        }
        let Some(answer) = starter.talk.answer(cx.waker()) else { return Poll::Pending };
        let (task, scope) = (starter.task.take(), starter.scope.clone());
        me.running = None;
        match answer {
            Ok(value) => Poll::Ready(Ok((value, task.expect("there is one answer")))),
            Err(StartError::Cancelled(reason)) => me.leave(scope, reason),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<S, T, E, B> StartFut<S, T, E, B> {
    /// Reports a cancellation, unless it is that of a scope around, which takes over.
    fn leave<R>(&mut self, scope: Scope, reason: CancelReason) -> Poll<Result<R, StartError<E>>> {
        if scope.handle().is_cancelled() && scope.is_dropped_from_around() {
            self.left = Some(scope);
            return Poll::Pending;
        }
        Poll::Ready(Err(StartError::Cancelled(reason)))
    }
}

impl<S, T, E, B> fmt::Debug for StartFut<S, T, E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.running.as_ref().and_then(|starter| starter.task.as_ref());
        f.debug_struct("StartFut").field("task", &task).finish_non_exhaustive()
    }
}

impl<E, B> Plan<E, B> {
    /// Spawns the child, on behalf of a starter in `scope`.
    fn begin<S, T, Fut>(self, scope: Scope) -> Result<Starter<S, T, E>, CancelReason>
    where
        S: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
        B: FnOnce(Ready<S>) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let Self { group, body, name, deadline, location } = self;
        // First: if the closure panics, its place in the group is given up again.
        let member = Member::join(group.shared(), name, location)?;
        let talk = Arc::new(Talk::new());
        let future = body(Ready::to(talk.clone()));
        talk.hand_over();
        let manner = Starting::new(talk.clone(), Timed::new(deadline));
        let guard = scope.guard();
        let task = Some(group.launch(member, future, Turn::Come(None), manner));
        Ok(Starter { talk, task, scope, guard })
    }
}

/// Who waits for a child to be ready.
struct Starter<S, T, E> {
    talk: Arc<Talk<S, E>>,
    /// Until there is an answer.
    task: Option<Task<T>>,
    scope: Scope,
    guard: Guard,
}

impl<S, T, E> Drop for Starter<S, T, E> {
    fn drop(&mut self) {
        if self.task.is_some() {
            self.talk.leave(&self.scope);
        }
    }
}
