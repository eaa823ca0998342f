use std::error::Error;

use tidegate_timeout::Cancelled;

use crate::panicked::Panicked;

/// What an [`ErrorGroup`](crate::ErrorGroup) has to say that is not an error of a child or of the body.
#[derive(Clone, Debug)]
pub enum Report {
    /// A captured panic.
    Panicked(Panicked),
    /// The group was cancelled and has nothing else to show for it.
    Cancelled(Cancelled),
}

impl Report {
    pub(crate) fn as_error(&self) -> &(dyn Error + 'static) {
        match self {
            Self::Panicked(panicked) => panicked,
            Self::Cancelled(cancelled) => cancelled,
        }
    }
}
