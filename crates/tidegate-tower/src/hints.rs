// How it works
//
// Headers are read once, when the response is there, and everything in them is made relative to that moment: what is
// kept is durations and counts, so that nobody needs a clock afterwards.
//
//     fields.rs       bytes to numbers and times; every line of a header, and what to do with several
//     draft.rs        RateLimit and RateLimit-Policy, structured fields
//     counts.rs       X-RateLimit-* and its relatives
//     retry_info.rs   what gRPC's rich errors say
//
// Nothing here fails: what cannot be read is as good as absent. One field that is malformed takes nothing else with
// it; a structured one is ignored as a whole.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use tidegate_time_lock::{Hint, Rate};

mod counts;
mod draft;
mod fields;
mod retry_info;

pub use counts::XRateLimit;
pub use draft::{QuotaPolicy, ServiceLimit};

use fields::Fields;

/// What the headers of a response say about when, and how fast, to come back.
///
/// Understood are `Retry-After` in all its forms, the milliseconds of Azure, OpenAI and Amazon, the fields `RateLimit`
/// and `RateLimit-Policy` that the IETF is about to standardise and what came before them, the many `X-RateLimit-*`,
/// and the push-back and rich errors of gRPC. Whatever else is in a header, it does no harm: see
/// [`from_headers`](Self::from_headers).
///
/// Most users need three questions: [`pause`](Self::pause), for a response that is a refusal, and
/// [`quota`](Self::quota) and [`pace`](Self::pace), for any. The fields are what was read, for those who need more.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tidegate_tower::Hints;
///
/// let response = http::Response::builder()
///     .status(429)
///     .header("Retry-After", "20")
///     .header("RateLimit-Policy", r#""default";q=100;w=10"#)
///     .header("RateLimit", r#""default";r=0;t=7"#)
///     .body(())?;
/// let hints = Hints::from_headers(response.headers(), SystemTime::now());
/// assert_eq!(hints.pause(), Some(Duration::from_secs(20)));
/// assert_eq!(hints.quota(), Some((0, Duration::from_secs(7))));
/// assert_eq!(hints.pace().map(|rate| rate.as_per_second()), Some(10.0));
/// # Ok::<_, http::Error>(())
/// ```
///
/// For a gate:
///
/// ```
/// use std::time::SystemTime;
/// use tidegate_time_lock::TimeLock;
/// use tidegate_tower::Hints;
///
/// # tidegate_test::block_on(async {
/// # let headers = http::HeaderMap::from_iter([(http::header::RETRY_AFTER, "3".parse().unwrap())]);
/// let gate = TimeLock::new();
/// let pass = gate.acquire().await.unwrap();
/// // ... the answer is a 429 with these headers:
/// pass.refused(&Hints::from_headers(&headers, SystemTime::now()));
/// assert!(gate.is_locked());
/// # });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Hints {
    /// `Retry-After`, counted from when the response was received; the longest, if there are several.
    pub retry_after: Option<Duration>,
    /// The same in milliseconds: `retry-after-ms`, `x-ms-retry-after-ms` or `x-amz-retry-after`.
    pub retry_after_ms: Option<Duration>,
    /// `grpc-retry-pushback-ms`.
    pub push_back: Option<PushBack>,
    /// The `google.rpc.RetryInfo` of gRPC's rich errors, which Google's services send.
    pub retry_info: Option<Duration>,
    /// `RateLimit`: what is left, and for how long.
    pub rate_limit: Vec<ServiceLimit>,
    /// `RateLimit-Policy`: how much there is, and in how long.
    pub policy: Vec<QuotaPolicy>,
    /// `X-RateLimit-*` and its relatives: what is left, and for how long.
    pub x_ratelimit: Vec<XRateLimit>,
}

