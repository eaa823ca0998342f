// How it works
//
// Children write down what went wrong in the ledger as they end; the scope reads it when everybody has ended. The
// body's own error is added last.
//
// A body that awaits a failed child and passes the failure on with `?` says nothing new. Such an echo is put aside
// and reported only if nobody else has anything to say.
//
// Values of the user's are made and dropped outside of the lock, and a panic in a destructor ends there: it must
// not keep a child from being counted as ended.

use std::any::Any;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_timeout::scope::Ended;
use tidegate_timeout::{CancelReason, Cancelled, Deadline};
use tokio::runtime::Handle;

use crate::core::Core;
use crate::error_group::{ErrorGroup, Member, Surplus, Ways};
use crate::origin::{Name, Origin};
use crate::panicked::{Panicked, drop_quietly, message_of};
use crate::policy::{OnPanic, Policy};
use crate::report::Report;
use crate::start_error::StartError;
use crate::task_error::TaskError;
use crate::tree::TaskTree;

/// What all handles and children of a group share.
pub(crate) struct Shared<E> {
    pub(crate) core: Arc<Core>,
    pub(crate) rules: Rules,
    /// Where children are spawned, also from threads that are not in a runtime.
    pub(crate) runtime: Option<Handle>,
    ways: Ways<E>,
    ledger: Mutex<Ledger<E>>,
}

/// What the builder was told.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) name: Option<Name>,
    pub(crate) policy: Policy,
    pub(crate) on_panic: OnPanic,
    pub(crate) grace: Option<Duration>,
    pub(crate) location: &'static Location<'static>,
}

/// What has gone wrong so far.
struct Ledger<E> {
    errors: Option<ErrorGroup<E>>,
    /// The first error that says no more than that a task failed.
    echo: Option<Member<E>>,
    panic: Option<Box<dyn Any + Send>>,
    /// A child has succeeded, and that is what counts.
    won: bool,
}

/// How the body ended.
pub(crate) enum BodyEnd<T, E> {
    Value(T),
    Failed(Member<E>),
    /// The ledger has the panic.
    Panicked,
    /// With the whole group, or alone.
    Cancelled(CancelReason),
}

/// What the scope makes of it all.
pub(crate) enum Verdict<T, E> {
    Done(Result<T, ErrorGroup<E>>),
    Resume(Box<dyn Any + Send>),
    /// A scope around was cancelled and there is nothing to report: it takes over from here.
    LeaveToOuter,
}

impl<E> Shared<E> {
    pub(crate) fn new(core: Arc<Core>, rules: Rules, ways: Ways<E>) -> Self {
        let runtime = Handle::try_current().ok();
        Self { core, rules, runtime, ways, ledger: Mutex::default() }
    }

    /// Asks everybody to stop. With a grace, they have that long from the first time on.
    pub(crate) fn request_stop(&self) {
        if self.core.is_over() {
            return;
        }
        if let Some(grace) = self.rules.grace {
            // It is the group's clock that counts, wherever this is called.
            let _inside = self.runtime.as_ref().map(Handle::enter);
            if self.core.stop_by.set(Deadline::after(grace)).is_ok() {
                self.core.signal.wake();
            }
        }
        self.core.handle.request_stop();
    }

    /// How somebody ended whose scope was cancelled: code that found that out by itself, and passes it on with `?`,
    /// was cancelled and has not failed.
    pub(crate) fn echoed<T>(&self, ended: Ended<Result<T, E>>) -> Ended<Result<T, E>> {
        let Ended::Value(Err(error)) = &ended else { return ended };
        let Some(reason) = self.ways.cancelled(error) else { return ended };
        drop_quietly(ended);
        Ended::Cancelled(reason)
    }

    pub(crate) fn tree(&self) -> TaskTree {
        // It is the group's clock that counts, wherever this is called.
        let _inside = self.runtime.as_ref().map(Handle::enter);
        TaskTree::of(&self.core)
    }

    /// A child will end with `result`, when what it left behind is gone. The others hear of it now.
    pub(crate) fn child_will_end<T>(&self, result: &Result<T, E>) {
        match (self.rules.policy, result) {
            (Policy::FailFast, Err(error)) => self.will_fail(error),
            (Policy::FirstSuccess, Ok(_)) => self.win(),
            _ => {}
        }
    }

    /// As [`child_will_end`](Self::child_will_end), for the body.
    pub(crate) fn body_will_end<T>(&self, result: &Result<T, E>) {
        if let (true, Err(error)) = (self.rules.policy != Policy::CollectAll, result) {
            self.will_fail(error);
        }
    }

    fn will_fail(&self, error: &E) {
        // What may be an echo of a cancellation is only known to be none if there was no cancellation.
        if self.ways.cancelled(error).is_none() {
            self.core.handle.cancel(CancelReason::SiblingFailed);
        }
    }

