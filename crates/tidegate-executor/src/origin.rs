use std::panic::Location;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::crew::Crew;
use crate::inherit::Inherited;
use crate::lender::Lender;

/// Where a job was asked for, and what it takes along from there.
pub(crate) struct Origin {
    pub(crate) location: &'static Location<'static>,
    pub(crate) inherited: Inherited,
    pub(crate) runtime: Option<Handle>,
    /// Stands still while the caller waits.
    pub(crate) clock: Clock,
    /// Whose job it is; none if it runs in somebody else's executor.
    pub(crate) crew: Option<Arc<Crew>>,
    pub(crate) lenders: Option<Arc<Lender>>,
    /// Whether it is an inner job of its crew, see `crew.rs`.
    pub(crate) inner: bool,
}

impl Origin {
    /// That of a job that is asked for here and now.
    pub(crate) fn here(crew: Option<Arc<Crew>>, location: &'static Location<'static>) -> Self {
        let runtime = Handle::try_current().ok();
        let lenders = Lender::current();
        Self {
            location,
            inherited: Inherited::here(),
            clock: Clock::hold(runtime.as_ref()),
            runtime,
            inner: crew.as_ref().is_some_and(|crew| Lender::lends(lenders.as_ref(), crew)),
            crew,
            lenders,
        }
    }
}
