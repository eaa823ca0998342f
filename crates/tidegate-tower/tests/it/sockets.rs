// Real sockets, on loopback, and therefore on the real clock: what is asserted is what came, never how long it took
// other than at least.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tidegate_time_lock::{KeyedTimeLock, RetryBudget, TimeLock, Verdict};
use tidegate_tower::classify::{ClassifyHead, Head, Http};
use tidegate_tower::{
    BoxError, ConcurrencyLimitLayer, DeadlineExceeded, DeadlineHeader, DeadlineLayer, Retry,
    TimeLockInfo, TimeLockLayer,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::support::{ms, secs};

/// A server on loopback, stopped when it is dropped.
struct Loopback {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Loopback {
    async fn serve(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, task }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Refuses the first `n`, and then answers with a page.
async fn refuses(n: usize) -> (Loopback, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let handler = {
        let seen = seen.clone();
        async move || {
            if seen.fetch_add(1, Ordering::SeqCst) < n {
                let hints = [("retry-after", "1"), ("retry-after-ms", "50")];
                return (StatusCode::TOO_MANY_REQUESTS, hints, "later");
            }
            (StatusCode::OK, [("x-a", "1"), ("x-b", "2")], "a page")
        }
    };
    (Loopback::serve(Router::new().route("/", get(handler))).await, seen)
}

fn reqwest_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

// T23, C13
#[tokio::test]
async fn a_client_of_reqwest_is_refused_and_comes_back() {
    let (server, seen) = refuses(2).await;
    let hosts = KeyedTimeLock::<String>::new();
    let mut client = ServiceBuilder::new()
        .layer(
            TimeLockLayer::new(hosts.clone())
                .key(|it: &reqwest::Request| it.url().origin().ascii_serialization())
                .classify(|it: &reqwest::Result<reqwest::Response>| match it {
                    Ok(it) => Http.classify_head(&Head::new(it.status(), it.headers())),
                    Err(_) => Verdict::Ignore,
                })
                .retry(Retry::new(RetryBudget::new()).copy_with(reqwest::Request::try_clone))
                .info(|it: &mut reqwest::Response, info| {
                    it.extensions_mut().insert(info);
                }),
        )
        .service(reqwest_client());
    let request = reqwest::Request::new(reqwest::Method::GET, server.url().parse().unwrap());
    let response = client.ready().await.unwrap().call(request).await.unwrap();
    let info = *response.extensions().get::<TimeLockInfo>().unwrap();
    assert_eq!(
        (response.status().as_u16(), response.text().await.unwrap()),
        (200, "a page".into())
    );
    assert_eq!((info.attempts, seen.load(Ordering::SeqCst)), (3, 3));
    assert!(info.waited >= ms(2 * 50), "{info:?}");
    // Nobody is there any more.
    let url = server.url().parse().unwrap();
    drop(server);
    tokio::task::yield_now().await;
    let request = reqwest::Request::new(reqwest::Method::GET, url);
    if let Err(error) = client.call(request).await {
        assert!(error.is::<reqwest::Error>(), "as it is");
    }
}

// The other way: requests and responses of `http` outside, so that nothing has to be said about them.
#[tokio::test]
async fn a_client_of_reqwest_may_look_like_any_other() {
    let (server, seen) = refuses(1).await;
    let client = ServiceBuilder::new()
        .layer(
            TimeLockLayer::new(KeyedTimeLock::<String>::new())
                .retry(Retry::new(RetryBudget::new())),
        )
        .map_request(|it: Request<Bytes>| reqwest::Request::try_from(it).unwrap())
        .map_response(Response::<reqwest::Body>::from)
        .service(reqwest_client());
    let request = Request::get(server.url()).body(Bytes::new()).unwrap();
    let response = client.oneshot(request).await.unwrap();
    assert_eq!((response.status().as_u16(), seen.load(Ordering::SeqCst)), (200, 2));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "a page");
}

#[tokio::test]
async fn the_client_of_hyper_goes_through_all_layers() {
    let (server, seen) = refuses(1).await;
    let limit = ConcurrencyLimitLayer::new(2).until_body_ends();
    let client = ServiceBuilder::new()
        .layer(
            TimeLockLayer::new(KeyedTimeLock::<String>::new())
                .retry(Retry::new(RetryBudget::new()))
                .max_wait(secs(60)),
        )
        .layer(limit.clone())
        .layer(DeadlineLayer::new().timeout(secs(60)))
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let request = || Request::get(server.url()).body(Full::new(Bytes::new())).unwrap();
    // The first one alone, or more than one would be refused.
    let response = client.clone().oneshot(request()).await.unwrap();
    assert_eq!(response.extensions().get::<TimeLockInfo>().unwrap().attempts, 2);
    assert_eq!(limit.limiter().borrowed(), 1, "its body is still there");
    drop(response);
    let crowd: Vec<_> = (0..10)
        .map(|_| {
            let call = client.clone().oneshot(request());
            tokio::spawn(
                async move { call.await?.into_body().collect().await.map_err(BoxError::from) },
            )
        })
        .collect();
    for task in crowd {
        assert_eq!(task.await.unwrap().unwrap().to_bytes(), "a page");
    }
    assert_eq!((limit.limiter().borrowed(), seen.load(Ordering::SeqCst)), (0, 12));
    assert!(limit.limiter().statistics().peak <= 2);
}

#[tokio::test]
async fn a_server_that_is_shut_says_so_and_answers_when_it_is_open() {
    let maintenance = TimeLock::new();
    let app = Router::new()
        .route("/", get(async || "at your service"))
        .layer(TimeLockLayer::new(maintenance.clone()).shed());
    let server = Loopback::serve(app).await;
    let client = reqwest_client();
    let ask = async || client.get(server.url()).send().await.unwrap();
    assert_eq!(ask().await.text().await.unwrap(), "at your service");
    maintenance.lock_for(secs(3600));
    let response = ask().await;
    assert_eq!(response.status(), 503);
    // Whole seconds of which one has begun.
    let said: u64 = response.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=3600).contains(&said), "{said}");
    maintenance.unlock();
    assert_eq!(ask().await.status(), 200);
}

