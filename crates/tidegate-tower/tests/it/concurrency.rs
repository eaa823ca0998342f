use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use tidegate_semaphore::CapacityLimiter;
use tidegate_test::poll_once;
use tidegate_tower::ConcurrencyLimitLayer;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Server, all, get, ms, ok};

#[tokio::test(start_paused = true)]
async fn so_many_at_a_time_first_come_first_served() {
    let limit = ConcurrencyLimitLayer::new(2);
    let server = Server::new(|_| ok());
    let (one, other) = (limit.layer(server.clone()), limit.clone().layer(server.clone()));
    let began = Instant::now();
    let calls = (0..10).map(|n| [&one, &other][n % 2].clone().oneshot(get(&n.to_string())));
    all(calls).await;
    assert_eq!(began.elapsed(), ms(50));
    assert_eq!(server.names(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(limit.limiter().statistics().peak, 2);
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_part_of_being_ready() {
    let limit = ConcurrencyLimitLayer::new(1);
    let mut ready = limit.layer(Server::new(|_| ok()));
    ready.ready().await.unwrap();
    ready.ready().await.unwrap();
    assert_eq!(limit.limiter().borrowed(), 1);
    // A clone has none, and waits.
    let mut clone = ready.clone();
    {
        let mut wait = Box::pin(clone.ready());
        assert!(poll_once(wait.as_mut()).is_pending());
    }
    assert_eq!(limit.limiter().waiters(), 1, "the place in line is the service's");
    drop(ready);
    assert!(poll_once(Box::pin(clone.ready()).as_mut()).is_ready());
    let call = clone.call(get("x"));
    assert_eq!(limit.limiter().borrowed(), 1);
    drop(call);
    assert_eq!(limit.limiter().borrowed(), 0);
    // Granted, and never looked at.
    let held = limit.limiter().try_acquire().unwrap();
    assert!(poll_once(Box::pin(clone.ready()).as_mut()).is_pending());
    drop(held);
    drop(clone);
    assert_eq!((limit.limiter().borrowed(), limit.limiter().waiters()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_limit_may_change_at_any_time() {
    let limiter = Arc::new(CapacityLimiter::new(0));
    let limit = ConcurrencyLimitLayer::with_limiter(limiter.clone());
    let server = Server::new(|_| ok());
    let tasks: Vec<_> =
        (0..6).map(|_| tokio::spawn(limit.layer(server.clone()).oneshot(get("x")))).collect();
    sleep(ms(100)).await;
    assert!(server.log().is_empty());
    limiter.set_total(4);
    sleep(ms(1)).await;
    assert_eq!(server.log().len(), 4);
    limiter.set_total(1);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let log = server.log();
    assert_eq!(log[5].at - log[4].at, ms(10), "one at a time");
    limiter.set_total(usize::MAX);
    all((0..100).map(|_| limit.layer(server.clone()).oneshot(get("x")))).await;
}

async fn until_end<B>(
    body: B,
) -> (
    ConcurrencyLimitLayer<tidegate_tower::UntilBodyEnds>,
    http::Response<tidegate_tower::LimitedBody<B>>,
)
where
    B: Body + Clone + Send + 'static,
{
    let limit = ConcurrencyLimitLayer::new(1).until_body_ends();
    let service = limit.layer(service_fn(move |_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(body.clone())))
    }));
    (limit.clone(), service.oneshot(Request::new(())).await.unwrap())
}

#[tokio::test]
async fn a_body_holds_its_permit_to_its_end() {
    let (limit, response) = until_end(Full::new(Bytes::from("page"))).await;
    assert_eq!(limit.limiter().borrowed(), 1);
    assert_eq!(response.body().size_hint().exact(), Some(4));
    let mut body = response.into_body();
    // Its last frame is its end.
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "page");
    assert_eq!(limit.limiter().borrowed(), 0);
    assert!(body.is_end_stream() && body.frame().await.is_none());

    let (limit, response) = until_end(Full::new(Bytes::from("page"))).await;
    drop(response);
    assert_eq!(limit.limiter().borrowed(), 0, "dropped");

    let (limit, _response) = until_end(Empty::<Bytes>::new()).await;
    assert_eq!(limit.limiter().borrowed(), 0, "nobody reads an empty one");
}

#[tokio::test]
async fn a_body_that_fails_gives_its_permit_back() {
    let limit = ConcurrencyLimitLayer::new(1).until_body_ends();
    let service = limit.layer(service_fn(async |_: Request<()>| {
        let mut frames = [Ok(Frame::data(Bytes::from("a"))), Err("broken")].into_iter();
        let frames = futures_util::stream::poll_fn(move |_| std::task::Poll::Ready(frames.next()));
        Ok::<_, Infallible>(Response::new(StreamBody::new(frames)))
    }));
    let mut body = service.oneshot(Request::new(())).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(limit.limiter().borrowed(), 1);
    assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken");
    assert_eq!(limit.limiter().borrowed(), 0);
}
