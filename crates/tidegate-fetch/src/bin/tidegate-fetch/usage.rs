//! What is wrong with a command line, in one line.

use std::fmt;
use std::process::ExitCode;

use crate::console::warn;

/// Why nothing was even tried.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl Usage {
    /// Exit code for arguments that cannot be carried out.
    pub(crate) const EXIT: u8 = 2;

    pub(crate) fn report(self) -> ExitCode {
        warn(format_args!("tidegate-fetch: {}", one_line(&self.0)));
        ExitCode::from(Self::EXIT)
    }
}

/// Adds what was being done to an error that only says what went wrong.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Usage>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Usage> {
        self.map_err(|error| Usage(format!("{what}: {error}")))
    }
}

/// Text from outside may hold anything; what is printed holds one line and no control characters.
fn one_line(text: &str) -> String {
    text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
