//! Which responses are refusals, whatever their type.

use std::time::Duration;

use http::{Response, StatusCode};
use tidegate_time_lock::{Classify, PausingSemaphore, Scope, Verdict};
use tidegate_tower::classify::{
    ByHead, ClassifyHead, Discord, GitHub, Grpc, Head, Http, Nginx, OpenAi,
};

use crate::hints::{THREE_SECONDS, headers};

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

fn everybody(seconds: u64) -> Verdict {
    Verdict::Refused { after: Some(Duration::from_secs(seconds)), scope: Scope::Global }
}

#[test]
fn github_has_limits_for_a_resource_and_limits_for_an_account() {
    for (status, text, expected) in [
        (200, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 30", Verdict::Ok),
        (304, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 30", Verdict::Ok),
        (404, "", Verdict::Ok),
        (503, "", Verdict::Ignore),
        (503, "retry-after: 5", refused(5)),
        // The hour's requests are used up.
        (403, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1800", refused(1800)),
        (429, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1800", refused(1800)),
        (429, "x-ratelimit-remaining: 0", Verdict::refused(None)),
        // Secondary limits, with a header and without.
        (403, "retry-after: 30", everybody(30)),
        (
            403,
            "retry-after: 30\nx-ratelimit-remaining: 4000\nx-ratelimit-reset: 1800",
            everybody(30),
        ),
        (429, "retry-after: 90", everybody(90)),
        (403, "", everybody(60)),
        (403, "retry-after: soon", everybody(60)),
        (429, "", everybody(60)),
        (429, "x-ratelimit-remaining: 4000\nx-ratelimit-reset: 1800", everybody(60)),
        // No permission, as far as the headers say.
        (403, "x-ratelimit-remaining: 4000\nx-ratelimit-reset: 1800", Verdict::Ok),
    ] {
        assert_eq!(verdict(GitHub, status, text), expected, "{status} {text}");
    }
}

#[test]
fn the_body_of_a_403_of_github_tells_a_limit_from_a_lack_of_permission() {
    let plenty = headers("x-ratelimit-remaining: 4000\nx-ratelimit-reset: 1800");
    let look = |status, body: &str| {
        GitHub.classify_with_body(&Head::new(status, &plenty), body.as_bytes())
    };
    let limit = r#"{"message":"You have exceeded a secondary rate limit and have been temporarily blocked"}"#;
    let old = r#"{"message":"You have triggered an abuse detection mechanism."}"#;
    let not_yours = r#"{"message":"Must have admin rights to Repository."}"#;
    assert_eq!(look(StatusCode::FORBIDDEN, limit), everybody(60));
    assert_eq!(look(StatusCode::FORBIDDEN, old), everybody(60));
    assert_eq!(look(StatusCode::FORBIDDEN, not_yours), Verdict::Ok);
    assert_eq!(look(StatusCode::FORBIDDEN, ""), Verdict::Ok);
    assert_eq!(look(StatusCode::OK, limit), Verdict::Ok);
    let used_up = headers("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1800");
    let head = Head::new(StatusCode::FORBIDDEN, &used_up);
    assert_eq!(GitHub.classify_with_body(&head, not_yours.as_bytes()), refused(1800));
}

#[test]
fn discord_says_whom_a_limit_is_about() {
    for (status, text, expected) in [
        (200, "x-ratelimit-remaining: 0\nx-ratelimit-reset-after: 2", Verdict::Ok),
        (403, "", Verdict::Ok),
        (429, "retry-after: 2\nx-ratelimit-scope: user\nx-ratelimit-bucket: abcd1234", refused(2)),
        (429, "retry-after: 2\nx-ratelimit-scope: shared", refused(2)),
        (429, "retry-after: 65\nx-ratelimit-scope: global", everybody(65)),
        (429, "retry-after: 65\nx-ratelimit-global: true", everybody(65)),
        (429, "retry-after: 65\nx-ratelimit-global: false", refused(65)),
        (429, "x-ratelimit-remaining: 0\nx-ratelimit-reset-after: 3", refused(3)),
        (429, "", Verdict::refused(None)),
    ] {
        assert_eq!(verdict(Discord, status, text), expected, "{status} {text}");
    }
}

#[test]
fn openai_counts_requests_and_tokens_and_says_when_no_pause_helps() {
    for (status, text, expected) in [
        (200, "x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 1s", Verdict::Ok),
        (429, "retry-after: 2\nretry-after-ms: 2000", refused(2)),
        (429, "x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 6m0s", refused(360)),
        (429, "x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 6m0s", refused(360)),
        (429, "", Verdict::refused(None)),
        (429, "x-should-retry: true", Verdict::refused(None)),
        (429, "x-should-retry: false\nretry-after: 2", Verdict::Ignore),
        (500, "", Verdict::Ok),
        (503, "", Verdict::refused(None)),
        (503, "x-should-retry: false", Verdict::Ignore),
        (529, "", Verdict::refused(None)),
        (529, "retry-after: 20", refused(20)),
    ] {
        assert_eq!(verdict(OpenAi, status, text), expected, "{status} {text}");
    }
}

#[test]
fn grpc_speaks_by_its_own_status() {
    for (status, text, expected) in [
        (200, "", Verdict::Ok),
        (200, "grpc-status: 0", Verdict::Ok),
        (200, "grpc-status: 0\ngrpc-retry-pushback-ms: 5000", Verdict::Ok),
        (200, "grpc-status: 5", Verdict::Ok),
        (200, "grpc-status: 8", Verdict::refused(None)),
        (200, "grpc-status: 8\ngrpc-retry-pushback-ms: 5000", refused(5)),
        (200, "grpc-status: 8\ngrpc-retry-pushback-ms: -1", Verdict::refused(None)),
        (200, "grpc-status: 14", Verdict::Ignore),
        (200, "grpc-status: 14\ngrpc-retry-pushback-ms: 5000", refused(5)),
        (200, "grpc-status: 14\ngrpc-retry-pushback-ms: -1", Verdict::Ignore),
        (200, "grpc-status: eight", Verdict::Ok),
        (200, &format!("grpc-status: 8\ngrpc-status-details-bin: {THREE_SECONDS}"), refused(3)),
        (200, &format!("grpc-status: 14\ngrpc-status-details-bin: {THREE_SECONDS}"), refused(3)),
        // Somebody on the way.
        (429, "retry-after: 5", refused(5)),
        (503, "", Verdict::Ignore),
    ] {
        assert_eq!(verdict(Grpc, status, text), expected, "{status} {text}");
    }
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
