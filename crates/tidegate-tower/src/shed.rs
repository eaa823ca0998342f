use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use pin_project_lite::pin_project;
use tidegate_time_lock::{TryAcquireError, Verdict};
use tower_layer::Layer;
use tower_service::Service;

use crate::gates::{Gates, IntoGates, Leave};
use crate::{ByOrigin, KeyOf, NoKey};

/// For a server: answers "503 Service Unavailable" while a time lock is shut, and passes requests on otherwise.
///
/// The answer says in `Retry-After` for how long it is shut still, in whole seconds, rounded up; nothing, if that is not
/// known. Requests that are being worked on go on.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
/// use axum::{Router, body::Body, routing::get};
/// use http::{Request, header};
/// use tidegate_time_lock::TimeLock;
/// use tidegate_tower::TimeLockLayer;
/// use tower::ServiceExt;
///
/// let maintenance = TimeLock::new();
/// let app: Router = Router::new()
///     .route("/", get(async || "at your service"))
///     .layer(TimeLockLayer::new(maintenance.clone()).shed());
///
/// maintenance.lock_for(Duration::from_secs(90));
/// let response = app.clone().oneshot(Request::new(Body::empty())).await.unwrap();
/// assert_eq!(response.status(), 503);
/// assert_eq!(response.headers()[header::RETRY_AFTER], "90");
///
/// maintenance.unlock();
/// let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
/// assert_eq!(response.status(), 200);
/// # }
/// ```
///
/// # Several gates
///
/// Over a [`KeyedTimeLock`](tidegate_time_lock::KeyedTimeLock), each key may be shut by itself: a tenant, a user. Such
/// gates open carefully, with one request first, unless they are built to do otherwise; whoever comes meanwhile is told
/// to come back in a second, as with any gate that is not simply open. That a request was answered, and not with a 5xx,
/// is what such a gate waits for.
///
/// # Cancel safety
///
/// That of the inner service.
pub struct ShedLayer<K = (), F = NoKey> {
    gates: Gates<K>,
    key: Arc<F>,
}

impl ShedLayer {
    /// A layer over a [`TimeLock`](tidegate_time_lock::TimeLock) or a
    /// [`KeyedTimeLock`](tidegate_time_lock::KeyedTimeLock).
    ///
    /// The same as [`TimeLockLayer::shed`](crate::TimeLockLayer::shed).
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::TimeLock;
    /// use tidegate_tower::ShedLayer;
    ///
    /// let layer = ShedLayer::new(TimeLock::new());
    /// # drop(layer);
    /// ```
    pub fn new<G: IntoGates>(gates: G) -> ShedLayer<G::Key, G::FindKey> {
        ShedLayer { gates: gates.into_gates(), key: Arc::default() }
    }
}

impl<K, F> ShedLayer<K, F> {
    pub(crate) fn with(gates: Gates<K>, key: Arc<F>) -> Self {
        Self { gates, key }
    }

    /// Which gate a request goes through.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::Request;
    /// use tidegate_time_lock::{KeyedTimeLock, TimeLock};
    /// use tidegate_tower::ShedLayer;
    ///
    /// let tenants = KeyedTimeLock::<String>::builder().template(TimeLock::builder()).build();
    /// let layer = ShedLayer::new(tenants)
    ///     .key(|it: &Request<axum::body::Body>| it.uri().path().to_owned());
    /// # drop(layer);
    /// ```
    pub fn key<Req, G>(self, key: G) -> ShedLayer<K, G>
    where
        G: Fn(&Req) -> K + Send + Sync,
    {
        ShedLayer { gates: self.gates, key: Arc::new(key) }
    }
}

impl<K, F, S> Layer<S> for ShedLayer<K, F> {
    type Service = ShedService<S, K, F>;

    fn layer(&self, inner: S) -> Self::Service {
        ShedService { inner, layer: self.clone() }
    }
}

impl<K, F> Clone for ShedLayer<K, F> {
    fn clone(&self) -> Self {
        Self { gates: self.gates.clone(), key: Arc::clone(&self.key) }
    }
}

impl<K, F> fmt::Debug for ShedLayer<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShedLayer").field("gates", &self.gates).finish_non_exhaustive()
    }
}

/// The service of a [`ShedLayer`].
///
/// # Examples
///
/// See [`ShedLayer`].
pub struct ShedService<S, K = (), F = ByOrigin> {
    inner: S,
    layer: ShedLayer<K, F>,
}

impl<S, K, F, Req, B> Service<Req> for ShedService<S, K, F>
where
    S: Service<Req, Response = Response<B>>,
    K: Hash + Eq + Clone,
    F: KeyOf<Req, K>,
    B: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ShedFuture<S::Future, K>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let stage = match self.layer.gates.try_enter(&self.layer.key.key_of(&request)) {
            Ok(leave) => Stage::Passed { response: self.inner.call(request), leave: Some(leave) },
            Err(why) => Stage::Shed { why },
        };
        ShedFuture { stage }
    }
}

impl<S: Clone, K, F> Clone for ShedService<S, K, F> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S: fmt::Debug, K, F> fmt::Debug for ShedService<S, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShedService")
            .field("inner", &self.inner)
            .field("gates", &self.layer.gates)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of a [`ShedService`].
    ///
    /// # Examples
    ///
    /// See [`ShedLayer`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ShedFuture<R, K>
    where
        K: Hash,
        K: Eq,
        K: Clone,
    {
        #[pin]
        stage: Stage<R, K>,
    }
}

pin_project! {
    #[project = Projected]
    enum Stage<R, K>
    where
        K: Hash,
        K: Eq,
        K: Clone,
    {
        Passed { #[pin] response: R, leave: Option<Leave<K>> },
        Shed { why: TryAcquireError },
    }
}

impl<R, B, E, K> Future for ShedFuture<R, K>
where
    R: Future<Output = Result<Response<B>, E>>,
    K: Hash + Eq + Clone,
    B: Default,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            Projected::Shed { why } => Poll::Ready(Ok(unavailable(*why))),
            Projected::Passed { response, leave } => {
                let result = ready!(response.poll(cx));
                let verdict = match &result {
                    Ok(response) if !response.status().is_server_error() => Verdict::Ok,
                    _ => Verdict::Ignore,
                };
                leave.take().map(|leave| leave.verdict(verdict));
                Poll::Ready(result)
            }
        }
    }
}

impl<R, K: Hash + Eq + Clone> fmt::Debug for ShedFuture<R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Passed { .. } => "passed",
            Stage::Shed { .. } => "shed",
        };
        f.debug_struct("ShedFuture").field("stage", &format_args!("{stage}")).finish()
    }
}

fn unavailable<B: Default>(why: TryAcquireError) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let remaining = match why {
        TryAcquireError::Shut { remaining } | TryAcquireError::Paced { remaining } => remaining,
        // Closed for good, that is.
        TryAcquireError::Closed => Duration::MAX,
        _ => Duration::ZERO,
    };
    if remaining < Duration::MAX {
        let up = u64::from(remaining.subsec_nanos() > 0);
        let seconds = remaining.as_secs().saturating_add(up).max(1);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
