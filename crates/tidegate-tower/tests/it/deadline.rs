use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response};
use proptest::prelude::*;
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{Deadline, move_on_after, timeout};
use tidegate_tower::{ConcurrencyLimitLayer, DeadlineExceeded, DeadlineHeader, DeadlineLayer};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Server, get, ms, ok, secs};

fn exceeded(error: &tidegate_tower::BoxError) -> DeadlineExceeded {
    *error.downcast_ref().expect("a deadline that passed")
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_the_deadline_is_over() {
    let server = Server::new(|_| ok());
    let client = DeadlineLayer::new().layer(server.clone());
    let scope = Scope::new().with_deadline(Deadline::after(ms(5)));
    sleep(ms(5)).await;
    // Polled by hand, as nobody around would otherwise let it come to that.
    let mut call = Box::pin(client.clone().oneshot(get("x")));
    let error = match scope.enter(|| tidegate_test::poll_once(call.as_mut())) {
        std::task::Poll::Ready(result) => result.unwrap_err(),
        std::task::Poll::Pending => panic!("it does not wait"),
    };
    assert!(!exceeded(&error).was_sent());
    let client = DeadlineLayer::new().timeout(Duration::ZERO).layer(server.clone());
    let error = client.oneshot(get("x")).await.unwrap_err();
    assert!(!exceeded(&error).was_sent());
    assert!(server.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_is_dropped_at_its_deadline() {
    struct Sent(Arc<AtomicUsize>);
    impl Drop for Sent {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let client = DeadlineLayer::new().timeout(secs(2)).layer(service_fn({
        let dropped = dropped.clone();
        move |()| {
            let sent = Sent(dropped.clone());
            async move {
                let _sent = sent;
                pending::<Result<(), Infallible>>().await
            }
        }
    }));
    let began = Instant::now();
    let error = client.clone().oneshot(()).await.unwrap_err();
    assert!(exceeded(&error).was_sent());
    assert_eq!((began.elapsed(), dropped.load(Ordering::SeqCst)), (secs(2), 1));
    // An earlier one around it reports by itself.
    let began = Instant::now();
    assert!(timeout(secs(1), client.clone().oneshot(())).await.is_err());
    assert_eq!((began.elapsed(), dropped.load(Ordering::SeqCst)), (secs(1), 2));
    assert!(move_on_after(secs(1), client.clone().oneshot(())).await.is_none());
    // A later one does not matter.
    let late = timeout(secs(3), client.oneshot(())).await.unwrap().unwrap_err();
    assert!(exceeded(&late).was_sent());
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_ready_at_the_deadline_is_kept() {
    let client = DeadlineLayer::new().timeout(ms(10)).layer(Server::new(|_| ok()).latency(ms(10)));
    assert!(client.oneshot(get("x")).await.is_ok());
}

// The call is made before there is a timeout, or somewhere else.
#[tokio::test(start_paused = true)]
async fn the_deadline_is_that_of_who_waits_for_the_response() {
    let told = service_fn(async |request: Request<()>| {
        let said = request.headers().get("x-ms").cloned();
        Ok::<_, Infallible>((said, Deadline::ambient().remaining()))
    });
    let header = DeadlineHeader::milliseconds(HeaderName::from_static("x-ms"));
    let mut client = DeadlineLayer::new().send(header).layer(told);
    let call = client.ready().await.unwrap().call(Request::new(()));
    let (said, left) = timeout(secs(3), call).await.unwrap().unwrap();
    assert_eq!((said.unwrap().to_str().unwrap(), left), ("3000", Some(secs(3))));
    let mut buffered = ServiceBuilder::new().buffer(1).service(client.clone());
    let call = buffered.ready().await.unwrap().call(Request::new(()));
    sleep(secs(1)).await;
    let (said, _) = timeout(secs(3), call).await.unwrap().unwrap();
    assert_eq!(said.unwrap(), "3000");
    // Without any there is nothing to say.
    let (said, left) = client.call(Request::new(())).await.unwrap();
    assert_eq!((said, left), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_says_less_is_believed() {
    let header = || DeadlineHeader::grpc();
    let client = DeadlineLayer::new().timeout(secs(10)).send(header()).layer(service_fn(
        async |it: Request<()>| Ok::<_, Infallible>(it.headers()["grpc-timeout"].clone()),
    ));
    for (said, sent) in [("1S", "1S"), ("1M", "10000000u"), ("soon", "10000000u")] {
        let request = Request::builder().header("grpc-timeout", said).body(()).unwrap();
        assert_eq!(client.clone().oneshot(request).await.unwrap(), sent);
    }
}

// From one server to the next: the time that is left gets less.
#[tokio::test(start_paused = true)]
async fn deadlines_go_from_service_to_service() {
    let left_there = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Deadline::ambient().remaining()))
    });
    let far = DeadlineLayer::new().receive(DeadlineHeader::grpc()).layer(left_there);
    let client = DeadlineLayer::new().send(DeadlineHeader::grpc()).layer(far);
    let near = DeadlineLayer::new().receive(DeadlineHeader::grpc()).layer(service_fn(
        move |_: Request<()>| {
            let client = client.clone();
            async move {
                sleep(secs(1)).await;
                // In a task of its own there is no scope around it but what is in the header.
                client.oneshot(Request::new(())).await
            }
        },
    ));
    let request = Request::builder().header("grpc-timeout", "5S").body(()).unwrap();
    let response = near.clone().oneshot(request).await.unwrap();
    assert_eq!(*response.body(), Some(secs(4)));
    let request = Request::builder().header("grpc-timeout", "500m").body(()).unwrap();
    let error = near.clone().oneshot(request).await.unwrap_err();
    assert!(exceeded(&error).was_sent());
    let request = Request::builder().header("grpc-timeout", "0n").body(()).unwrap();
    let error = near.clone().oneshot(request).await.unwrap_err();
    assert!(!exceeded(&error).was_sent());
    // What cannot be read is not there.
    let request = Request::builder().header("grpc-timeout", "-1S").body(()).unwrap();
    assert_eq!(*near.oneshot(request).await.unwrap().body(), None);
}

#[test]
fn what_a_header_says() {
    let grpc = |value: &'static str| DeadlineHeader::grpc().read(&HeaderValue::from_static(value));
    assert_eq!(grpc("1H"), Some(secs(3600)));
    assert_eq!(grpc("99999999H"), Some(secs(99_999_999 * 3600)));
    assert_eq!(grpc("7n"), Some(Duration::from_nanos(7)));
    for odd in ["", "S", "1", "1s", "100000000S", "1 S", "+1S", "1.5S", "1SS", "\u{fc}"] {
        let value = HeaderValue::from_str(odd).unwrap();
        assert_eq!(DeadlineHeader::grpc().read(&value), None, "{odd:?}");
    }
    let ours = DeadlineHeader::milliseconds(HeaderName::from_static("x-ms"));
    assert_eq!(ours.read(&HeaderValue::from_static("1500")), Some(ms(1500)));
    assert_eq!(ours.read(&HeaderValue::from_static("1500ms")), None);
    let most = HeaderValue::from_static("99999999999999999999999");
    assert_eq!(ours.read(&most), Some(Duration::from_millis(u64::MAX)));
    assert_eq!(ours.write(Duration::from_nanos(1)), "1", "not over yet");
    assert_eq!(DeadlineHeader::grpc().write(Duration::MAX), "99999999H");
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(nanos in any::<u64>(), size in 0..64_u32) {
        let left = Duration::from_nanos(nanos >> size);
        let grpc = DeadlineHeader::grpc();
        let value = grpc.write(left);
        prop_assert!(value.len() <= 9);
        let read = grpc.read(&value).unwrap();
        // Never more, and exact to five digits.
        prop_assert!(read <= left && left - read <= left / 100_000, "{value:?}");
        let ours = DeadlineHeader::milliseconds(HeaderName::from_static("x-ms"));
        let read = ours.read(&ours.write(left)).unwrap();
        prop_assert!(read >= left && read - left < Duration::from_millis(1));
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let _ = DeadlineHeader::grpc().read(&value);
            let ours = DeadlineHeader::milliseconds(HeaderName::from_static("x-ms"));
            let _ = ours.read(&value);
        }
    }
}

// First polled in a scope that nobody runs afterwards.
#[tokio::test(start_paused = true)]
async fn a_deadline_holds_where_its_scope_is_no_more() {
    let client = DeadlineLayer::new()
        .layer(service_fn(async |()| pending::<Result<(), Infallible>>().await));
    let mut call = Box::pin(client.oneshot(()));
    let scope = Scope::new().with_deadline(Deadline::after(secs(1)));
    assert!(scope.enter(|| tidegate_test::poll_once(call.as_mut())).is_pending());
    let error = tokio::time::timeout(secs(5), call).await.unwrap().unwrap_err();
    assert!(exceeded(&error).was_sent());
}

#[tokio::test(start_paused = true)]
async fn the_service_that_is_ready_is_the_one_that_is_called() {
    let limit = ConcurrencyLimitLayer::new(1);
    let mut client = ServiceBuilder::new()
        .layer(DeadlineLayer::new())
        .layer(limit.clone())
        .service(Server::new(|_| ok()));
    let call = client.ready().await.unwrap().call(get("x"));
    assert_eq!(limit.limiter().borrowed(), 1);
    call.await.unwrap();
    assert_eq!(limit.limiter().borrowed(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_layer_inside_of_another_sees_its_deadline_in_its_call() {
    let inner = service_fn(|()| std::future::ready(Ok::<_, Infallible>(Deadline::ambient())));
    let client = DeadlineLayer::new().timeout(secs(3)).layer(inner);
    assert_eq!(client.oneshot(()).await.unwrap().remaining(), Some(secs(3)));
}
