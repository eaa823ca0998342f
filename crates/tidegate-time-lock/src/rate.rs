use std::fmt;
use std::time::Duration;

/// So many per second.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::Rate;
///
/// assert_eq!(Rate::per_second(50.0).interval(), Duration::from_millis(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// `n` per second.
    ///
    /// # Panics
    ///
    /// When `n` is not a positive, finite number.
    #[must_use]
    #[track_caller]
    pub const fn per_second(n: f64) -> Self {
        assert!(n.is_finite() && n > 0.0, "a rate is a positive number");
        Self(n)
    }

    /// How many per second.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::Rate;
    /// assert_eq!(Rate::per_second(50.0).as_per_second(), 50.0);
    /// ```
    #[must_use]
    pub const fn as_per_second(self) -> f64 {
        self.0
    }

    /// The time from one to the next.
    #[must_use]
    pub fn interval(self) -> Duration {
        interval(self.0)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}/s", self.0)
    }
}

/// The time between two at `rate` per second, a day at most.
pub(crate) fn interval(rate: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / rate).unwrap_or(DAY).min(DAY)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
