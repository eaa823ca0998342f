use std::io;
use std::panic::Location;

use tidegate_timeout::CancelReason;

/// Why [`Runner::try_run`](crate::Runner::try_run) has no value.
///
/// # Examples
///
/// ```
/// use tidegate_executor::{RunError, Runner};
///
/// # fn main() -> std::io::Result<()> {
/// match Runner::builder().build()?.try_run(async { 5 }) {
///     Ok(value) => assert_eq!(value, 5),
///     Err(RunError::Cancelled { reason, .. }) => println!("{reason}"),
///     Err(error) => println!("{error}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The main future was dropped.
    #[error("cancelled: {reason}")]
    #[non_exhaustive]
    Cancelled {
        /// Why.
        reason: CancelReason,
        /// The number of the first signal, if there was one.
        signal: Option<u8>,
    },
    /// Called, at this place, by code that a runtime polls: await the future there instead.
    #[error("a runner cannot run inside of async code, as tried at {0}: await the future instead")]
    Nested(&'static Location<'static>),
    /// The system has no signals or no threads to give.
    #[error("cannot start a runner")]
    Io(#[from] io::Error),
}

impl RunError {
    /// The code to exit with: 128 and the signal's number, or 1.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Cancelled { signal: Some(signal), .. } => 128 + signal,
            _ => 1,
        }
    }
}
