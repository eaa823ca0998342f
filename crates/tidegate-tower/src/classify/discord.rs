use http::StatusCode;
use tidegate_time_lock::{Scope, Verdict};

use super::head::classify_results;
use super::{ClassifyHead, Head, Http};

/// Discord's limits, by bucket and for everybody.
///
/// A 429 is about the bucket that `x-ratelimit-bucket` names, unless `x-ratelimit-global` is there or
/// `x-ratelimit-scope` is `global`: then it is about all that the bot does, [`Scope::Global`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use http::Response;
/// use tidegate_time_lock::{Classify, Scope, Verdict};
/// use tidegate_tower::classify::Discord;
///
/// let refusal = Response::builder()
///     .status(429)
///     .header("Retry-After", "65")
///     .header("X-RateLimit-Global", "true")
///     .header("X-RateLimit-Scope", "global")
///     .body("")?;
/// assert_eq!(
///     Discord.classify(&Ok::<_, ()>(refusal)),
///     Verdict::Refused { after: Some(Duration::from_secs(65)), scope: Scope::Global },
/// );
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Discord;

impl ClassifyHead for Discord {
    fn classify_head(&self, head: &Head<'_>) -> Verdict {
        if head.status != StatusCode::TOO_MANY_REQUESTS {
            return Http.classify_head(head);
        }
        let scope = if is_global(head) { Scope::Global } else { Scope::Key };
        Verdict::Refused { after: head.hints().pause(), scope }
    }
}

fn is_global(head: &Head<'_>) -> bool {
    let says = |name: &str, word: &str| {
        let mut lines = head.headers.get_all(name).iter();
        lines.any(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    };
    says("x-ratelimit-global", "true") || says("x-ratelimit-scope", "global")
}

classify_results!(Discord);
