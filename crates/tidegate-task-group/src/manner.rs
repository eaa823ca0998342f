// How it works
//
// Most children are simply spawned. Some have a deadline, some have somebody who waits until they are ready. What is
// different about those is in a `Manner` that the child has along; the manner of all others is `()`, of which nothing
// is left in the compiled code.

use tidegate_timeout::scope::Ended;
use tidegate_timeout::{CancelReason, Deadline, ScopeHandle};

use crate::child::Member;
use crate::core::Core;
use crate::task_error::TaskError;
use crate::turn::Turn;

/// What is different about a child that was not simply spawned.
pub(crate) trait Manner<T, E> {
    /// Before each poll; `scope` is the child's. With a reason, the child does not begin.
    fn before(
        &mut self,
        turn: &mut Turn,
        scope: impl FnOnce() -> ScopeHandle,
    ) -> Option<CancelReason>;

    /// After a poll that left it pending.
    fn rest(&mut self, core: &Core);

    /// Whether its result concerns the group.
    fn is_the_groups(&self) -> bool {
        true
    }

    /// Reports the outcome to whom it concerns.
    fn end(&mut self, member: &mut Member<E>, ended: Ended<Result<T, E>>) -> Result<T, TaskError>;
}

impl<T, E> Manner<T, E> for () {
    #[inline]
    fn before(&mut self, _: &mut Turn, _: impl FnOnce() -> ScopeHandle) -> Option<CancelReason> {
        None
    }

    #[inline]
    fn rest(&mut self, _: &Core) {}

    #[inline]
    fn end(&mut self, member: &mut Member<E>, ended: Ended<Result<T, E>>) -> Result<T, TaskError> {
        member.end(ended)
    }
}

/// The manner of a child that has a deadline of its own.
pub(crate) struct Timed {
    deadline: Deadline,
    /// From the first poll on.
    scope: Option<ScopeHandle>,
    /// It was seen cleaning up because of its own deadline.
    missed: bool,
}

impl Timed {
    pub(crate) fn new(deadline: Deadline) -> Self {
        Self { deadline, scope: None, missed: false }
    }

    /// The child's scope, once it was polled.
    pub(crate) fn scope(&self) -> Option<&ScopeHandle> {
        self.scope.as_ref()
    }

    /// At the first poll: sets the deadline, for the time in line as well.
    pub(crate) fn begin(&mut self, turn: &mut Turn, scope: impl FnOnce() -> ScopeHandle) {
        if self.scope.is_none() {
            let scope = self.scope.insert(scope());
            if self.deadline != Deadline::NEVER {
                scope.reschedule(self.deadline);
                turn.set_deadline(self.deadline);
            }
        }
    }

    /// Looks whether it was the deadline of this child, and not one around, that cancelled it.
    pub(crate) fn look(&mut self, core: &Core) {
        let deadline = Some(CancelReason::Deadline);
        let is_late = |scope: &ScopeHandle| scope.is_cancelled() && scope.reason() == deadline;
        if self.scope.as_ref().is_some_and(is_late) && !core.children.is_cancelled() {
            self.missed = true;
        }
    }

    /// Whether a child that ended like this has missed its own deadline.
    pub(crate) fn has_missed<R>(&self, ended: &Ended<R>, core: &Core) -> bool {
        let Ended::Cancelled(reason) = ended else { return false };
        let is_own = *reason == CancelReason::Deadline && !core.children.is_cancelled();
        self.deadline != Deadline::NEVER && (self.missed || is_own)
    }
}

impl<T, E> Manner<T, E> for Timed {
    fn before(
        &mut self,
        turn: &mut Turn,
        scope: impl FnOnce() -> ScopeHandle,
    ) -> Option<CancelReason> {
        self.begin(turn, scope);
        None
    }

    fn rest(&mut self, core: &Core) {
        self.look(core);
    }

    fn end(&mut self, member: &mut Member<E>, ended: Ended<Result<T, E>>) -> Result<T, TaskError> {
        match self.has_missed(&ended, member.core()) {
            true => Err(member.miss_deadline()),
            false => member.end(ended),
        }
    }
}
