// How it works
//
// A child that is started is an ordinary child of the group from the beginning, so the group waits for it and ends it
// like any other. The child, its `Ready` and the starter share a `Talk`, which says who is concerned by the child's end:
//
//     Starting ──set──▶ Ready ──the starter takes the value, or leaves──▶ Belongs
//        └──it ends──▶ Ending ──it is gone──▶ Ended ──the starter takes the error──▶ Belongs
//
// While it is starting, the starter is. Once it is ready, the group is; the step from one to the other is taken under
// the lock, so nobody is told twice and nobody not at all. The starter gives up when its scope is cancelled (it has a
// guard, and keeps that scope from ending until the child is gone) or when it is dropped (it leaves an orphan behind,
// with which the scopes around wait for the same). From then on the child is cancelled and can no longer be ready.
//
// The child does not take a place of those that the group's limit allows. Its starter waits for it, and may itself be
// a child that has the last one.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::mem::replace;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tidegate_shim::Mutex;
use tidegate_timeout::scope::{Ended, Guard, Orphan, Scope};
use tidegate_timeout::{CancelReason, Deadline, ScopeHandle};

use crate::child::Member;
use crate::core::Core;
use crate::error_group::BoxError;
use crate::group::TaskGroup;
use crate::manner::{Manner, Timed};
use crate::origin::Name;
use crate::panicked::drop_quietly;
use crate::task::Task;
use crate::task_error::TaskError;
use crate::turn::Turn;

/// How a child says that it is ready; made by [`TaskGroup::start`].
///
/// # Examples
///
/// See [`TaskGroup::start`].
#[must_use = "a child that drops its `Ready` has failed to start"]
pub struct Ready<S> {
    to: Option<Arc<dyn Told<S>>>,
}

impl<S> Ready<S> {
    /// Says that the child is ready, and gives `value` to whoever started it. From here on the child is the group's.
    ///
    /// # Errors
    ///
    /// With the value, when whoever started the child does not wait any more. The child is cancelled then.
    ///
    /// # Examples
    ///
    /// See [`TaskGroup::start`].
    pub fn set(mut self, value: S) -> Result<(), S> {
        match self.to.take() {
            Some(talk) => talk.ready(value),
            None => Ok(()),
        }
    }

    /// For a function that says when it is ready, where nobody wants to know.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::Ready;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// async fn serve(ready: Ready<u16>) {
    ///     let _ = ready.set(8080);
    /// }
    ///
    /// serve(Ready::ignored()).await;
    /// # }
    /// ```
    pub const fn ignored() -> Self {
        Self { to: None }
    }
}

impl<S> Drop for Ready<S> {
    fn drop(&mut self) {
        self.to.take().into_iter().for_each(|talk| talk.never());
    }
}

impl<S> fmt::Debug for Ready<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("ignored", &self.to.is_none()).finish()
    }
}

/// Why [`TaskGroup::start`] did not start a child.
///
/// # Examples
///
/// See [`TaskGroup::start`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError<E> {
    /// The child failed before it was ready. The group has no part in it.
    Failed(E),
    /// The child ended without saying that it is ready, or can never say so any more.
    NeverReady,
    /// The child was cancelled before it was ready, or the group was closed.
    Cancelled(CancelReason),
    /// The child panicked before it was ready, with this message.
    Panicked(String),
}

impl<E: fmt::Display> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "the task failed to start: {error}"),
            Self::NeverReady => f.write_str("the task was never ready"),
            Self::Cancelled(reason) => {
                write!(f, "the task was cancelled before it was ready: {reason}")
            }
            Self::Panicked(message) => {
                write!(f, "the task panicked before it was ready: {message}")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display + 'static> Error for StartError<E> {
    /// What the child failed with, if that is a [`BoxError`]; others show it in their text alone.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let Self::Failed(error) = self else { return None };
        let boxed = (error as &dyn Any).downcast_ref::<BoxError>();
        boxed.map(|error| &**error as _)
    }
}

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
        let future = body(Ready { to: Some(talk.clone()) });
        talk.state.lock().handed_over = true;
        let manner = Starting { talk: talk.clone(), timed: Timed::new(deadline), outcome: None };
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