impl Hints {
    /// Reads the headers of a response that was received at `received`.
    ///
    /// Dates are taken relative to the response's own `Date` if it has one, so that it does not matter whether the two
    /// clocks agree, and relative to `received` if not. A date that is past is a pause of nothing.
    ///
    /// A limit in a response that comes from a cache, which is one with a positive `Age`, is somebody else's and is
    /// ignored; a `Retry-After` is not.
    ///
    /// Never panics, whatever the bytes are. What is empty, negative or not a number is as good as absent, what is too
    /// large is cut to [`u64::MAX`] seconds, and of `RateLimit` and `RateLimit-Policy` one malformed member voids the
    /// field.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use http::HeaderMap;
    /// use tidegate_tower::Hints;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.append("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT".parse()?);
    /// headers.append("Date", "Fri, 31 Dec 1999 23:59:47 GMT".parse()?); // a server without a battery
    /// let hints = Hints::from_headers(&headers, SystemTime::now());
    /// assert_eq!(hints.pause(), Some(Duration::from_secs(12)));
    /// # Ok::<_, http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn from_headers(headers: &HeaderMap, received: SystemTime) -> Self {
        let fields = Fields::new(headers, received);
        let mut hints = Self {
            retry_after: fields.longest(&["retry-after"], Fields::time),
            retry_after_ms: fields.longest(
                &["retry-after-ms", "x-ms-retry-after-ms", "x-amz-retry-after"],
                |_, value| fields::milliseconds(value),
            ),
            push_back: PushBack::of(&fields),
            retry_info: retry_info::delay(&fields),
            ..Self::default()
        };
        if !fields.are_cached() {
            hints.rate_limit = ServiceLimit::all(&fields);
            hints.policy = QuotaPolicy::all(&fields);
            hints.x_ratelimit = XRateLimit::all(&fields);
        }
        hints
    }

    /// How long to wait, if the response is a refusal.
    ///
    /// `Retry-After` comes first. Milliseconds say the same more exactly if they are shorter by less than a second, as
    /// the header's unit is the second; where the two disagree, the longer holds. Then comes gRPC's push-back, then the
    /// `RetryInfo` of its rich errors, and last the limits of which nothing is left: the one that lasts longest. A limit
    /// of which something is left is not what the request was refused for.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use http::HeaderMap;
    /// use tidegate_tower::Hints;
    ///
    /// let pause = |lines: &[(&'static str, &'static str)]| {
    ///     let headers: HeaderMap =
    ///         lines.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    ///     Hints::from_headers(&headers, SystemTime::now()).pause()
    /// };
    /// assert_eq!(pause(&[("retry-after", "2"), ("retry-after-ms", "1250")]), Some(Duration::from_millis(1250)));
    /// assert_eq!(
    ///     pause(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")]),
    ///     Some(Duration::from_secs(360)),
    /// );
    /// assert_eq!(pause(&[("retry-after", "soon")]), None);
    /// ```
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        self.asked().or_else(|| {
            let draft = self.rate_limit.iter().filter_map(ServiceLimit::pause);
            draft.chain(self.x_ratelimit.iter().filter_map(XRateLimit::pause)).max()
        })
    }

    /// How long the server asks to wait, in so many words: as [`pause`](Self::pause), but for the limits.
    ///
    /// A limit that is used up may have something left again long before it is whole again, which is what some servers
    /// mean by its end. So who thinks that too long may try earlier; who was asked may not.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use http::HeaderMap;
    /// use tidegate_tower::Hints;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("ratelimit", r#""default";r=0;t=3600"#.parse()?);
    /// let hints = Hints::from_headers(&headers, SystemTime::now());
    /// assert_eq!((hints.asked(), hints.pause()), (None, Some(Duration::from_secs(3600))));
    ///
    /// headers.insert("retry-after", "1".parse()?);
    /// let hints = Hints::from_headers(&headers, SystemTime::now());
    /// assert_eq!(hints.asked(), Some(Duration::from_secs(1)));
    /// # Ok::<_, http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn asked(&self) -> Option<Duration> {
        const ROUNDED: Duration = Duration::from_secs(1);
        match (self.retry_after, self.retry_after_ms) {
            (Some(rounded), Some(exact)) if rounded.saturating_sub(exact) < ROUNDED => Some(exact),
            (rounded, exact) => rounded.max(exact),
        }
        .or(match self.push_back {
            Some(PushBack::After(pause)) => Some(pause),
            _ => None,
        })
        .or(self.retry_info)
    }

    /// How fast requests may follow each other.
    ///
    /// Only a policy says that, by its quota and its window. What is left and for how long is not a rate: with much
    /// left of a window that is about to end, it would come to many times what the policy means.
    ///
    /// Of several policies the one with the shortest window counts. The others are for longer than a pace can plan:
    /// those who would spread a day's quota evenly over the day would make the first ten requests wait for hours, and
    /// [`quota`](Self::quota) tells in time when it is used up.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use http::HeaderMap;
    /// use tidegate_tower::Hints;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("ratelimit-policy", r#""day";q=10000;w=86400, "minute";q=120;w=60"#.parse()?);
    /// let hints = Hints::from_headers(&headers, SystemTime::now());
    /// assert_eq!(hints.pace().map(|rate| rate.as_per_second()), Some(2.0));
    /// # Ok::<_, http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn pace(&self) -> Option<Rate> {
        let rates = self.policy.iter().filter_map(|it| Some((it.window?, it.rate()?)));
        let slower = |a: &(Duration, Rate), b: &(Duration, Rate)| {
            a.0.cmp(&b.0).then(a.1.as_per_second().total_cmp(&b.1.as_per_second()))
        };
        rates.min_by(slower).map(|(_, rate)| rate)
    }

    /// How many more requests may be sent, and until when that holds.
    ///
    /// For [`TimeLock::allow`](tidegate_time_lock::TimeLock::allow). Of several limits, the one of which the least is
    /// left; only limits that are counted in requests, and that say when they end, are asked.
    ///
    /// A redirect that says "nothing left" speaks of the next request to its own server, and is no reason to wait
    /// before following it elsewhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use http::HeaderMap;
    /// use tidegate_tower::Hints;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("x-ratelimit-remaining", "4".parse()?);
    /// headers.insert("x-ratelimit-reset-after", "1.5".parse()?);
    /// let hints = Hints::from_headers(&headers, SystemTime::now());
    /// assert_eq!(hints.quota(), Some((4, Duration::from_millis(1500))));
    /// # Ok::<_, http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn quota(&self) -> Option<(u64, Duration)> {
        let in_requests = |limit: &&ServiceLimit| {
            let mut policies = self.policy.iter().filter(|it| it.is_of(limit));
            policies.all(QuotaPolicy::is_in_requests)
        };
        let draft = self.rate_limit.iter().filter(in_requests).filter_map(ServiceLimit::quota);
        let quotas = draft.chain(self.x_ratelimit.iter().filter_map(XRateLimit::quota));
        let quotas = quotas.filter(|(_, until)| !until.is_zero());
        quotas.min_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))
    }

    /// Whether the server does not mind if the request is tried again.
    ///
    /// It does if gRPC's push-back [says so](PushBack::Never).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use http::HeaderMap;
    /// use tidegate_tower::Hints;
    ///
    /// let mut trailers = HeaderMap::new();
    /// trailers.insert("grpc-retry-pushback-ms", "-1".parse()?);
    /// assert!(!Hints::from_headers(&trailers, SystemTime::now()).may_retry());
    /// # Ok::<_, http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn may_retry(&self) -> bool {
        self.push_back != Some(PushBack::Never)
    }

    /// Whether nothing was said at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_tower::Hints;
    ///
    /// assert!(Hints::default().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// For a refusal: its [pause](Hints::pause).
