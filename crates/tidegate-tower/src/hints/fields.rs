use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use tidegate_time_lock::RetryAfter;

/// The headers of a response, and what its dates are relative to.
pub(super) struct Fields<'a> {
    headers: &'a HeaderMap,
    received: SystemTime,
    /// The response's own `Date`.
    date: Option<SystemTime>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(headers: &'a HeaderMap, received: SystemTime) -> Self {
        let mut fields = Self { headers, received, date: None };
        fields.date = fields.lines("date").find_map(|value| match RetryAfter::parse(value) {
            Some(RetryAfter::Date(date)) => Some(date),
            _ => None,
        });
        fields
    }

    /// The values of a header, line by line.
    pub(super) fn lines(&self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.headers.get_all(name).into_iter().map(|value| value.as_bytes().trim_ascii())
    }

    /// All lines as the one value that they stand for, if there are any.
    pub(super) fn joined(&self, name: &str) -> Option<Vec<u8>> {
        let mut lines = self.lines(name);
        let first = lines.next()?.to_vec();
        Some(lines.fold(first, |mut all, line| {
            all.extend_from_slice(b", ");
            all.extend_from_slice(line);
            all
        }))
    }

    /// The longest of all that can be read.
    pub(super) fn longest(
        &self,
        names: &[&str],
        read: impl Fn(&Self, &[u8]) -> Option<Duration>,
    ) -> Option<Duration> {
        let lines = names.iter().flat_map(|name| self.lines(name));
        lines.filter_map(|value| read(self, value)).max()
    }

    /// The smallest of all counts that can be read.
    pub(super) fn smallest(&self, name: &str) -> Option<u64> {
        self.lines(name).filter_map(count).min()
    }

    /// Whether a cache had it.
    pub(super) fn are_cached(&self) -> bool {
        self.lines("age").filter_map(count).any(|age| age > 0)
    }

    /// A delay, or a date.
    pub(super) fn time(&self, value: &[u8]) -> Option<Duration> {
        Some(RetryAfter::parse(value)?.delay(self.received, self.date))
    }

    /// As [`time`](Self::time), where a plain number may be one too large for a delay: an instant, in seconds or
    /// milliseconds since 1970.
    pub(super) fn time_or_instant(&self, value: &[u8]) -> Option<Duration> {
        let time = self.time(value)?;
        let is_plain = value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        if !is_plain || time <= LONGEST_DELAY {
            return Some(time);
        }
        let instant = if time > LATEST_SECOND { time / 1000 } else { time };
        let now = self.date.unwrap_or(self.received).duration_since(UNIX_EPOCH);
        Some(instant.saturating_sub(now.unwrap_or(Duration::ZERO)))
    }
}

/// Thirty years: who would say so?
const LONGEST_DELAY: Duration = Duration::from_secs(1_000_000_000);
/// In thirty thousand years.
const LATEST_SECOND: Duration = Duration::from_secs(1_000_000_000_000);

/// A number of milliseconds.
pub(super) fn milliseconds(value: &[u8]) -> Option<Duration> {
    let is_plain = value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    match RetryAfter::parse(value)? {
        RetryAfter::Delay(thousandfold) if is_plain => {
            // Rounded up: rather late than early.
            let is_cut = thousandfold.subsec_nanos() % 1000 != 0;
            Some(thousandfold / 1000 + Duration::from_nanos(u64::from(is_cut)))
        }
        // With a unit, which then says what it is.
        RetryAfter::Delay(delay) => Some(delay),
        RetryAfter::Date(_) => None,
    }
}

/// A count: the number at the front, without its fraction. More members and parameters may follow, as in
/// `100, 100;w=60`.
pub(super) fn count(value: &[u8]) -> Option<u64> {
    let end = value.iter().position(|byte| matches!(byte, b',' | b';')).unwrap_or(value.len());
    match RetryAfter::parse(&value[..end])? {
        RetryAfter::Delay(number) if value[..end].trim_ascii().last()?.is_ascii_digit() => {
            Some(number.as_secs())
        }
        _ => None,
    }
}
