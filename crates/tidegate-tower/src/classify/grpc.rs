use tidegate_time_lock::Verdict;

use super::head::classify_results;
use super::{ClassifyHead, Head, Http};
use crate::PushBack;

/// gRPC, by its own status.
///
/// `RESOURCE_EXHAUSTED` is a refusal, for as long as the push-back or a `RetryInfo` says, if there is one. `UNAVAILABLE` is
/// one if it says so, and says nothing otherwise: it is what a broken connection looks like. Where there is no gRPC status at
/// all, an ordinary server or proxy spoke: as [`Http`].
///
/// The status of a call that fails at once is among the headers. One that fails later has it in the trailers: make a
/// [`Head`] of those. Whether the request may be tried again is another question: see
/// [`Hints::may_retry`](crate::Hints::may_retry).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use http::{HeaderMap, StatusCode};
/// use tidegate_time_lock::Verdict;
/// use tidegate_tower::classify::{ClassifyHead, Grpc, Head};
///
/// let mut trailers = HeaderMap::new();
/// trailers.insert("grpc-status", "8".parse()?); // RESOURCE_EXHAUSTED
/// trailers.insert("grpc-retry-pushback-ms", "1500".parse()?);
/// assert_eq!(
///     Grpc.classify_head(&Head::new(StatusCode::OK, &trailers)),
///     Verdict::refused(Duration::from_millis(1500)),
/// );
/// # Ok::<_, http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Grpc;

const RESOURCE_EXHAUSTED: &[u8] = b"8";
const UNAVAILABLE: &[u8] = b"14";

impl ClassifyHead for Grpc {
    fn classify_head(&self, head: &Head<'_>) -> Verdict {
        let Some(status) = head.headers.get("grpc-status") else {
            return Http.classify_head(head);
        };
        match status.as_bytes().trim_ascii() {
            RESOURCE_EXHAUSTED => Verdict::refused(head.hints()),
            UNAVAILABLE => {
                let hints = head.hints();
                match (hints.push_back, hints.retry_info) {
                    (Some(PushBack::After(_)), _) | (None, Some(_)) => Verdict::refused(hints),
                    _ => Verdict::Ignore,
                }
            }
            _ => Verdict::Ok,
        }
    }
}

classify_results!(Grpc);
