// How it works
//
// A child is polled, and dropped, with the context variables that were set where it was spawned, and in the `tracing`
// span that was entered there; its scope it has from the group. It is so for every child, also where nothing was set:
// what polls it may itself be inside of something, as a runtime in the middle of a call.

use tidegate_timeout::{InVars, Vars};

/// A child's future, and what it has from where it was spawned.
#[cfg(not(feature = "tracing"))]
pub(crate) type Heir<F> = InVars<F>;

/// A child's future, and what it has from where it was spawned.
#[cfg(feature = "tracing")]
pub(crate) type Heir<F> = InVars<tracing::instrument::Instrumented<F>>;

/// Lets `future` inherit what there is here and now.
pub(crate) fn inherit<F: Future>(future: F) -> Heir<F> {
    #[cfg(feature = "tracing")]
    let future = tracing::Instrument::in_current_span(future);
    Vars::current().run(future)
}
