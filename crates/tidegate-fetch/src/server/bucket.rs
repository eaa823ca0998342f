//! A bucket of tokens: so many requests a second, with room for a burst.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;

/// How many requests in which time.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::server::Rate;
///
/// let rate: Rate = "50/s".parse().unwrap();
/// assert_eq!(rate.per_second(), 50.0);
/// assert_eq!("90/m".parse::<Rate>().unwrap().per_second(), 1.5);
/// assert!("0/s".parse::<Rate>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(f64);

impl Rate {
    /// A rate, unless `n` is one that no clock can keep.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_fetch::server::Rate;
    ///
    /// assert!(Rate::of_per_second(0.5).is_some());
    /// assert!(Rate::of_per_second(f64::NAN).is_none());
    /// ```
    pub fn of_per_second(n: f64) -> Option<Self> {
        (1e-4..=1e6).contains(&n).then_some(Self(n))
    }

    /// Requests per second.
    ///
    /// # Examples
    ///
    /// See [`Rate`].
    pub fn per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = BadRate;

    fn from_str(text: &str) -> Result<Self, BadRate> {
        let (number, seconds) = match text.split_once('/') {
            None => (text, 1.0),
            Some((number, "s")) => (number, 1.0),
            Some((number, "m")) => (number, 60.0),
            Some((number, "h")) => (number, 3600.0),
            Some(_) => return Err(BadRate),
        };
        let number: f64 = number.trim().parse().map_err(|_| BadRate)?;
        Self::of_per_second(number / seconds).ok_or(BadRate)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// The text is no rate.
///
/// # Examples
///
/// ```
/// let error = "fast".parse::<tidegate_fetch::server::Rate>().unwrap_err();
/// assert_eq!(error.to_string(), "a rate looks like 50/s, 90/m or 1000/h");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRate;

impl fmt::Display for BadRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate looks like 50/s, 90/m or 1000/h")
    }
}

impl std::error::Error for BadRate {}

/// `rate` tokens a second flow in; what is more than `burst` flows over. A request takes one.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn new(rate: Rate, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst.max(1));
        Self { rate, burst, tokens: burst, filled: now }
    }

    /// Takes a token, or says in how many whole seconds there will be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now.max(self.filled);
        self.tokens = (self.tokens + elapsed * self.rate.0).min(self.burst);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let seconds = ((1.0 - self.tokens) / self.rate.0).ceil().max(1.0);
        Err(Duration::from_secs(seconds as u64))
    }
}

#[cfg(test)]
mod tests;
