// How it works
//
// Both fields are lists of named items with parameters (draft-ietf-httpapi-ratelimit-headers):
//
//     RateLimit-Policy: "burst";q=100;w=60, "daily";q=5000;w=86400
//     RateLimit: "burst";r=50;t=30
//
// `?` in a reader gives up the whole field, and that is meant: half a field is not to be believed. Names may be tokens,
// as they were in earlier versions. Two shapes from before there were names are read as well, since servers send them:
// `100;w=60` as a policy, and `limit=100, remaining=50, reset=30` as a limit.

use std::time::Duration;

use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parameters, Parser};
use tidegate_time_lock::Rate;

use super::fields::Fields;

/// One member of the field `RateLimit`: what is left.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use http::HeaderMap;
/// use tidegate_tower::Hints;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("ratelimit", r#""default";r=50;t=30"#.parse()?);
/// let hints = Hints::from_headers(&headers, SystemTime::now());
/// assert_eq!(hints.rate_limit[0].name, "default");
/// assert_eq!(hints.rate_limit[0].remaining, 50);
/// assert_eq!(hints.rate_limit[0].reset, Some(Duration::from_secs(30)));
/// # Ok::<_, http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ServiceLimit {
    /// The policy that it belongs to.
    pub name: String,
    /// How much is left, `r`.
    pub remaining: u64,
    /// In how long there is more, `t`.
    pub reset: Option<Duration>,
    /// Whose share it is, `pk`: a name for whatever the server counts by.
    pub partition_key: Option<Vec<u8>>,
}

/// One member of the field `RateLimit-Policy`: how much there is.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use http::HeaderMap;
/// use tidegate_tower::Hints;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("ratelimit-policy", r#""burst";q=100;w=60, "body";q=65535;qu="content-bytes";w=10"#.parse()?);
/// let hints = Hints::from_headers(&headers, SystemTime::now());
/// assert_eq!((hints.policy[0].quota, hints.policy[0].window), (100, Some(Duration::from_secs(60))));
/// assert_eq!(hints.policy[1].unit, "content-bytes");
/// # Ok::<_, http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct QuotaPolicy {
    /// What it is called.
    pub name: String,
    /// How much there is in each window, `q`.
    pub quota: u64,
    /// What is counted, `qu`: `requests` if it does not say, or `content-bytes` or `concurrent-requests`.
    pub unit: String,
    /// How long a window is, `w`.
    pub window: Option<Duration>,
    /// Whose share it is, `pk`.
    pub partition_key: Option<Vec<u8>>,
}

impl ServiceLimit {
    pub(super) fn all(fields: &Fields<'_>) -> Vec<Self> {
        let Some(value) = fields.joined("ratelimit") else { return Vec::new() };
        let list = members(&value).and_then(|items| items.iter().map(Self::of).collect());
        list.or_else(|| Some(vec![Self::unnamed(&value)?])).unwrap_or_default()
    }

    fn of(item: &Item) -> Option<Self> {
        Some(Self {
            name: name(item)?,
            remaining: number(&item.params, "r")??,
            reset: number(&item.params, "t")?.map(Duration::from_secs),
            partition_key: partition_key(&item.params)?,
        })
    }

    /// `limit=100, remaining=50, reset=30`
    fn unnamed(value: &[u8]) -> Option<Self> {
        let fields: Dictionary = Parser::new(value).parse().ok()?;
        let number = |key: &str| match fields.get(key)? {
            ListEntry::Item(item) => whole(&item.bare_item),
            ListEntry::InnerList(_) => None,
        };
        number("limit")?;
        Some(Self {
            name: String::new(),
            remaining: number("remaining")?,
            reset: Some(Duration::from_secs(number("reset")?)),
            partition_key: None,
        })
    }

    /// How long it is used up, if it is.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.reset.filter(|_| self.remaining == 0)
    }

    pub(super) fn quota(&self) -> Option<(u64, Duration)> {
        Some((self.remaining, self.reset?))
    }
}

impl QuotaPolicy {
    pub(super) fn all(fields: &Fields<'_>) -> Vec<Self> {
        let named = fields.joined("ratelimit-policy");
        let named = named.and_then(|value| members(&value)?.iter().map(Self::of).collect());
        // Before there was a field for it, the policies followed the limit: `100, 100;w=60`.
        named.or_else(|| Self::beside(&fields.joined("ratelimit-limit")?)).unwrap_or_default()
    }

    fn of(item: &Item) -> Option<Self> {
        if let BareItem::Integer(_) = item.bare_item {
            return Self::unnamed(item);
        }
        Some(Self {
            name: name(item)?,
            quota: number(&item.params, "q")??,
            unit: match item.params.get("qu") {
                Some(unit) => text(unit)?,
                None => REQUESTS.to_owned(),
            },
            window: window(&item.params)?,
            partition_key: partition_key(&item.params)?,
        })
    }

    /// `100;w=60`
    fn unnamed(item: &Item) -> Option<Self> {
        Some(Self {
            name: String::new(),
            quota: whole(&item.bare_item)?,
            unit: REQUESTS.to_owned(),
            window: Some(window(&item.params)??),
            partition_key: None,
        })
    }

    fn beside(limit: &[u8]) -> Option<Vec<Self>> {
        members(limit)?.iter().skip(1).map(Self::unnamed).collect()
    }

    /// Whether the limit is under this policy.
    pub(super) fn is_of(&self, limit: &ServiceLimit) -> bool {
        self.name == limit.name
    }

    pub(super) fn is_in_requests(&self) -> bool {
        // The word in earlier versions.
        self.unit == REQUESTS || self.unit == "request"
    }

    /// The pace that it comes to, if it is about requests and there is one.
    pub(super) fn rate(&self) -> Option<Rate> {
        let window = self.window.filter(|it| !it.is_zero())?;
        let is_one = self.is_in_requests() && self.quota > 0;
        is_one.then(|| Rate::per_second(self.quota as f64 / window.as_secs_f64()))
    }
}

const REQUESTS: &str = "requests";

/// The members of a list that is one of items.
fn members(value: &[u8]) -> Option<Vec<Item>> {
    let list: List = Parser::new(value).parse().ok()?;
    let items = list.into_iter().map(|member| match member {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    });
    items.collect()
}

fn name(item: &Item) -> Option<String> {
    text(&item.bare_item)
}

fn text(item: &BareItem) -> Option<String> {
    match item {
        BareItem::String(text) => Some(text.as_str().to_owned()),
        BareItem::Token(token) => Some(token.as_str().to_owned()),
        _ => None,
    }
}

/// A number from nought on.
fn whole(item: &BareItem) -> Option<u64> {
    i64::from(item.as_integer()?).try_into().ok()
}

/// A parameter that is absent, which is fine, or a number from nought on.
#[expect(clippy::option_option, reason = "malformed is not absent")]
fn number(params: &Parameters, key: &str) -> Option<Option<u64>> {
    params.get(key).map_or(Some(None), |item| whole(item).map(Some))
}

#[expect(clippy::option_option, reason = "malformed is not absent")]
fn window(params: &Parameters) -> Option<Option<Duration>> {
    Some(number(params, "w")?.map(Duration::from_secs))
}

#[expect(clippy::option_option, reason = "malformed is not absent")]
fn partition_key(params: &Parameters) -> Option<Option<Vec<u8>>> {
    params.get("pk").map_or(Some(None), |key| Some(Some(key.as_byte_sequence()?.to_vec())))
}