    /// Takes note of how a child ended.
    pub(crate) fn child_ended<T>(
        &self,
        ended: Ended<Result<T, E>>,
        origin: impl FnOnce() -> Origin,
    ) -> Result<T, TaskError> {
        let tally = &self.core.tally;
        match ended {
            Ended::Value(Ok(value)) => {
                if self.rules.policy == Policy::FirstSuccess {
                    self.win();
                }
                Ok(value)
            }
            Ended::Value(Err(error)) => {
                tally.failed.fetch_add(1, Ordering::Relaxed);
                self.child_failed(|ways| Member::new(error, origin(), ways));
                Err(TaskError::Failed)
            }
            Ended::Panicked(payload) => {
                tally.panicked.fetch_add(1, Ordering::Relaxed);
                let message = message_of(&*payload);
                match self.rules.on_panic {
                    OnPanic::Propagate => self.note_panic(payload),
                    OnPanic::Capture => {
                        let report = Report::Panicked(Panicked::from_payload(payload));
                        self.child_failed(|ways| Member::report(report, origin(), ways));
                    }
                }
                Err(TaskError::Panicked(message))
            }
            Ended::Cancelled(reason) => {
                self.child_cancelled();
                Err(TaskError::Cancelled(reason))
            }
        }
    }

    /// Takes note of a child that was cancelled by its own deadline.
    pub(crate) fn child_missed_deadline(&self, origin: Origin) -> TaskError {
        self.core.tally.failed.fetch_add(1, Ordering::Relaxed);
        let report = Report::Cancelled(Cancelled::new(CancelReason::Deadline));
        self.child_failed(|ways| Member::report(report, origin, ways));
        TaskError::Cancelled(CancelReason::Deadline)
    }

    /// Takes note of a child that ended before it was ready, `missed` if by its own deadline.
    ///
    /// It is counted, and that is all: what went wrong concerns its starter. But a panic may concern everybody.
    pub(crate) fn start_failed<T>(
        &self,
        ended: Ended<Result<T, E>>,
        missed: bool,
    ) -> StartError<E> {
        let tally = &self.core.tally;
        match ended {
            Ended::Value(Ok(value)) => {
                drop_quietly(value);
                StartError::NeverReady
            }
            Ended::Value(Err(error)) => {
                tally.failed.fetch_add(1, Ordering::Relaxed);
                StartError::Failed(error)
            }
            Ended::Panicked(payload) => {
                tally.panicked.fetch_add(1, Ordering::Relaxed);
                let message = message_of(&*payload);
                match self.rules.on_panic {
                    OnPanic::Propagate => self.note_panic(payload),
                    OnPanic::Capture => drop_quietly(payload),
                }
                StartError::Panicked(message)
            }
            Ended::Cancelled(reason) => {
                match missed {
                    true => drop(tally.failed.fetch_add(1, Ordering::Relaxed)),
                    false => self.child_cancelled(),
                }
                StartError::Cancelled(reason)
            }
        }
    }

