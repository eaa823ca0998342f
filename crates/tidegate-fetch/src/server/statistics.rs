//! What a server counts.

use std::fmt;

/// What a server has seen so far.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::server::Statistics;
///
/// let statistics = Statistics { requests: 3, served: 2, refused: 1, ..Statistics::default() };
/// assert_eq!(
///     statistics.to_json(),
///     r#"{"requests":3,"served":2,"refused":1,"not_found":0,"failed":0,"sent_while_shut":0,"most_at_once":0}"#,
/// );
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Requests that arrived, whatever became of them.
    pub requests: u64,
    /// Requests answered with the whole file.
    pub served: u64,
    /// Requests answered 429 or 503.
    pub refused: u64,
    /// Requests answered 404.
    pub not_found: u64,
    /// Requests answered 418 or 500, with half a file, or left without an answer.
    pub failed: u64,
    /// Requests sent although the client had been told to wait, see [`EPOCH_HEADER`](super::EPOCH_HEADER).
    pub sent_while_shut: u64,
    /// The most requests that were being worked on at one time.
    pub most_at_once: u64,
}

impl Statistics {
    fn fields(&self) -> [(&'static str, u64); 7] {
        [
            ("requests", self.requests),
            ("served", self.served),
            ("refused", self.refused),
            ("not_found", self.not_found),
            ("failed", self.failed),
            ("sent_while_shut", self.sent_while_shut),
            ("most_at_once", self.most_at_once),
        ]
    }

    /// The numbers as a JSON object, as `/stats` serves them.
    ///
    /// # Examples
    ///
    /// See [`Statistics`].
    pub fn to_json(&self) -> String {
        let field = |(name, number)| format!("\"{name}\":{number}");
        format!("{{{}}}", self.fields().map(field).join(","))
    }
}

/// A line of text: `3 requests, 2 served, …`.
impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = |(name, number): (&str, u64)| format!("{number} {}", name.replace('_', " "));
        f.write_str(&self.fields().map(field).join(", "))
    }
}
