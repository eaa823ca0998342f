use http::StatusCode;
use tidegate_time_lock::Verdict;

use super::head::classify_results;
use super::{ClassifyHead, Head, Http};

/// OpenAI's limits, and those of whoever has the same API, Azure among them.
///
/// A 429 is a refusal, for as long as `Retry-After` and `retry-after-ms` say, or else the limits in requests and in
/// tokens; every 503 is one, and so is the 529 of a service that is overloaded. An answer that says
/// `x-should-retry: false`, as one does when the account has run out of money, is none: no pause would help.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use http::Response;
/// use tidegate_time_lock::{Classify, Verdict};
/// use tidegate_tower::classify::OpenAi;
///
/// let refusal = Response::builder()
///     .status(429)
///     .header("x-ratelimit-remaining-tokens", "0")
///     .header("x-ratelimit-reset-tokens", "6m0s")
///     .body("")?;
/// assert_eq!(OpenAi.classify(&Ok::<_, ()>(refusal)), Verdict::refused(Duration::from_secs(360)));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpenAi;

impl ClassifyHead for OpenAi {
    fn classify_head(&self, head: &Head<'_>) -> Verdict {
        let is_overloaded =
            head.status == StatusCode::SERVICE_UNAVAILABLE || head.status.as_u16() == OVERLOADED;
        if head.status != StatusCode::TOO_MANY_REQUESTS && !is_overloaded {
            return Http.classify_head(head);
        }
        let retry = head.headers.get("x-should-retry");
        if retry.is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"false")) {
            return Verdict::Ignore;
        }
        Verdict::refused(head.hints())
    }
}

const OVERLOADED: u16 = 529;

classify_results!(OpenAi);