    pub(crate) fn child_cancelled(&self) {
        let tally = &self.core.tally;
        tally.cancelled.fetch_add(1, Ordering::Relaxed);
        if self.core.handle.is_cancelled() {
            // Relaxed: the scope reads it when the child has left, which orders the two.
            tally.cut_off.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn child_failed(&self, member: impl FnOnce(&Ways<E>) -> Member<E>) {
        let member = member(&self.ways);
        match self.rules.policy {
            Policy::Supervise => drop_quietly(member),
            Policy::FailFast => {
                self.note(member);
                self.core.handle.cancel(CancelReason::SiblingFailed);
            }
            Policy::CollectAll | Policy::FirstSuccess => self.note(member),
        }
    }

    fn note(&self, member: Member<E>) {
        let mut ledger = self.ledger.lock();
        let superfluous = ledger.note(member, &self.rules);
        drop(ledger);
        drop_quietly(superfluous);
    }

    /// The first panic is kept, and ends the group.
    fn note_panic(&self, payload: Box<dyn Any + Send>) {
        let mut ledger = self.ledger.lock();
        let later = match ledger.panic {
            Some(_) => Some(payload),
            None => ledger.panic.replace(payload),
        };
        drop(ledger);
        drop_quietly(later);
        self.core.handle.cancel(CancelReason::SiblingFailed);
    }

    fn win(&self) {
        let first = !std::mem::replace(&mut self.ledger.lock().won, true);
        if first {
            self.core.children.cancel("another task succeeded");
        }
    }

    /// Takes note of how the body ended; cancels the children if it did not give a value.
    pub(crate) fn body_ended<T>(&self, mut ended: Ended<Result<T, E>>) -> BodyEnd<T, E> {
        if self.core.handle.is_cancelled() {
            ended = self.echoed(ended);
        }
        let end = match ended {
            Ended::Value(Ok(value)) => return BodyEnd::Value(value),
            Ended::Cancelled(reason) => {
                self.end_children(reason.clone());
                return BodyEnd::Cancelled(reason);
            }
            Ended::Value(Err(error)) => {
                BodyEnd::Failed(Member::new(error, self.origin(), &self.ways))
            }
            Ended::Panicked(payload) => match self.rules.on_panic {
                OnPanic::Propagate => {
                    self.note_panic(payload);
                    BodyEnd::Panicked
                }
                OnPanic::Capture => {
                    let report = Report::Panicked(Panicked::from_payload(payload));
                    BodyEnd::Failed(Member::report(report, self.origin(), &self.ways))
                }
            },
        };
        self.end_children(CancelReason::SiblingFailed);
        end
    }

    /// Cancels the children, whose body has not given a value.
    fn end_children(&self, why: CancelReason) {
        if self.rules.policy != Policy::CollectAll {
            self.core.handle.cancel(why);
        }
    }

    /// What comes out of the group, once everybody has ended. `dropped`: a scope around was cancelled and drops it.
    pub(crate) fn conclude<T>(&self, body: BodyEnd<T, E>, dropped: bool) -> Verdict<T, E> {
        let cut_off = self.core.tally.cut_off.load(Ordering::Relaxed) > 0;
        let body = match body {
            // As nearly always.
            BodyEnd::Value(value) if !cut_off && self.ledger.lock().is_empty() => {
                return Verdict::Done(Ok(value));
            }
            body => body,
        };
        let mut ledger = std::mem::take(&mut *self.ledger.lock());
        if let Some(payload) = ledger.panic.take() {
            drop_quietly((ledger, body));
            return Verdict::Resume(payload);
        }
        if ledger.won {
            drop_quietly((ledger.errors.take(), ledger.echo.take()));
        }
        let mut reason = self.core.handle.reason();
        let mut cut = cut_off;
        let value = match body {
            BodyEnd::Value(value) => Some(value),
            BodyEnd::Failed(member) => {
                drop_quietly(ledger.note_last(member, &self.rules));
                None
            }
            BodyEnd::Panicked => None,
            BodyEnd::Cancelled(why) => {
                cut = true;
                reason = reason.or(Some(why));
                None
            }
        };
        if cut && !dropped && reason == Some(CancelReason::Deadline) {
            let missed = self.cancelled(CancelReason::Deadline);
            drop_quietly(ledger.note_last(missed, &self.rules));
        }
        if let Some(errors) = ledger.into_errors(&self.rules) {
            drop_quietly(value);
            return Verdict::Done(Err(errors));
        }
        match value {
            _ if cut && dropped => {
                drop_quietly(value);
                Verdict::LeaveToOuter
            }
            Some(value) => Verdict::Done(Ok(value)),
            None => {
                let reason = reason.unwrap_or(CancelReason::ParentCancelled);
                let mut errors = ErrorGroup::new(self.rules.message());
                let _ = errors.add(self.cancelled(reason));
                Verdict::Done(Err(errors))
            }
        }
    }

    fn cancelled(&self, reason: CancelReason) -> Member<E> {
        let report = Report::Cancelled(Cancelled::new(reason));
        Member::report(report, self.origin(), &self.ways)
    }

    /// Where the body's errors come from.
    fn origin(&self) -> Origin {
        Origin::at(self.rules.location)
    }
}

impl<E> Default for Ledger<E> {
    fn default() -> Self {
        Self { errors: None, echo: None, panic: None, won: false }
    }
}

impl<E> Ledger<E> {
    fn is_empty(&self) -> bool {
        self.errors.is_none() && self.echo.is_none() && self.panic.is_none()
    }

    /// Adds to the ledger; gives back what it does not need.
    fn note(&mut self, member: Member<E>, rules: &Rules) -> impl Sized + use<E> {
        self.note_by(ErrorGroup::add, member, rules)
    }

    /// As [`note`](Self::note), for the last: however many failed, it is not left out.
    fn note_last(&mut self, member: Member<E>, rules: &Rules) -> impl Sized + use<E> {
        self.note_by(ErrorGroup::add_last, member, rules)
    }

    fn note_by(
        &mut self,
        add: fn(&mut ErrorGroup<E>, Member<E>) -> Option<Surplus<E>>,
        member: Member<E>,
        rules: &Rules,
    ) -> impl Sized + use<E> {
        if member.is_echo() {
            if self.echo.is_none() {
                self.echo = Some(member);
                return (None, None);
            }
            return (Some(member), None);
        }
        let errors = self.errors.get_or_insert_with(|| ErrorGroup::new(rules.message()));
        (None, add(errors, member))
    }

    fn into_errors(self, rules: &Rules) -> Option<ErrorGroup<E>> {
        match (self.errors, self.echo) {
            (Some(errors), echo) => {
                drop_quietly(echo);
                Some(errors)
            }
            (None, Some(echo)) => {
                let mut errors = ErrorGroup::new(rules.message());
                drop_quietly(errors.add(echo));
                Some(errors)
            }
            (None, None) => None,
        }
    }
}

impl Rules {
    fn message(&self) -> String {
        match &self.name {
            Some(name) => format!("task group `{}` failed", name.as_str()),
            None => "task group failed".to_owned(),
        }
    }
}
