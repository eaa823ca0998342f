// How it works
//
// Three grammars are tried in turn: a number (`120`, and leniently `1.5`), a Go-like duration (`500ms`, `6m0s`),
// and an HTTP date (http_date.rs). All work on bytes, advance a slice from the left, and give up with `None`; all
// arithmetic saturates or is checked. A number too large for a duration is the longest whole number of seconds.

use std::time::{Duration, SystemTime};

mod http_date;
#[cfg(all(test, not(tidegate_loom)))]
mod tests;

/// What a `Retry-After` header says: a delay, or a date.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use tidegate_time_lock::RetryAfter;
///
/// assert_eq!(RetryAfter::parse(b"120"), Some(RetryAfter::Delay(Duration::from_secs(120))));
/// assert_eq!(RetryAfter::parse(b"6m0s"), Some(RetryAfter::Delay(Duration::from_secs(360))));
/// assert_eq!(
///     RetryAfter::parse(b"Sun, 06 Nov 1994 08:49:37 GMT"),
///     Some(RetryAfter::Date(UNIX_EPOCH + Duration::from_secs(784_111_777))),
/// );
/// assert_eq!(RetryAfter::parse(b"-1"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryAfter {
    /// So long after the response was received.
    Delay(Duration),
    /// Not before this date.
    Date(SystemTime),
}

impl RetryAfter {
    /// Reads the value of a header; `None` when it makes no sense.
    ///
    /// Understands what RFC 9110 allows, whole seconds and the three forms of an HTTP date, and beyond it what
    /// servers send: fractions (`1.5`) and durations with units (`500ms`, `6m0s`, `1h`). Never panics, whatever
    /// the bytes are; numbers too large to be a duration are cut to [`u64::MAX`] seconds.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        duration(value)
            .map(Self::Delay)
            .or_else(|| http_date::parse(value, SystemTime::now()).map(Self::Date))
    }

    /// How long to wait, counted from when the response was received.
    ///
    /// `date_header` is the response's own `Date`. When it is there, a date is taken relative to it, so that it
    /// does not matter whether the two clocks agree. A date that is past is no delay at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use tidegate_time_lock::RetryAfter;
    ///
    /// let server = SystemTime::now() - Duration::from_secs(3600); // an hour slow
    /// let header = RetryAfter::Date(server + Duration::from_secs(30));
    /// assert_eq!(header.delay(SystemTime::now(), Some(server)), Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn delay(&self, received: SystemTime, date_header: Option<SystemTime>) -> Duration {
        match *self {
            Self::Delay(delay) => delay,
            Self::Date(date) => {
                date.duration_since(date_header.unwrap_or(received)).unwrap_or(Duration::ZERO)
            }
        }
    }
}

/// Units in the order in which they must appear, in nanoseconds. `ms` is looked for before `m`.
const UNITS: [(&[u8], u64); 8] = [
    (b"d", 86_400_000_000_000),
    (b"h", 3_600_000_000_000),
    (b"ms", 1_000_000),
    (b"m", 60_000_000_000),
    (b"s", 1_000_000_000),
    (b"us", 1_000),
    ("µs".as_bytes(), 1_000),
    (b"ns", 1),
];

/// `120`, `1.5`, or numbers with falling units (`1h2m3.5s`).
fn duration(value: &[u8]) -> Option<Duration> {
    let (number, mut rest) = number(value)?;
    if rest.is_empty() {
        return Some(number.times(1_000_000_000));
    }
    let mut last = u64::MAX;
    let mut sum = Duration::ZERO;
    let mut number = number;
    loop {
        let (name, unit) = *UNITS.iter().find(|(name, _)| starts_with_unit(rest, name))?;
        if unit >= last {
            return None;
        }
        last = unit;
        sum = sum.checked_add(number.times(unit)).unwrap_or(LONGEST);
        rest = &rest[name.len()..];
        if rest.is_empty() {
            return Some(sum.min(LONGEST));
        }
        (number, rest) = self::number(rest)?;
    }
}

/// A longer unit that starts with the same letters is listed first or ends differently.
fn starts_with_unit(text: &[u8], unit: &[u8]) -> bool {
    text.len() >= unit.len()
        && text[..unit.len()].eq_ignore_ascii_case(unit)
        && text.get(unit.len()).is_none_or(u8::is_ascii_digit)
}

/// The longest delay that is read; one nanosecond more than a whole second below `Duration::MAX`, which means
/// "for ever" elsewhere.
const LONGEST: Duration = Duration::from_secs(u64::MAX);

/// A decimal number: its whole part, and its fraction in billionths.
#[derive(Clone, Copy)]
struct Number {
    whole: u64,
    billionths: u64,
}

impl Number {
    /// This many units of `unit` nanoseconds, saturating.
    fn times(self, unit: u64) -> Duration {
        let nanos = u128::from(self.whole) * u128::from(unit)
            + (u128::from(self.billionths) * u128::from(unit)).div_ceil(1_000_000_000);
        match u64::try_from(nanos / 1_000_000_000) {
            // The remainder of a division by 10^9 is small.
            Ok(secs) => Duration::new(secs, (nanos % 1_000_000_000) as u32).min(LONGEST),
            Err(_) => LONGEST,
        }
    }
}

/// `1*DIGIT [ "." 1*DIGIT ]`, and what follows.
fn number(value: &[u8]) -> Option<(Number, &[u8])> {
    let (whole, rest) = digits(value)?;
    let whole = whole
        .iter()
        .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    let Some(rest) = rest.strip_prefix(b".") else {
        return Some((Number { whole, billionths: 0 }, rest));
    };
    let (fraction, rest) = digits(rest)?;
    let mut billionths =
        (0..9).fold(0, |sum, at| sum * 10 + fraction.get(at).map_or(0, |d| u64::from(d - b'0')));
    // Rounded up: rather late than early.
    billionths += u64::from(fraction.iter().skip(9).any(|&digit| digit != b'0'));
    Some((Number { whole, billionths }, rest))
}

/// The digits at the front, at least one, and what follows.
fn digits(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    (end > 0).then(|| value.split_at(end))
}
