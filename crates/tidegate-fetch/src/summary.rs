//! What became of all downloads together.

use std::fmt;
use std::time::Duration;

use crate::{Failure, Outcome};

/// What became of all downloads of a run.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::Summary;
///
/// let mut summary = Summary::default();
/// summary.downloaded = 52;
/// summary.errors = 48;
/// assert_eq!(summary.total(), 100);
/// assert!(!summary.is_complete());
/// assert!(summary.to_json().starts_with(r#"{"downloaded":52,"not_found":0,"errors":48,"#));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// Files that came, whole.
    pub downloaded: u64,
    /// Files that the servers do not have.
    pub not_found: u64,
    /// Files that could not be downloaded for another reason.
    pub errors: u64,
    /// Files that were here before.
    pub kept: u64,
    /// Files that were still to come when the run was stopped or its time was over.
    pub cancelled: u64,
    /// How often a server's gate was shut.
    pub pauses: u64,
    /// Requests that were refused: answered 429 or 503, or 403 with a limit.
    pub refused: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// How much came in the files that were downloaded.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// The errors by reason, the most frequent first.
    pub reasons: Vec<(String, u64)>,
}

/// Further reasons are counted as one, so that a hostile server cannot fill our memory with them.
const MOST_REASONS: usize = 20;

impl Summary {
    /// How many files were asked for.
    ///
    /// # Examples
    ///
    /// See [`Summary`].
    pub fn total(&self) -> u64 {
        self.downloaded + self.not_found + self.errors + self.kept + self.cancelled
    }

    /// Whether every file is here now.
    ///
    /// # Examples
    ///
    /// See [`Summary`].
    pub fn is_complete(&self) -> bool {
        self.downloaded + self.kept == self.total()
    }

    /// The numbers as a JSON object in one line.
    ///
    /// # Examples
    ///
    /// See [`Summary`].
    pub fn to_json(&self) -> String {
        let counts = [
            ("downloaded", self.downloaded),
            ("not_found", self.not_found),
            ("errors", self.errors),
            ("kept", self.kept),
            ("cancelled", self.cancelled),
            ("pauses", self.pauses),
            ("refused", self.refused),
            ("requests", self.requests),
            ("bytes", self.bytes),
        ];
        let counts = counts.map(|(name, count)| format!("\"{name}\":{count}")).join(",");
        format!("{{{counts},\"elapsed_seconds\":{:.3}}}", self.elapsed.as_secs_f64())
    }

    /// Counts what became of one file.
    pub(crate) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Downloaded { bytes, .. } => {
                self.downloaded += 1;
                self.bytes += bytes;
            }
            Outcome::Kept { .. } => self.kept += 1,
            Outcome::NotFound => self.not_found += 1,
            Outcome::Failed(failure) => {
                self.errors += 1;
                self.count_reason(failure);
            }
        }
    }

    fn count_reason(&mut self, failure: &Failure) {
        let mut reason = failure.to_string();
        let is_known = |reasons: &[(String, u64)], reason: &str| {
            reasons.iter().position(|(known, _)| known == reason)
        };
        if is_known(&self.reasons, &reason).is_none() && self.reasons.len() >= MOST_REASONS {
            reason = "other reasons".to_owned();
        }
        match is_known(&self.reasons, &reason) {
            Some(place) => self.reasons[place].1 += 1,
            None => self.reasons.push((reason, 1)),
        }
        self.reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    }
}

/// The counts as lines of text; those that are zero are left out, but for the files that came.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "file")
    }
}

impl Summary {
    /// As [`Display`](fmt::Display), with another word for what was downloaded: `52 flags downloaded.`
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_fetch::Summary;
    ///
    /// let mut summary = Summary::default();
    /// summary.downloaded = 52;
    /// summary.errors = 48;
    /// summary.elapsed = Duration::from_millis(3310);
    /// let expected = "\
    /// --------------------
    ///  52 flags downloaded.
    ///  48 errors.
    /// Elapsed time: 3.31s";
    /// assert_eq!(summary.of("flag").to_string(), expected);
    /// ```
    pub fn of<'a>(&'a self, thing: &'a str) -> impl fmt::Display + 'a {
        SummaryOf { summary: self, thing }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, thing: &str) -> fmt::Result {
        writeln!(f, "--------------------")?;
        writeln!(f, "{:3} {thing}{} downloaded.", self.downloaded, plural(self.downloaded))?;
        if self.kept > 0 {
            writeln!(f, "{:3} kept.", self.kept)?;
        }
        if self.not_found > 0 {
            writeln!(f, "{:3} not found.", self.not_found)?;
        }
        if self.errors > 0 {
            writeln!(f, "{:3} error{}.", self.errors, plural(self.errors))?;
        }
        for (reason, count) in &self.reasons {
            writeln!(f, "    {count:3} {reason}")?;
        }
        if self.cancelled > 0 {
            writeln!(f, "{:3} cancelled.", self.cancelled)?;
        }
        if self.pauses > 0 {
            let (pauses, refused) = (self.pauses, self.refused);
            let were = if refused == 1 { "request was" } else { "requests were" };
            writeln!(f, "{pauses:3} pause{}, as {refused} {were} refused.", plural(pauses))?;
        }
        write!(f, "Elapsed time: {:.2}s", self.elapsed.as_secs_f64())
    }
}

struct SummaryOf<'a> {
    summary: &'a Summary,
    thing: &'a str,
}

impl fmt::Display for SummaryOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary.write(f, self.thing)
    }
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn json_has_exactly_the_promised_keys() {
        let summary = Summary { elapsed: Duration::from_micros(1_234_567), ..Summary::default() };
        let expected = r#"{"downloaded":0,"not_found":0,"errors":0,"kept":0,"cancelled":0,"pauses":0,"refused":0,"requests":0,"bytes":0,"elapsed_seconds":1.235}"#;
        assert_eq!(summary.to_json(), expected);
    }

    #[test]
    fn reasons_are_counted_and_bounded() {
        let mut summary = Summary::default();
        for n in 0..100 {
            summary.count(&Outcome::Failed(Failure::Connect(n.to_string())));
        }
        summary.count(&Outcome::Failed(Failure::DiskFull));
        for _ in 0..200 {
            summary.count(&Outcome::Failed(Failure::Status(StatusCode::IM_A_TEAPOT)));
        }
        assert_eq!(summary.errors, 301);
        assert_eq!(summary.reasons.iter().map(|(_, count)| count).sum::<u64>(), 301);
        assert!(summary.reasons.len() <= MOST_REASONS + 1, "{:?}", summary.reasons);
    }

    #[test]
    fn lines_without_a_count_are_left_out() {
        let text = Summary { downloaded: 1, ..Summary::default() }.to_string();
        assert_eq!(text, "--------------------\n  1 file downloaded.\nElapsed time: 0.00s");
    }

    #[test]
    fn a_run_is_complete_when_every_file_is_here() {
        let complete = Summary { downloaded: 2, kept: 1, ..Summary::default() };
        assert!(complete.is_complete());
        assert!(!Summary { cancelled: 1, ..complete.clone() }.is_complete());
        assert!(!Summary { not_found: 1, ..complete.clone() }.is_complete());
        assert!(!Summary { errors: 1, ..complete }.is_complete());
    }
}
