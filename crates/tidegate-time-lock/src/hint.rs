use std::time::{Duration, SystemTime};

use crate::RetryAfter;

/// What a refusal says about when to come back.
///
/// Made by `into()` from a [`Duration`], an `Option<Duration>`, or a [`RetryAfter`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{Hint, RetryAfter};
///
/// assert_eq!(Hint::from(None), Hint::None);
/// assert_eq!(Hint::from(Duration::from_secs(3)), Hint::After(Duration::from_secs(3)));
/// assert_eq!(Hint::parse(b"3"), Hint::RetryAfter(RetryAfter::Delay(Duration::from_secs(3))));
/// assert_eq!(Hint::parse(b"soon"), Hint::None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hint {
    /// Nothing: the gate backs off by itself, longer each time.
    #[default]
    None,
    /// After this long.
    After(Duration),
    /// What a `Retry-After` header said; a date is taken relative to the local clock.
    RetryAfter(RetryAfter),
}

impl Hint {
    /// What the value of a `Retry-After` header says; [`Hint::None`] when it cannot be read.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        RetryAfter::parse(value).map_or(Self::None, Self::RetryAfter)
    }

    /// The delay that the refusal asks for, if it does.
    pub(crate) fn delay(self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::After(delay) => Some(delay),
            Self::RetryAfter(RetryAfter::Delay(delay)) => Some(delay),
            Self::RetryAfter(header) => Some(header.delay(SystemTime::now(), None)),
        }
    }
}

impl From<Duration> for Hint {
    fn from(after: Duration) -> Self {
        Self::After(after)
    }
}

impl From<Option<Duration>> for Hint {
    fn from(after: Option<Duration>) -> Self {
        after.map_or(Self::None, Self::After)
    }
}

impl From<RetryAfter> for Hint {
    fn from(header: RetryAfter) -> Self {
        Self::RetryAfter(header)
    }
}
