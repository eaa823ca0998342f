use std::time::Duration;

use super::fields::Fields;

/// What one family of `X-RateLimit-*` headers says.
///
/// There is no standard for them. Read are `x-ratelimit-limit`, `-remaining` and `-reset`, the same spelled
/// `x-rate-limit-` and, in older drafts of the standard to be, `ratelimit-`; with `-requests` or `-tokens` after it, as
/// OpenAI does; and `x-ratelimit-reset-after`, as Discord does.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use http::HeaderMap;
/// use tidegate_tower::Hints;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-ratelimit-limit", "5000".parse()?);
/// headers.insert("x-ratelimit-remaining", "0".parse()?);
/// headers.insert("x-ratelimit-reset", "1700000060".parse()?); // a date, as GitHub has it
/// let received = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
///
/// let hints = Hints::from_headers(&headers, received);
/// assert_eq!(hints.x_ratelimit[0].limit, Some(5000));
/// assert_eq!(hints.x_ratelimit[0].remaining, Some(0));
/// assert_eq!(hints.x_ratelimit[0].reset, Some(Duration::from_secs(60)));
/// # Ok::<_, http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct XRateLimit {
    /// What is counted: `requests` or `tokens`.
    pub unit: &'static str,
    /// How much there is in all.
    pub limit: Option<u64>,
    /// How much is left.
    pub remaining: Option<u64>,
    /// In how long there is more.
    ///
    /// A number above 10^9 is taken to be a date in seconds since 1970, above 10^12 in milliseconds.
    pub reset: Option<Duration>,
}

/// Prefix, suffix, unit.
const FAMILIES: [(&str, &str, &str); 5] = [
    ("x-ratelimit-", "", REQUESTS),
    ("x-ratelimit-", "-requests", REQUESTS),
    ("x-ratelimit-", "-tokens", "tokens"),
    ("x-rate-limit-", "", REQUESTS),
    ("ratelimit-", "", REQUESTS),
];

const REQUESTS: &str = "requests";

impl XRateLimit {
    pub(super) fn all(fields: &Fields<'_>) -> Vec<Self> {
        let families = FAMILIES.iter().map(|&(prefix, suffix, unit)| {
            let name = |what: &str| format!("{prefix}{what}{suffix}");
            // More exact where it is.
            let reset_after = fields.longest(&[&name("reset-after")], Fields::time);
            Self {
                unit,
                limit: fields.smallest(&name("limit")),
                remaining: fields.smallest(&name("remaining")),
                reset: reset_after
                    .or_else(|| fields.longest(&[&name("reset")], Fields::time_or_instant)),
            }
        });
        let said = |it: &Self| (it.limit, it.remaining, it.reset) != (None, None, None);
        families.filter(said).collect()
    }

    /// How long it is used up; also if it does not say how much is left.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.reset.filter(|_| self.remaining.unwrap_or(0) == 0)
    }

    pub(super) fn quota(&self) -> Option<(u64, Duration)> {
        if self.unit != REQUESTS {
            return None;
        }
        Some((self.remaining?, self.reset?))
    }
}