// A client of ours and a server of ours: told to come back in a second, it does.
#[tokio::test]
async fn who_is_shed_comes_back_when_it_was_told() {
    let maintenance = TimeLock::new();
    let app = Router::new()
        .route("/", get(async || "at your service"))
        .layer(TimeLockLayer::new(maintenance.clone()).shed());
    let server = Loopback::serve(app).await;
    let client = ServiceBuilder::new()
        .layer(
            TimeLockLayer::new(KeyedTimeLock::<String>::new())
                .retry(Retry::new(RetryBudget::new())),
        )
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    maintenance.lock_for(ms(300));
    let request = Request::post(server.url()).body(Full::new(Bytes::new())).unwrap();
    let response = client.oneshot(request).await.unwrap();
    // A route that only knows GET: what matters is who answered.
    assert_eq!(response.status(), 405);
    let info = response.extensions().get::<TimeLockInfo>().unwrap();
    assert_eq!(info.attempts, 2);
    assert!(info.waited >= secs(1), "rounded up");
}

#[tokio::test]
async fn a_deadline_goes_to_the_other_side() {
    async fn late(error: BoxError) -> StatusCode {
        match error.is::<DeadlineExceeded>() {
            true => StatusCode::GATEWAY_TIMEOUT,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    let app =
        Router::new().route("/", get(async || std::future::pending::<&'static str>().await)).layer(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(late))
                .layer(DeadlineLayer::new().receive(DeadlineHeader::grpc())),
        );
    let server = Loopback::serve(app).await;
    // The other side gives up first: nobody told this one's own time-out about it.
    let client = reqwest_client();
    let response = client.get(server.url()).header("grpc-timeout", "20m").send().await.unwrap();
    assert_eq!(response.status(), 504);
    // And this side, if it has a deadline that it tells nobody.
    let client = DeadlineLayer::new().timeout(Duration::from_millis(20));
    let client = ServiceBuilder::new().layer(client).service(reqwest_client());
    let request = reqwest::Request::new(reqwest::Method::GET, server.url().parse().unwrap());
    let error = client.oneshot(request).await.unwrap_err();
    assert!(error.downcast_ref::<DeadlineExceeded>().unwrap().was_sent());
}
