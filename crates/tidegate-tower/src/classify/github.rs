use std::time::Duration;

use http::StatusCode;
use tidegate_time_lock::{Scope, Verdict};

use super::head::classify_results;
use super::{ClassifyHead, Head, Http};
use crate::Hints;

/// GitHub's two kinds of limits.
///
/// The *primary* limit counts requests in an hour. When it is used up GitHub answers 403 or 429 with
/// `x-ratelimit-remaining: 0`, and `x-ratelimit-reset` says until when; it is about the resource that was asked for.
///
/// *Secondary* limits are about all that an account does: [`Scope::Global`]. They answer 403 or 429 too, with
/// `Retry-After` or, often, with nothing that says how long; it is [a minute](Self::SECONDARY) then, as GitHub wants it.
/// A 403 without any word of a limit is taken to be one of these, since GitHub sends its limits with every other answer.
/// One that has them, and something left, may be a secondary limit or a lack of permission, and only the body tells:
/// see [`classify_with_body`](Self::classify_with_body).
///
/// # Examples
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use tidegate_time_lock::{Scope, Verdict};
/// use tidegate_tower::classify::{ClassifyHead, GitHub, Head};
///
/// let headers = HeaderMap::new();
/// assert_eq!(
///     GitHub.classify_head(&Head::new(StatusCode::FORBIDDEN, &headers)),
///     Verdict::Refused { after: Some(GitHub::SECONDARY), scope: Scope::Global },
/// );
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GitHub;

impl GitHub {
    /// How long a secondary limit lasts that does not say so; at least.
    pub const SECONDARY: Duration = Duration::from_secs(60);

    /// As [`classify_head`](ClassifyHead::classify_head), for those who have read the body of an error.
    ///
    /// Its message says of a secondary limit that it is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderMap, StatusCode};
    /// use tidegate_time_lock::{Scope, Verdict};
    /// use tidegate_tower::classify::{GitHub, Head};
    ///
    /// let headers = HeaderMap::from_iter([("x-ratelimit-remaining".parse()?, "4999".parse()?)]);
    /// let head = Head::new(StatusCode::FORBIDDEN, &headers);
    /// let body = br#"{"message": "You have exceeded a secondary rate limit. Please wait."}"#;
    /// assert_eq!(
    ///     GitHub.classify_with_body(&head, body),
    ///     Verdict::Refused { after: Some(GitHub::SECONDARY), scope: Scope::Global },
    /// );
    /// let body = br#"{"message": "Resource not accessible by integration"}"#;
    /// assert_eq!(GitHub.classify_with_body(&head, body), Verdict::Ok);
    /// # Ok::<_, http::Error>(())
    /// ```
    #[must_use]
    pub fn classify_with_body(&self, head: &Head<'_>, body: &[u8]) -> Verdict {
        let says = |words: &str| {
            body.windows(words.len()).any(|part| part.eq_ignore_ascii_case(words.as_bytes()))
        };
        match self.classify_head(head) {
            Verdict::Ok
                if head.status == StatusCode::FORBIDDEN
                    && (says("secondary rate") || says("abuse detection")) =>
            {
                secondary(None)
            }
            verdict => verdict,
        }
    }
}

impl ClassifyHead for GitHub {
    fn classify_head(&self, head: &Head<'_>) -> Verdict {
        if !matches!(head.status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
            return Http.classify_head(head);
        }
        let hints = head.hints();
        if hints.retry_after.is_some() {
            return secondary(hints.pause());
        }
        match left(&hints) {
            Some(0) => Verdict::refused(hints.pause()),
            Some(_) if head.status == StatusCode::FORBIDDEN => Verdict::Ok,
            _ => secondary(None),
        }
    }
}

/// How many requests are left of the primary limit, if it says so.
fn left(hints: &Hints) -> Option<u64> {
    hints.x_ratelimit.iter().filter_map(|it| it.remaining).min()
}

fn secondary(pause: Option<Duration>) -> Verdict {
    Verdict::Refused { after: Some(pause.unwrap_or(GitHub::SECONDARY)), scope: Scope::Global }
}

classify_results!(GitHub);