impl From<&Hints> for Hint {
    fn from(hints: &Hints) -> Self {
        hints.pause().into()
    }
}

/// For a refusal: its [pause](Hints::pause).
impl From<Hints> for Hint {
    fn from(hints: Hints) -> Self {
        Self::from(&hints)
    }
}

/// What a gRPC server says about another attempt, in `grpc-retry-pushback-ms`.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use http::HeaderMap;
/// use tidegate_tower::{Hints, PushBack};
///
/// let mut trailers = HeaderMap::new();
/// trailers.insert("grpc-retry-pushback-ms", "250".parse()?);
/// let hints = Hints::from_headers(&trailers, SystemTime::now());
/// assert_eq!(hints.push_back, Some(PushBack::After(Duration::from_millis(250))));
/// # Ok::<_, http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PushBack {
    /// Not before this long.
    After(Duration),
    /// Not at all: the number was negative, or none. That is what gRPC makes of the latter.
    Never,
}

impl PushBack {
    fn of(fields: &Fields<'_>) -> Option<Self> {
        fields
            .lines("grpc-retry-pushback-ms")
            .map(|value| {
                let number = std::str::from_utf8(value).ok().and_then(|it| it.parse::<i32>().ok());
                match number.and_then(|it| u64::try_from(it).ok()) {
                    Some(milliseconds) => Self::After(Duration::from_millis(milliseconds)),
                    None => Self::Never,
                }
            })
            .max()
    }
}
