use std::error::Error;

use tidegate_timeout::{CancelReason, Cancelled};

use super::ErrorGroup;
use super::forest::Entry;
use super::view::View;
use crate::failure::Failure;
use crate::origin::Origin;
use crate::report::Report;
use crate::task_error::TaskError;

/// Something to add to a group, made before any lock is taken.
pub(crate) enum Member<E> {
    Leaf(Entry<E>, View<E>),
    Group(ErrorGroup<E>, Origin),
}

impl<E> Member<E> {
    pub(crate) fn new(error: E, origin: Origin, ways: &Ways<E>) -> Self {
        match (ways.into_group)(error) {
            Ok(group) => Self::Group(group, origin),
            Err(error) => Self::Leaf(Entry::Error(error, origin), ways.view),
        }
    }

    pub(crate) fn report(report: Report, origin: Origin, ways: &Ways<E>) -> Self {
        let leaf = match (ways.from_report)(report) {
            Ok(error) => Entry::Error(error, origin),
            Err(report) => Entry::Other(report, origin),
        };
        Self::Leaf(leaf, ways.view)
    }

    /// Whether this only says that a task failed whose error the group has.
    pub(crate) fn is_echo(&self) -> bool {
        let Self::Leaf(Entry::Error(error, _), view) = self else { return false };
        let task_error = view.as_error(error).and_then(<dyn Error>::downcast_ref::<TaskError>);
        task_error.is_some_and(TaskError::is_echo)
    }
}

/// Errors that found no room, to be dropped where no lock is held.
pub(crate) struct Surplus<E>(
    #[expect(dead_code, reason = "only ever dropped")] pub(super) Vec<Entry<E>>,
);

/// All that a group needs to know about its `E`, so that only the one who opens it names a bound.
pub(crate) struct Ways<E> {
    view: View<E>,
    into_group: fn(E) -> Result<ErrorGroup<E>, E>,
    from_report: fn(Report) -> Result<E, Report>,
}

impl<E> Ways<E> {
    pub(crate) fn new<Kind>() -> Self
    where
        E: Failure<Kind>,
    {
        Self { view: View::new(), into_group: E::into_group, from_report: E::from_report }
    }

    /// Why whoever failed with `error` was cancelled, if that is all that it says.
    pub(crate) fn cancelled(&self, error: &E) -> Option<CancelReason> {
        let cancelled = self.view.as_error(error)?.downcast_ref::<Cancelled>()?;
        Some(cancelled.reason())
    }
}
