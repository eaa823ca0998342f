//! What became of a download.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;

/// What became of one download.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::{Failure, Outcome};
///
/// let outcome = Outcome::Failed(Failure::TimedOut(std::time::Duration::from_millis(3100)));
/// assert_eq!(outcome.to_string(), "error: no answer within 3.1s");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The file is here, whole.
    Downloaded {
        /// Where it is.
        path: PathBuf,
        /// How long it is.
        bytes: u64,
    },
    /// The file was here already.
    Kept {
        /// Where it is.
        path: PathBuf,
    },
    /// The server has no such file.
    NotFound,
    /// Something else went wrong.
    Failed(Failure),
}

/// As it stands in a line about one file: `OK`, `kept`, `not found`, `error: …`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Downloaded { .. } => f.write_str("OK"),
            Self::Kept { .. } => f.write_str("kept"),
            Self::NotFound => f.write_str("not found"),
            Self::Failed(failure) => write!(f, "error: {failure}"),
        }
    }
}

/// Why a file could not be downloaded.
///
/// The texts tell kinds of failure apart, not single ones: no URL and no count is in them, so that equal
/// failures can be counted together.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::Failure;
///
/// assert_eq!(Failure::ConnectionRefused.to_string(), "connection refused");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Nobody listens there.
    #[error("connection refused")]
    ConnectionRefused,
    /// There is no way to the server.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The server broke the connection before it had answered.
    #[error("connection broken: {0}")]
    Connection(String),
    /// The answer was not complete in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection ended in the middle of the body.
    #[error("the body broke off")]
    BrokenBody,
    /// The server answered with a status that is no success.
    #[error("{0}")]
    Status(StatusCode),
    /// One redirect led to another, and that to another.
    #[error("too many redirects")]
    TooManyRedirects,
    /// A redirect led nowhere.
    #[error("bad redirect: {0}")]
    BadRedirect(String),
    /// The server asked to wait for longer than the user would.
    #[error("the server asks to wait for {}", rough(*.0))]
    WaitTooLong(Duration),
    /// The server refused every request for a good while.
    #[error("the server refuses everything ({0})")]
    AlwaysRefused(StatusCode),
    /// The server let others through and refused this one every time.
    #[error("refused again and again ({0})")]
    Refused(StatusCode),
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The file could not be written.
    #[error("cannot save: {0}")]
    Save(String),
}

impl Failure {
    /// Whether trying again soon may help.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_fetch::Failure;
    ///
    /// assert!(Failure::BrokenBody.is_transient());
    /// assert!(!Failure::DiskFull.is_transient());
    /// ```
    pub fn is_transient(&self) -> bool {
        match self {
            Self::ConnectionRefused
            | Self::Connect(_)
            | Self::Connection(_)
            | Self::TimedOut(_)
            | Self::BrokenBody => true,
            Self::Status(status) => {
                status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT
            }
            _ => false,
        }
    }

    /// Why no answer came.
    pub(crate) fn of_sending(error: &reqwest::Error) -> Self {
        let cause = root(error);
        match io_kind(error) {
            Some(io::ErrorKind::ConnectionRefused) => Self::ConnectionRefused,
            _ if error.is_connect() => Self::Connect(cause),
            _ => Self::Connection(cause),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull,
            _ => Self::Save(error.to_string()),
        }
    }
}

/// The kind of the innermost I/O error.
fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last().map(io::Error::kind)
}

/// What the innermost error says, which is what the outer ones are about.
fn root(error: &reqwest::Error) -> String {
    let text = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    // It may quote the server.
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// A time as a person would say it, rounded up: nobody waits for the fraction of a second.
fn rough(time: Duration) -> String {
    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;
    const YEAR: u64 = 365 * DAY;
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    match seconds {
        0..HOUR => format!("{seconds}s"),
        HOUR..DAY => format!("{}h", seconds.div_ceil(HOUR)),
        DAY..YEAR => format!("{} days", seconds.div_ceil(DAY)),
        YEAR.. => "a year or more".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_said_in_few_words() {
        for (time, said) in [
            (Duration::from_millis(1), "1s"),
            (Duration::from_secs(60), "60s"),
            (Duration::from_secs(3600), "1h"),
            (Duration::from_secs(999_999), "12 days"),
            (Duration::MAX, "a year or more"),
        ] {
            let failure = Failure::WaitTooLong(time);
            assert_eq!(failure.to_string(), format!("the server asks to wait for {said}"));
        }
    }
}
