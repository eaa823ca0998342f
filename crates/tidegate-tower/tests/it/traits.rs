use std::convert::Infallible;

use http::{Request, Response};
use tidegate_time_lock::{KeyedTimeLock, TimeLock};
use tidegate_tower::{
    BoxError, ByOrigin, CloneRequest, ConcurrencyLimitFuture, ConcurrencyLimitLayer,
    ConcurrencyLimitService, DeadlineExceeded, DeadlineFuture, DeadlineHeader, DeadlineLayer,
    DeadlineService, InExtensions, LimitedBody, NoHeader, NoInfo, NoKey, NoQuotas, NoRetry,
    OnOverflow, Retry, ShedFuture, ShedLayer, ShedService, TimeLockError, TimeLockFuture,
    TimeLockInfo, TimeLockLayer, TimeLockService, UntilBodyEnds, UntilResponse, classify::Http,
};
use tower::{Layer, Service, util::BoxCloneSyncService};

use crate::support::{Server, ok};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn owned<T: 'static>() {}
fn clone<T: Clone>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}
fn debug<T: std::fmt::Debug>() {}

macro_rules! table {
    ($($ty:ty: $($what:ident)*;)*) => {
        $($($what::<$ty>();)*)*
    };
}

type Answer = std::future::Ready<Result<Response<String>, Infallible>>;

#[test]
fn what_dependants_rely_on() {
    table! {
        TimeLockLayer<String>: send sync unpin owned clone debug;
        TimeLockService<Server, String, Http, ByOrigin, NoRetry, InExtensions, NoQuotas>: send sync unpin owned clone;
        TimeLockFuture<Response<String>>: send unpin owned debug;
        TimeLockError: error clone;
        TimeLockInfo: send sync unpin owned clone debug;
        Retry<CloneRequest>: send sync unpin owned clone debug;
        OnOverflow: send sync unpin owned clone debug;
        ShedLayer: send sync unpin owned clone debug;
        ShedService<Server, (), NoKey>: send sync unpin owned clone;
        ShedFuture<Answer, ()>: send sync unpin owned debug;
        ConcurrencyLimitLayer: send sync unpin owned clone debug;
        ConcurrencyLimitLayer<UntilBodyEnds>: send sync unpin owned clone debug;
        ConcurrencyLimitService<Server, UntilResponse>: send sync unpin owned clone;
        ConcurrencyLimitFuture<Answer, UntilResponse>: send sync unpin owned debug;
        LimitedBody<String>: send sync unpin owned debug;
        DeadlineLayer: send sync unpin owned clone debug;
        DeadlineService<Server, NoHeader>: send sync unpin owned clone;
        DeadlineFuture<Server, Request<String>, NoHeader>: send owned debug;
        DeadlineHeader: send sync unpin owned clone debug;
        DeadlineExceeded: error clone;
        NoInfo: send sync unpin owned clone debug;
    }
}

#[test]
fn services_may_be_boxed() {
    let layer = TimeLockLayer::new(KeyedTimeLock::<String>::new());
    let boxed: BoxCloneSyncService<Request<String>, Response<String>, BoxError> =
        BoxCloneSyncService::new(layer.layer(Server::new(|_| ok())));
    drop(boxed);
}

// Inside a time lock as well as around one, whatever the errors are.
#[tokio::test]
async fn layers_go_into_each_other() {
    fn service<S: Service<Request<String>, Response = Response<String>, Error = BoxError>>(_: S) {}
    let gate = TimeLock::new();
    service(
        tower::ServiceBuilder::new()
            .timeout(std::time::Duration::from_secs(1))
            .layer(DeadlineLayer::new())
            .layer(TimeLockLayer::new(gate.clone()))
            .layer(TimeLockLayer::new(gate))
            .buffer(1)
            .layer(ConcurrencyLimitLayer::new(1))
            .layer(DeadlineLayer::new())
            .timeout(std::time::Duration::from_secs(1))
            .service(Server::new(|_| ok())),
    );
}

#[test]
fn debug_says_what_it_is_without_waiting() {
    let gate = TimeLock::new();
    let layer = TimeLockLayer::new(gate.clone()).max_waiters(3);
    assert!(format!("{layer:?}").starts_with("TimeLockLayer { gates: TimeLock"));
    assert!(format!("{:?}", layer.layer(())).starts_with("TimeLockService { inner: ()"));
    assert!(format!("{:?}", layer.shed()).starts_with("ShedLayer { gates: TimeLock"));
    let limit = ConcurrencyLimitLayer::new(3);
    assert!(format!("{:?}", limit.layer(())).contains("permit: none"));
}
