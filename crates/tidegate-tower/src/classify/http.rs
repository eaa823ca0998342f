use http::StatusCode;
use tidegate_time_lock::Verdict;

use super::head::classify_results;
use super::{ClassifyHead, Head};
use crate::Hints;

/// What most servers mean.
///
/// A refusal is a "429 Too Many Requests"; a "503 Service Unavailable" that says when to come back; and a
/// "403 Forbidden" that does so, or that says that nothing is left of a limit. A 503 that says nothing may be a limit or
/// a broken server: [`Verdict::Ignore`]. See [`Nginx`] for those where it is a limit.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use http::Response;
/// use tidegate_time_lock::{Classify, Verdict};
/// use tidegate_tower::classify::Http;
///
/// let verdict = |response| Http.classify(&Ok::<Response<&str>, ()>(response));
/// let busy = Response::builder().status(503);
/// assert_eq!(verdict(busy.header("Retry-After", "2").body("")?), Verdict::refused(Duration::from_secs(2)));
/// assert_eq!(verdict(Response::builder().status(429).body("")?), Verdict::refused(None));
/// assert_eq!(verdict(Response::builder().status(404).body("")?), Verdict::Ok);
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Http;

impl ClassifyHead for Http {
    fn classify_head(&self, head: &Head<'_>) -> Verdict {
        let (hints, pause) = match head.status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::FORBIDDEN => {
                let hints = head.hints();
                let pause = hints.pause();
                (hints, pause)
            }
            _ => return Verdict::Ok,
        };
        match (head.status, pause) {
            (StatusCode::FORBIDDEN, Some(pause)) if is_about_a_limit(&hints) => {
                Verdict::refused(pause)
            }
            (StatusCode::FORBIDDEN, _) => Verdict::Ok,
            (StatusCode::SERVICE_UNAVAILABLE, None) => Verdict::Ignore,
            (_, pause) => Verdict::refused(pause),
        }
    }
}

/// Whether it says more than when a limit ends of which it does not say that it is used up.
pub(super) fn is_about_a_limit(hints: &Hints) -> bool {
    let is_used_up = hints.rate_limit.iter().any(|it| it.remaining == 0)
        || hints.x_ratelimit.iter().any(|it| it.remaining == Some(0));
    hints.retry_after.is_some() || hints.retry_after_ms.is_some() || is_used_up
}

/// As [`Http`], and every "503 Service Unavailable" is a refusal.
///
/// That is what nginx answers when `limit_req` or `limit_conn` has had enough, unless it is configured to say more.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{Classify, Verdict};
/// use tidegate_tower::classify::{Http, Nginx};
///
/// let busy = Ok::<_, ()>(http::Response::builder().status(503).body("")?);
/// assert_eq!(Nginx.classify(&busy), Verdict::refused(None));
/// assert_eq!(Http.classify(&busy), Verdict::Ignore);
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Nginx;

impl ClassifyHead for Nginx {
    fn classify_head(&self, head: &Head<'_>) -> Verdict {
        match head.status {
            StatusCode::SERVICE_UNAVAILABLE => Verdict::refused(head.hints()),
            _ => Http.classify_head(head),
        }
    }
}

classify_results!(Http, Nginx);
