// How it works
//
// A permit is taken in `poll_ready` and used up by `call`. That makes it a part of the service's readiness, which
// whoever stands in front can wait for, look at the world once more, and put down again unused: the time lock does.
// With a permit that `call` waits for, requests that had passed the gate would wait for it, and be sent when the
// refusal of another gave back theirs: in the middle of the pause.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tidegate_semaphore::{CapacityLimiter, OwnedSlot, SlotOwnedFut};
use tower_layer::Layer;
use tower_service::Service;

use crate::hold::{Hold, UntilBodyEnds, UntilResponse};

/// Lets so many requests at a time through, first come, first served.
///
/// The limit belongs to the layer: all services that it makes, and all clones of them, share it. It may be
/// [changed](Self::limiter) at any time, and shared with whatever else has a [`CapacityLimiter`].
///
/// A permit is held until the response is there, or [until its body ends](Self::until_body_ends).
///
/// # Examples
///
/// ```
/// # use std::convert::Infallible;
/// use tidegate_tower::ConcurrencyLimitLayer;
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// # tidegate_test::block_on(async {
/// let limit = ConcurrencyLimitLayer::new(1);
/// let mut client = ServiceBuilder::new()
///     .layer(limit.clone())
///     .service(service_fn(async |n: u32| Ok::<_, Infallible>(n + 1)));
/// let response = client.ready().await.unwrap().call(1);
/// assert_eq!(limit.limiter().borrowed(), 1);
/// assert_eq!(response.await.unwrap(), 2);
/// assert_eq!(limit.limiter().borrowed(), 0);
///
/// limit.limiter().set_total(10);
/// # })
/// ```
///
/// # Readiness
///
/// The permit is part of the readiness of the service, as in tower: whoever has called `poll_ready` and got it holds
/// one, until `call` or until the service is dropped. A clone has none. So a service that is ready and is not used keeps
/// others waiting; a [`TimeLockLayer`](crate::TimeLockLayer) outside of this makes sure that nobody waits at its gate with
/// one.
///
/// # Cancel safety
///
/// Strict, but for the place in line. A service that is dropped while it waits leaves the line; a response future that is
/// dropped gives its permit back.
#[derive(Clone)]
pub struct ConcurrencyLimitLayer<H = UntilResponse> {
    limiter: Arc<CapacityLimiter>,
    held: H,
}

impl ConcurrencyLimitLayer {
    /// At most `limit` at a time; [`usize::MAX`] is no limit, and with 0 all wait until it is raised.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_tower::ConcurrencyLimitLayer;
    ///
    /// assert_eq!(ConcurrencyLimitLayer::new(10).limiter().total(), 10);
    /// ```
    pub fn new(limit: usize) -> Self {
        Self::with_limiter(Arc::new(CapacityLimiter::new(limit)))
    }

    /// With a limiter that there is already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tidegate_semaphore::CapacityLimiter;
    /// use tidegate_tower::ConcurrencyLimitLayer;
    ///
    /// let sockets = Arc::new(CapacityLimiter::new(100));
    /// let (one, another) = (
    ///     ConcurrencyLimitLayer::with_limiter(sockets.clone()),
    ///     ConcurrencyLimitLayer::with_limiter(sockets.clone()),
    /// );
    /// # drop((one, another));
    /// ```
    pub fn with_limiter(limiter: Arc<CapacityLimiter>) -> Self {
        Self { limiter, held: UntilResponse }
    }

    /// Holds each permit until the body of the response has been read to its end, or was dropped.
    ///
    /// For responses of [`http`], whose bodies become [`LimitedBody`](crate::LimitedBody)s. What a server limits is mostly what it works on
    /// at once, which includes the bodies that it sends.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use http::{Request, Response};
    /// use http_body_util::BodyExt;
    /// use tidegate_tower::ConcurrencyLimitLayer;
    /// use tower::{ServiceBuilder, ServiceExt, service_fn};
    ///
    /// # tidegate_test::block_on(async {
    /// let limit = ConcurrencyLimitLayer::new(1).until_body_ends();
    /// let client = ServiceBuilder::new()
    ///     .layer(limit.clone())
    ///     .service(service_fn(async |_: Request<()>| {
    ///         Ok::<_, Infallible>(Response::new("a page".to_owned()))
    ///     }));
    /// let response = client.oneshot(Request::new(())).await.unwrap();
    /// assert_eq!(limit.limiter().borrowed(), 1);
    /// assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "a page");
    /// assert_eq!(limit.limiter().borrowed(), 0);
    /// # })
    /// ```
    pub fn until_body_ends(self) -> ConcurrencyLimitLayer<UntilBodyEnds> {
        ConcurrencyLimitLayer { limiter: self.limiter, held: UntilBodyEnds }
    }
}

