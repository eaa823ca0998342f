use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use tidegate_time_lock::{RetryBudget, TimeLock};
use tidegate_tower::{BoxError, Retry, TimeLockError, TimeLockInfo, TimeLockLayer};
use tokio::time::{Instant, sleep};
use tower::retry::Policy;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Server, all, get, ms, ok, plain, refuse, secs, status};

// T23, R4
#[tokio::test(start_paused = true)]
async fn the_refused_request_is_retried() {
    let server = Server::new(|it| if it.nth == 0 { refuse(2) } else { ok() });
    let gate = TimeLock::new();
    let layer = TimeLockLayer::new(gate.clone()).retry(Retry::new(RetryBudget::new()));
    let client = layer.layer(server.clone());
    let began = Instant::now();
    let refused = tokio::spawn(client.clone().oneshot(get("refused")));
    sleep(ms(11)).await;
    let later = (0..3).map(|n| client.clone().oneshot(get(&format!("later-{n}"))));
    all(later).await;
    let response = refused.await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(server.names(), ["refused", "refused", "later-0", "later-1", "later-2"]);
    assert!(server.log()[1].at >= began + ms(2010));
    let info: &TimeLockInfo = response.extensions().get().unwrap();
    assert_eq!((info.attempts, info.epoch), (2, 1));
}

// R4: also before those who have come to wait since it was sent.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_late_keeps_its_place() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let client = TimeLockLayer::new(TimeLock::new()).retry(Retry::new(RetryBudget::new())).layer(
        service_fn({
            let sent = sent.clone();
            move |request: Request<String>| {
                let name = request.into_body();
                let again = sent.lock().unwrap().contains(&name);
                sent.lock().unwrap().push(name.clone());
                async move {
                    let (latency, answer) = match (&*name, again) {
                        ("quick", false) => (ms(10), refuse(1)),
                        ("slow", false) => (ms(200), refuse(1)),
                        _ => (ms(10), ok()),
                    };
                    sleep(latency).await;
                    Ok::<_, Infallible>(answer)
                }
            }
        }),
    );
    let calls = [("slow", 0), ("quick", 0), ("later", 50), ("last", 60)].map(|(name, after)| {
        let client = client.clone();
        async move {
            sleep(ms(after)).await;
            client.oneshot(get(name)).await.unwrap().status()
        }
    });
    assert!(all(calls).await.into_iter().all(|it| it == 200));
    let sent = sent.lock().unwrap();
    assert_eq!(sent[..2], ["slow", "quick"]);
    let place = |name| sent[2..].iter().position(|it| it == name);
    assert!(place("slow") < place("later") && place("later") < place("last"), "{sent:?}");
}

// C13
#[tokio::test(start_paused = true)]
async fn retries_go_through_the_gate() {
    /// Tries again at once, for ever.
    #[derive(Clone)]
    struct Eager;

    impl Policy<Request<String>, Response<String>, BoxError> for Eager {
        type Future = Ready<()>;

        fn retry(
            &mut self,
            _: &mut Request<String>,
            result: &mut Result<Response<String>, BoxError>,
        ) -> Option<Ready<()>> {
            result.as_ref().is_ok_and(|it| it.status() == 429).then(|| ready(()))
        }

        fn clone_request(&mut self, request: &Request<String>) -> Option<Request<String>> {
            Some(request.clone())
        }
    }

    let server = Server::new(|it| if it.nth < 3 { refuse(1) } else { ok() });
    let client = ServiceBuilder::new()
        .retry(Eager)
        .layer(TimeLockLayer::new(plain()))
        .service(server.clone());
    let response = client.oneshot(get("x")).await.unwrap();
    assert_eq!(response.status(), 200);
    let log = server.log();
    assert_eq!(log.len(), 4);
    assert!(log.windows(2).all(|it| it[1].at >= it[0].at + ms(1010)));
}