/// What a child and its starter have to say to each other.
struct Talk<S, E> {
    state: Mutex<State<S, E>>,
}

struct State<S, E> {
    stage: Stage<S, E>,
    /// The starter's.
    waker: Option<Waker>,
    /// The child's, once it was polled.
    scope: Option<ScopeHandle>,
    /// The child's closure has returned. A `Ready` that is dropped before was never in the child.
    handed_over: bool,
    /// The child can no longer say that it is ready, for it has dropped its `Ready`.
    unready: bool,
    /// Why the starter does not wait any more, or only for the child to be gone.
    gave_up: Option<CancelReason>,
    /// The starter is gone; these wait in its stead.
    orphan: Option<Orphan>,
    gone: bool,
}

enum Stage<S, E> {
    /// The child can still become ready.
    Starting,
    /// It is the group's; the starter has not taken the value yet.
    Ready(S),
    /// It has ended before it was ready, and is not gone yet.
    Ending,
    /// It is gone.
    Ended(StartError<E>),
    /// The starter knows, or is gone.
    Belongs,
}

/// What a `Ready` needs to know of a `Talk`.
trait Told<S>: Send + Sync {
    fn ready(&self, value: S) -> Result<(), S>;
    fn never(&self);
}

const GAVE_UP: &str = "whoever started the task does not wait any more";
const NEVER_READY: &str = "the task can never be ready";

impl<S, E> Talk<S, E> {
    fn new() -> Self {
        Self {
            state: Mutex::new(State {
                stage: Stage::Starting,
                waker: None,
                scope: None,
                handed_over: false,
                unready: false,
                gave_up: None,
                orphan: None,
                gone: false,
            }),
        }
    }

    // ---- the starter

    /// What has become of the child; if nothing yet, wakes `waker` when there is.
    fn answer(&self, waker: &Waker) -> Option<Result<S, StartError<E>>> {
        let waker = waker.clone();
        let mut state = self.state.lock();
        let answer = match replace(&mut state.stage, Stage::Belongs) {
            Stage::Ready(value) => Some(Ok(value)),
            Stage::Ended(error) => Some(Err(error)),
            stage => {
                state.stage = stage;
                None
            }
        };
        let old = match answer {
            None => state.waker.replace(waker),
            Some(_) => Some(waker),
        };
        drop(state);
        drop(old);
        answer
    }

    /// Cancels a child that is not ready.
    fn give_up(&self, reason: CancelReason) {
        let mut state = self.state.lock();
        if !matches!(state.stage, Stage::Starting) || state.gave_up.is_some() {
            return;
        }
        state.gave_up = Some(reason);
        let scope = state.scope.clone();
        drop(state);
        scope.into_iter().for_each(|scope| scope.cancel(GAVE_UP));
    }

    /// The starter is gone: `scope` and those around it wait for a child that is not ready.
    fn leave(&self, scope: &Scope) {
        self.give_up(GAVE_UP.into());
        let orphan = scope.adopt();
        let mut state = self.state.lock();
        state.gone = true;
        let waker = state.waker.take();
        let (stage, orphan) = match &state.stage {
            Stage::Starting | Stage::Ending => {
                state.orphan = Some(orphan);
                (None, None)
            }
            _ => (Some(replace(&mut state.stage, Stage::Belongs)), Some(orphan)),
        };
        drop(state);
        drop(waker);
        drop_quietly(stage);
        drop(orphan);
    }

    // ---- the child