impl<H> ConcurrencyLimitLayer<H> {
    /// What hands out the permits: to change the limit, or to see how many are out and how many wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_tower::ConcurrencyLimitLayer;
    ///
    /// let limit = ConcurrencyLimitLayer::new(10);
    /// limit.limiter().set_total(5);
    /// assert_eq!(limit.limiter().total(), 5);
    /// ```
    pub fn limiter(&self) -> &Arc<CapacityLimiter> {
        &self.limiter
    }
}

impl<S, H: Clone> Layer<S> for ConcurrencyLimitLayer<H> {
    type Service = ConcurrencyLimitService<S, H>;

    fn layer(&self, inner: S) -> Self::Service {
        ConcurrencyLimitService {
            inner,
            permit: Permit::new(&self.limiter),
            held: self.held.clone(),
        }
    }
}

impl<H> fmt::Debug for ConcurrencyLimitLayer<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimitLayer").field("limiter", &self.limiter).finish()
    }
}

/// The service of a [`ConcurrencyLimitLayer`].
///
/// # Examples
///
/// See [`ConcurrencyLimitLayer`].
pub struct ConcurrencyLimitService<S, H = UntilResponse> {
    inner: S,
    permit: Permit,
    held: H,
}

/// On the way to a permit.
struct Permit {
    limiter: Arc<CapacityLimiter>,
    state: State,
}

enum State {
    None,
    Waits(Pin<Box<SlotOwnedFut>>),
    Has(OwnedSlot),
}

impl Permit {
    fn new(limiter: &Arc<CapacityLimiter>) -> Self {
        Self { limiter: Arc::clone(limiter), state: State::None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.state = match &mut self.state {
                State::Has(_) => return Poll::Ready(()),
                State::Waits(wait) => State::Has(ready!(wait.as_mut().poll(cx))),
                State::None => match Arc::clone(&self.limiter).try_acquire_owned() {
                    Some(slot) => State::Has(slot),
                    None => State::Waits(Box::pin(Arc::clone(&self.limiter).acquire_owned())),
                },
            };
        }
    }

    fn take(&mut self) -> OwnedSlot {
        match std::mem::replace(&mut self.state, State::None) {
            State::Has(slot) => slot,
            _ => panic!("a service is called when it is ready: `poll_ready` comes first"),
        }
    }
}

impl<S, H, Req> Service<Req> for ConcurrencyLimitService<S, H>
where
    S: Service<Req>,
    H: Hold<S::Response>,
{
    type Response = H::Held;
    type Error = S::Error;
    type Future = ConcurrencyLimitFuture<S::Future, H>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.permit.poll(cx));
        self.inner.poll_ready(cx)
    }

    /// # Panics
    ///
    /// When `poll_ready` did not say that the service is ready.
    fn call(&mut self, request: Req) -> Self::Future {
        // Back on a panic of the inner service, too.
        let slot = self.permit.take();
        let response = self.inner.call(request);
        ConcurrencyLimitFuture { response, slot: Some(slot), held: self.held.clone() }
    }
}

impl<S: Clone, H: Clone> Clone for ConcurrencyLimitService<S, H> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            permit: Permit::new(&self.permit.limiter),
            held: self.held.clone(),
        }
    }
}

impl<S: fmt::Debug, H> fmt::Debug for ConcurrencyLimitService<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permit = match self.permit.state {
            State::None => "none",
            State::Waits(_) => "waits for one",
            State::Has(_) => "one",
        };
        f.debug_struct("ConcurrencyLimitService")
            .field("inner", &self.inner)
            .field("permit", &format_args!("{permit}"))
            .field("limiter", &self.permit.limiter)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The response of a [`ConcurrencyLimitService`].
    ///
    /// # Examples
    ///
    /// See [`ConcurrencyLimitLayer`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ConcurrencyLimitFuture<R, H> {
        #[pin]
        response: R,
        // Dropped after the response.
        slot: Option<OwnedSlot>,
        held: H,
    }
}

impl<R, T, E, H> Future for ConcurrencyLimitFuture<R, H>
where
    R: Future<Output = Result<T, E>>,
    H: Hold<T>,
{
    type Output = Result<H::Held, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.response.poll(cx));
        let slot = this.slot.take().expect("polled after it was ready");
        Poll::Ready(result.map(|response| H::hold(response, slot)))
    }
}

impl<R, H> fmt::Debug for ConcurrencyLimitFuture<R, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimitFuture").field("slot", &self.slot).finish_non_exhaustive()
    }
}
