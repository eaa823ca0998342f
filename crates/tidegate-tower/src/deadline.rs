// How it works
//
// The deadline is looked up when the response future is first polled, not in `call`: `timeout(d, client.call(request))`
// makes the call before there is a timeout, and a buffer makes it in another task. So the future starts out with the
// service that was ready, and the request.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tidegate_timeout::{Deadline, Timeout, timeout_at};
use tower_layer::Layer;
use tower_service::Service;

use crate::deadline_header::{CarryDeadline, NoHeader, ReceiveDeadline, SendDeadline};
use crate::{BoxError, DeadlineHeader};

/// Has requests end by the deadline of those who make them, and tells the other side.
///
/// The deadline is the [ambient](Deadline::ambient) one of tidegate's scopes, or a [time-out](Self::timeout) if that is
/// earlier. A request whose deadline has passed is not sent; one that is on its way then is dropped. What the inner
/// service calls has the same ambient deadline.
///
/// # Examples
///
/// Around a client: nothing to say, the deadline is there already.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # use std::convert::Infallible;
/// use std::time::Duration;
/// use http::{Request, Response};
/// use tidegate_timeout::timeout;
/// use tidegate_tower::{DeadlineHeader, DeadlineLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// let client = ServiceBuilder::new()
///     .layer(DeadlineLayer::new().send(DeadlineHeader::grpc()))
///     .service(service_fn(async |request: Request<()>| {
///         // The other side knows how long somebody will be waiting.
///         assert_eq!(request.headers()["grpc-timeout"], "5000000u");
///         Ok::<_, Infallible>(Response::new(()))
///     }));
/// let request = client.oneshot(Request::new(()));
/// timeout(Duration::from_secs(5), request).await.unwrap().unwrap();
/// # }
/// ```
///
/// On a server, where it comes from the request and is the ambient one of the handler:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # use std::convert::Infallible;
/// use std::time::Duration;
/// use http::{Request, Response};
/// use tidegate_timeout::Deadline;
/// use tidegate_tower::{DeadlineExceeded, DeadlineHeader, DeadlineLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// let server = ServiceBuilder::new()
///     .layer(DeadlineLayer::new().receive(DeadlineHeader::grpc()).timeout(Duration::from_secs(30)))
///     .service(service_fn(async |_: Request<()>| {
///         assert_eq!(Deadline::ambient().remaining(), Some(Duration::from_secs(2)));
///         std::future::pending::<Result<Response<()>, Infallible>>().await
///     }));
/// let request = Request::builder().header("grpc-timeout", "2S").body(()).unwrap();
/// let error = server.oneshot(request).await.unwrap_err();
/// assert!(error.is::<DeadlineExceeded>());
/// # }
/// ```
///
/// # Errors
///
/// Those of the inner service as they are, and [`DeadlineExceeded`], both as a [`BoxError`]. Where the ambient deadline
/// is the earlier one, the scope that it comes from ends everything inside, and reports by itself.
///
/// # Cancel safety
///
/// That of the inner service.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeadlineLayer<H = NoHeader> {
    longest: Option<Duration>,
    header: H,
}

impl DeadlineLayer {
    /// The ambient deadline, and no header.
    ///
    /// # Examples
    ///
    /// See [`DeadlineLayer`].
    pub const fn new() -> Self {
        Self { longest: None, header: NoHeader }
    }
}

impl<H> DeadlineLayer<H> {
    /// At most this long for each request, from the first poll of its response on.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use std::time::Duration;
    /// # use tidegate_tower::{DeadlineExceeded, DeadlineLayer};
    /// # use tower::{ServiceBuilder, ServiceExt, service_fn};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = ServiceBuilder::new()
    ///     .layer(DeadlineLayer::new().timeout(Duration::from_secs(1)))
    ///     .service(service_fn(async |()| std::future::pending::<Result<(), Infallible>>().await));
    /// let error = client.oneshot(()).await.unwrap_err();
    /// assert!(error.downcast_ref::<DeadlineExceeded>().unwrap().was_sent());
    /// # }
    /// ```
    pub fn timeout(mut self, longest: Duration) -> Self {
        self.longest = Some(longest);
        self
    }

    /// Says in each request how much time is left.
    ///
    /// If the request says so already, the shorter time holds. Without a deadline nothing is said.
    ///
    /// # Examples
    ///
    /// See [`DeadlineLayer`].
    pub fn send(self, header: DeadlineHeader) -> DeadlineLayer<SendDeadline> {
        self.carry(SendDeadline(header))
    }

    /// Takes from each request how much time is left.
    ///
    /// One that does not say so, or not in a way that can be understood, has the deadline that it has without this.
    ///
    /// # Examples
    ///
    /// See [`DeadlineLayer`].
    pub fn receive(self, header: DeadlineHeader) -> DeadlineLayer<ReceiveDeadline> {
        self.carry(ReceiveDeadline(header))
    }

    /// Carries deadlines in requests by other means.
    ///
    /// # Examples
    ///
    /// See [`CarryDeadline`].
    pub fn carry<C>(self, by: C) -> DeadlineLayer<C> {
        DeadlineLayer { longest: self.longest, header: by }
    }
}

