//! Which responses are refusals, whatever their type.

use std::time::Duration;

use http::{Response, StatusCode};
use tidegate_time_lock::{Classify, PausingSemaphore, Verdict};
use tidegate_tower::classify::{ByHead, ClassifyHead, Head, Http, Nginx};

use crate::hints::headers;

/// What a classifier makes of a response, by its head and as a result, which have to agree.
fn verdict<C>(by: C, status: u16, text: &str) -> Verdict
where
    C: ClassifyHead + Classify<Response<&'static str>, ()>,
{
    let (status, headers) = (StatusCode::from_u16(status).expect("a status"), headers(text));
    let by_head = by.classify_head(&Head::new(status, &headers));
    let mut response = Response::new("body");
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    let of_result = by.classify(&Ok(response));
    assert_eq!(by_head, of_result);
    by_head
}

fn refused(seconds: u64) -> Verdict {
    Verdict::refused(Duration::from_secs(seconds))
}

#[test]
fn most_servers_refuse_with_429_and_with_503_that_says_when() {
    for (status, text, expected) in [
        (200, "", Verdict::Ok),
        (200, "retry-after: 5", Verdict::Ok),
        (301, "retry-after: 5", Verdict::Ok),
        (404, "", Verdict::Ok),
        (500, "retry-after: 5", Verdict::Ok),
        (429, "", Verdict::refused(None)),
        (429, "retry-after: 5", refused(5)),
        (429, "retry-after: soon", Verdict::refused(None)),
        (429, "ratelimit: \"a\";r=0;t=7", refused(7)),
        (503, "", Verdict::Ignore),
        (503, "retry-after: soon", Verdict::Ignore),
        (503, "retry-after: 5", refused(5)),
        (503, "retry-after-ms: 5000", refused(5)),
        (403, "", Verdict::Ok),
        (403, "retry-after: 60", refused(60)),
        (403, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 30", refused(30)),
        (403, "x-ratelimit-remaining: 12\nx-ratelimit-reset: 30", Verdict::Ok),
        (403, "x-ratelimit-reset: 30", Verdict::Ok),
    ] {
        assert_eq!(verdict(Http, status, text), expected, "{status} {text}");
        if (status, expected) != (503, Verdict::Ignore) {
            assert_eq!(verdict(Nginx, status, text), expected, "{status} {text}");
        }
    }
    assert_eq!(verdict(Nginx, 503, ""), Verdict::refused(None));
}

#[test]
fn an_error_says_nothing_about_the_other_side() {
    assert_eq!(Http.classify(&Err::<Response<()>, _>("no such host")), Verdict::Ignore);
    assert_eq!(ByHead(Http).classify(&Err::<Response<()>, _>("no such host")), Verdict::Ignore);
}

#[tokio::test(start_paused = true)]
async fn a_semaphore_pauses_by_them() {
    let requests = PausingSemaphore::builder().permits(2).classify_with(Http).build();
    let refusal = Response::builder().status(429).header("retry-after", "5");
    requests.run(async { refusal.body(()) }).await.expect("a response");
    assert!(requests.gate().is_locked());

    let before = tokio::time::Instant::now();
    // Another body and another error: the same classifier.
    requests.run(async { Ok::<_, ()>(Response::new("body")) }).await.expect("a response");
    assert!(before.elapsed() >= Duration::from_secs(5));
}