    /// Before the child's first poll; with a reason, it does not begin.
    fn begin(&self, scope: &ScopeHandle) -> Option<CancelReason> {
        let mut state = self.state.lock();
        if state.gave_up.is_some() {
            return Some(GAVE_UP.into());
        }
        state.scope = Some(scope.clone());
        let unready = state.unready;
        drop(state);
        if unready {
            scope.cancel(NEVER_READY);
        }
        None
    }

    /// The child has ended. `Some` if it was not ready: whether it can never have been, and why the starter gave up.
    fn end(&self) -> Option<(bool, Option<CancelReason>)> {
        let mut state = self.state.lock();
        match state.stage {
            Stage::Starting => {
                state.stage = Stage::Ending;
                Some((state.unready, state.gave_up.clone()))
            }
            _ => None,
        }
    }

    /// The child is gone, and was not ready.
    fn be_gone(&self, outcome: Option<StartError<E>>) {
        let mut state = self.state.lock();
        let mut unwanted = outcome;
        if let Stage::Starting | Stage::Ending = state.stage {
            state.stage = match state.gone {
                true => Stage::Belongs,
                // Without an outcome it was dropped together with its runtime.
                false => Stage::Ended(
                    unwanted.take().unwrap_or(StartError::Cancelled(CancelReason::Shutdown)),
                ),
            };
        }
        let (waker, orphan) = (state.waker.take(), state.orphan.take());
        drop(state);
        drop_quietly(unwanted);
        waker.into_iter().for_each(Waker::wake);
        drop(orphan);
    }
}

impl<S: Send, E: Send> Told<S> for Talk<S, E> {
    fn ready(&self, value: S) -> Result<(), S> {
        let mut state = self.state.lock();
        if !matches!(state.stage, Stage::Starting) || state.gave_up.is_some() {
            return Err(value);
        }
        state.stage = Stage::Ready(value);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn never(&self) {
        let mut state = self.state.lock();
        let cancelled = state.scope.as_ref().is_some_and(ScopeHandle::is_cancelled);
        if !matches!(state.stage, Stage::Starting) || !state.handed_over || cancelled {
            return;
        }
        state.unready = true;
        let scope = state.scope.clone();
        drop(state);
        scope.into_iter().for_each(|scope| scope.cancel(NEVER_READY));
    }
}

/// The manner of a child that somebody waits for.
struct Starting<S, E> {
    talk: Arc<Talk<S, E>>,
    timed: Timed,
    /// Why it was not ready, until it is gone.
    outcome: Option<StartError<E>>,
}

impl<S, T, E> Manner<T, E> for Starting<S, E> {
    fn before(
        &mut self,
        turn: &mut Turn,
        scope: impl FnOnce() -> ScopeHandle,
    ) -> Option<CancelReason> {
        if self.timed.scope().is_some() {
            return None;
        }
        self.timed.begin(turn, scope);
        self.talk.begin(self.timed.scope()?)
    }

    fn rest(&mut self, core: &Core) {
        self.timed.look(core);
    }

    fn end(&mut self, member: &mut Member<E>, ended: Ended<Result<T, E>>) -> Result<T, TaskError> {
        let Some((unready, gave_up)) = self.talk.end() else {
            return self.timed.end(member, ended);
        };
        let missed = self.timed.has_missed(&ended, member.core());
        let error = member.fail_to_start(ended, missed);
        // A cancellation is never taken for the child's own doing, nor the other way round.
        self.outcome = Some(match error {
            StartError::NeverReady | StartError::Cancelled(_) => {
                let cut = || self.timed.scope().filter(|_| !unready)?.reason();
                match gave_up.or_else(cut) {
                    Some(reason) => StartError::Cancelled(reason),
                    None if unready => StartError::NeverReady,
                    None => error,
                }
            }
            error => error,
        });
        Err(TaskError::Failed)
    }
}

impl<S, E> Drop for Starting<S, E> {
    fn drop(&mut self) {
        self.talk.be_gone(self.outcome.take());
    }
}
