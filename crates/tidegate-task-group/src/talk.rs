// How it works
//
// A child that is started, its `Ready` and its starter share a `Talk`, which says who is concerned by the child's end:
//
//     Starting ──set──▶ Ready ──the starter takes the value, or leaves──▶ Settled
//        └──it ends──▶ Ending ──it is gone──▶ Ended ──the starter takes the error──▶ Settled
//
// While it is starting, the starter is; from `Ready` on, the group. The step from one to the other is taken under the
// lock, so nobody is told twice, and nobody not at all. The starter has its answer only when the child is gone: its
// future was dropped, and the group does not count it any more.

use std::mem::replace;
use std::sync::Arc;
use std::task::Waker;

use tidegate_shim::Mutex;
use tidegate_timeout::scope::{Ended, Orphan, Scope};
use tidegate_timeout::{CancelReason, ScopeHandle};

use crate::child::Member;
use crate::core::Core;
use crate::manner::{Manner, Timed};
use crate::panicked::drop_quietly;
use crate::ready::Told;
use crate::start_error::StartError;
use crate::task_error::TaskError;
use crate::turn::Turn;

/// What a child and its starter have to say to each other.
pub(crate) struct Talk<S, E> {
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
    Settled,
}

const GAVE_UP: &str = "whoever started the task does not wait any more";
const NEVER_READY: &str = "the task can never be ready";

impl<S, E> Talk<S, E> {
    pub(crate) fn new() -> Self {
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

    /// The child's closure has returned: the `Ready` is in the child, or gone.
    pub(crate) fn hand_over(&self) {
        self.state.lock().handed_over = true;
    }

    /// What has become of the child; if nothing yet, wakes `waker` when there is.
    pub(crate) fn answer(&self, waker: &Waker) -> Option<Result<S, StartError<E>>> {
        let waker = waker.clone();
        let mut state = self.state.lock();
        let answer = match replace(&mut state.stage, Stage::Settled) {
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
    pub(crate) fn give_up(&self, reason: CancelReason) {
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
    pub(crate) fn leave(&self, scope: &Scope) {
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
            _ => (Some(replace(&mut state.stage, Stage::Settled)), Some(orphan)),
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

    /// Whether the child said that it is ready.
    fn was_ready(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Ready(_) | Stage::Settled)
    }

    /// The child has ended. An error if it was not ready: with why the starter gave up, if it did.
    fn end(&self) -> Result<(), Option<CancelReason>> {
        let mut state = self.state.lock();
        match state.stage {
            Stage::Starting => {
                state.stage = Stage::Ending;
                Err(state.gave_up.clone())
            }
            _ => Ok(()),
        }
    }

    /// The child is gone, and was not ready.
    fn be_gone(&self, outcome: Option<StartError<E>>) {
        let mut state = self.state.lock();
        let mut unwanted = outcome;
        if let Stage::Starting | Stage::Ending = state.stage {
            state.stage = match state.gone {
                true => Stage::Settled,
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
        if !matches!(state.stage, Stage::Starting) || !state.handed_over {
            return;
        }
        state.unready = true;
        let scope = state.scope.clone();
        drop(state);
        scope.into_iter().for_each(|scope| scope.cancel(NEVER_READY));
    }
}

/// The manner of a child that somebody waits for.
pub(crate) struct Starting<S, E> {
    talk: Arc<Talk<S, E>>,
    timed: Timed,
    /// Why it was not ready, until it is gone.
    outcome: Option<StartError<E>>,
}

impl<S, E> Starting<S, E> {
    pub(crate) fn new(talk: Arc<Talk<S, E>>, timed: Timed) -> Self {
        Self { talk, timed, outcome: None }
    }
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

    fn is_the_groups(&self) -> bool {
        self.talk.was_ready()
    }

    fn end(&mut self, member: &mut Member<E>, ended: Ended<Result<T, E>>) -> Result<T, TaskError> {
        let Err(gave_up) = self.talk.end() else { return self.timed.end(member, ended) };
        let missed = self.timed.has_missed(&ended, member.core());
        let error = member.fail_to_start(ended, missed);
        // A cancellation is never taken for the child's own doing, nor the other way round.
        let cut = match &error {
            StartError::Cancelled(reason) => Some(reason.clone()),
            StartError::NeverReady => self.timed.scope().and_then(ScopeHandle::reason),
            StartError::Failed(_) | StartError::Panicked(_) => {
                self.outcome = Some(error);
                return Err(TaskError::Failed);
            }
        };
        self.outcome = Some(match gave_up.or(cut) {
            Some(reason) if reason != NEVER_READY.into() => StartError::Cancelled(reason),
            _ => StartError::NeverReady,
        });
        Err(TaskError::Failed)
    }
}

impl<S, E> Drop for Starting<S, E> {
    fn drop(&mut self) {
        self.talk.be_gone(self.outcome.take());
    }
}
