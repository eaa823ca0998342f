//! Printing to somebody who may have stopped reading.

use std::fmt;
use std::io::Write as _;

/// Prints a line to the standard output.
///
/// Nobody reads it any more (`| head`)? Then there is nobody to tell either: the work goes on.
pub(crate) fn say(line: impl fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line to the standard error.
pub(crate) fn warn(line: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