#[tokio::test(start_paused = true)]
async fn attempts_end_and_the_last_refusal_is_the_answer() {
    let server = Server::new(|it| refuse(it.nth as u64 + 1));
    let budget = Arc::new(RetryBudget::new().attempts(3));
    let layer = TimeLockLayer::new(plain()).retry(Retry::new(budget));
    let response = layer.layer(server.clone()).oneshot(get("x")).await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "3");
    let info: &TimeLockInfo = response.extensions().get().unwrap();
    assert_eq!((info.attempts, server.log().len()), (3, 3));
    // None at all is one.
    for attempts in [0, 1] {
        let server = Server::new(|_| refuse(1));
        let budget = RetryBudget::new().attempts(attempts);
        let layer = TimeLockLayer::new(plain()).retry(Retry::new(budget));
        assert_eq!(layer.layer(server.clone()).oneshot(get("x")).await.unwrap().status(), 429);
        assert_eq!(server.log().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_common_limit_holds_for_all_requests_of_a_layer() {
    let server = Server::new(|_| refuse(1));
    let budget = RetryBudget::new().attempts(100).share(0.0, 3);
    let layer = TimeLockLayer::new(plain()).retry(Retry::new(budget));
    let (one, other) = (layer.layer(server.clone()), layer.layer(server.clone()));
    one.oneshot(get("x")).await.unwrap();
    other.oneshot(get("x")).await.unwrap();
    assert_eq!(server.log().len(), 4 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_copy_is_answered_as_it_was() {
    /// A body that is there once.
    struct Once;

    let gate = TimeLock::new();
    let retry = Retry::new(RetryBudget::new()).copy_with(|_: &Request<Once>| None);
    let client = ServiceBuilder::new()
        .layer(TimeLockLayer::new(gate.clone()).retry(retry))
        .service(service_fn(async |_: Request<Once>| Ok::<_, Infallible>(refuse(7))));
    let response = client.oneshot(Request::new(Once)).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_str()), (429, "later"));
    assert!(gate.is_locked());
}

// 429 is always safe; of a 503 only those that say when, and of methods that may be repeated.
#[tokio::test(start_paused = true)]
async fn what_may_have_been_worked_on_is_not_sent_twice() {
    use tidegate_time_lock::{Classify, Verdict};
    use tidegate_tower::classify::Http;

    let cases = [
        (Method::POST, 429, Some("1"), 2),
        (Method::POST, 503, Some("1"), 2),
        (Method::POST, 503, None, 1),
        (Method::DELETE, 503, None, 2),
    ];
    for (method, refusal, after, sent) in cases {
        let server = Server::new(move |it| {
            let mut response = if it.nth == 0 { status(refusal) } else { ok() };
            if let Some(after) = after {
                response.headers_mut().insert("retry-after", after.parse().unwrap());
            }
            response
        });
        // One that takes every 503 for a refusal.
        let judge = |it: &Result<Response<String>, Infallible>| match it {
            Ok(response) if response.status() == 503 => match Http.classify(it) {
                Verdict::Ignore => Verdict::refused(None),
                verdict => verdict,
            },
            _ => Http.classify(it),
        };
        let layer =
            TimeLockLayer::new(plain()).classify(judge).retry(Retry::new(RetryBudget::new()));
        let mut request = get("x");
        *request.method_mut() = method.clone();
        layer.layer(server.clone()).oneshot(request).await.unwrap();
        assert_eq!(server.log().len(), sent, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_another_attempt_for_longer_than_may_be() {
    let server = Server::new(|it| refuse([2, 9][it.nth.min(1)]));
    let layer = TimeLockLayer::new(plain());
    let layer = layer.retry(Retry::new(RetryBudget::new())).max_wait(secs(10));
    let client = layer.layer(server.clone());
    let began = Instant::now();
    // It has waited for two, and would have to for nine more: the refusal is the better answer.
    let response = client.clone().oneshot(get("x")).await.unwrap();
    assert_eq!(response.headers()["retry-after"], "9");
    assert!(began.elapsed() < secs(3));
    // Those who come now may wait for nine.
    sleep(ms(1)).await;
    let next = tokio::spawn(client.clone().oneshot(get("y")));
    sleep(secs(9)).await;
    assert_eq!(server.log().len(), 3);
    next.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_closes_ends_the_attempts() {
    let gate = TimeLock::new();
    let server = Server::new(|_| refuse(5));
    let layer = TimeLockLayer::new(gate.clone()).retry(Retry::new(RetryBudget::new()));
    let mut client = layer.layer(server);
    let call = tokio::spawn(client.call(get("x")));
    sleep(secs(1)).await;
    gate.close();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&TimeLockError::Closed));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_does_not_want_again_is_not_sent_again() {
    use tidegate_tower::classify::Grpc;

    // Whatever the method would allow, or not.
    for (method, push_back, sent) in [(Method::GET, "-1", 1), (Method::POST, "50", 2)] {
        let server = Server::new(move |it| match it.nth {
            0 => {
                let refusal = Response::builder().header("grpc-status", "8");
                let refusal = refusal.header("content-type", "application/grpc");
                refusal.header("grpc-retry-pushback-ms", push_back).body(String::new()).unwrap()
            }
            _ => ok(),
        });
        let layer = TimeLockLayer::new(plain()).classify(Grpc);
        let client = layer.retry(Retry::new(RetryBudget::new())).layer(server.clone());
        let mut request = get("x");
        *request.method_mut() = method;
        client.oneshot(request).await.unwrap();
        assert_eq!(server.log().len(), sent, "{push_back}");
    }
}

// C14
#[tokio::test(start_paused = true)]
async fn who_comes_back_counts_and_is_not_turned_away() {
    let server = Server::new(|it| if it.nth < 2 { refuse(5) } else { ok() });
    let client = TimeLockLayer::new(TimeLock::new())
        .retry(Retry::new(RetryBudget::new()))
        .max_waiters(1)
        .layer(server.clone());
    // Both are refused and come back, to one seat.
    let calls = ["one", "other"].map(|name| tokio::spawn(client.clone().oneshot(get(name))));
    sleep(secs(1)).await;
    assert_eq!(server.log().len(), 2);
    let error = client.clone().oneshot(get("third")).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(TimeLockError::Shed { .. })));
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(client.oneshot(get("fourth")).await.unwrap().status(), 200);
}