impl<S, H: Clone> Layer<S> for DeadlineLayer<H> {
    type Service = DeadlineService<S, H>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, layer: self.clone() }
    }
}

/// The service of a [`DeadlineLayer`].
///
/// # Examples
///
/// See [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct DeadlineService<S, H = NoHeader> {
    inner: S,
    layer: DeadlineLayer<H>,
}

impl<S, H, Req> Service<Req> for DeadlineService<S, H>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    H: CarryDeadline<Req>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = DeadlineFuture<S, Req, H>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        // The one that is ready, not its clone.
        let next = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, next);
        let start = Start { service: ready, request, layer: self.layer.clone() };
        DeadlineFuture { stage: Stage::Start { start: Some(start) } }
    }
}

pin_project! {
    /// The response of a [`DeadlineService`].
    ///
    /// # Examples
    ///
    /// See [`DeadlineLayer`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct DeadlineFuture<S, Req, H>
    where
        S: Service<Req>,
    {
        #[pin]
        stage: Stage<S, Req, H>,
    }
}

pin_project! {
    #[project = Projected]
    enum Stage<S, Req, H>
    where
        S: Service<Req>,
    {
        Start { start: Option<Start<S, Req, H>> },
        Timed { #[pin] response: Timeout<Sent<S, Req>> },
        Free { #[pin] response: Sent<S, Req> },
    }
}

struct Start<S, Req, H> {
    service: S,
    request: Req,
    layer: DeadlineLayer<H>,
}

impl<S, Req, H> Start<S, Req, H>
where
    S: Service<Req>,
    H: CarryDeadline<Req>,
{
    fn send(mut self) -> Result<Stage<S, Req, H>, DeadlineExceeded> {
        let DeadlineLayer { longest, header } = self.layer;
        let deadline = [longest, header.received(&self.request)]
            .into_iter()
            .flatten()
            .fold(Deadline::ambient(), |earliest, left| earliest.earliest(Deadline::after(left)));
        let (Some(at), Some(left)) = (deadline.instant(), deadline.remaining()) else {
            return Ok(Stage::Free { response: Sent::new(self.service, self.request) });
        };
        if left.is_zero() {
            return Err(DeadlineExceeded { sent: false });
        }
        header.send(&mut self.request, left);
        let response = timeout_at(at, Sent::new(self.service, self.request));
        Ok(Stage::Timed { response })
    }
}

pin_project! {
    // The inner service's response. The call is made in the first poll: what looks for a deadline as early as there finds
    // this one.
    #[project = SentProjected]
    enum Sent<S, Req>
    where
        S: Service<Req>,
    {
        Call { call: Option<(S, Req)> },
        Response { #[pin] response: S::Future },
    }
}

impl<S: Service<Req>, Req> Sent<S, Req> {
    fn new(service: S, request: Req) -> Self {
        Self::Call { call: Some((service, request)) }
    }
}

impl<S: Service<Req>, Req> Future for Sent<S, Req> {
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project() {
                SentProjected::Call { call } => {
                    let (mut service, request) = call.take().expect("polled after a panic");
                    let response = service.call(request);
                    self.set(Self::Response { response });
                }
                SentProjected::Response { response } => return response.poll(cx),
            }
        }
    }
}

impl<S, Req, H> Future for DeadlineFuture<S, Req, H>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    H: CarryDeadline<Req>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            match stage.as_mut().project() {
                Projected::Start { start } => {
                    let start = start.take().expect("polled after it was ready");
                    match start.send() {
                        Ok(sent) => stage.set(sent),
                        Err(late) => return Poll::Ready(Err(late.into())),
                    }
                }
                Projected::Free { response } => return response.poll(cx).map_err(Into::into),
                Projected::Timed { response } => {
                    return response.poll(cx).map(|result| match result {
                        Ok(result) => result.map_err(Into::into),
                        Err(_elapsed) => Err(DeadlineExceeded { sent: true }.into()),
                    });
                }
            }
        }
    }
}

impl<S: Service<Req>, Req, H> fmt::Debug for DeadlineFuture<S, Req, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Start { .. } => "not sent",
            Stage::Timed { .. } => "sent, with a deadline",
            Stage::Free { .. } => "sent",
        };
        f.debug_struct("DeadlineFuture").field("stage", &format_args!("{stage}")).finish()
    }
}

/// The deadline of a request passed before there was a response.
///
/// # Examples
///
/// See [`DeadlineLayer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeadlineExceeded {
    sent: bool,
}

impl DeadlineExceeded {
    /// Whether the request was on its way by then. If not, the other side has certainly not seen it.
    ///
    /// # Examples
    ///
    /// See [`DeadlineLayer::timeout`].
    pub fn was_sent(&self) -> bool {
        self.sent
    }
}

impl fmt::Display for DeadlineExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.sent {
            true => "the deadline passed before there was a response",
            false => "the deadline passed before the request was sent",
        })
    }
}

impl std::error::Error for DeadlineExceeded {}
