use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tidegate_time_lock::RetryBudget;
use tower_layer::Layer;

use super::retry::{NoRetry, Retry};
use super::{InExtensions, NoInfo, NoQuotas, QuotasInHeaders, TimeLockInfo, TimeLockService};
use crate::classify::Http;
use crate::gates::{Gates, IntoGates};
use crate::room::Room;
use crate::{ByOrigin, ShedLayer};

/// Has every request pass a time lock, which the first refusal shuts for all of them.
///
/// Around a client, and inside of nothing that makes requests wait. A request waits in its response future, in line,
/// while its gate is shut; then it is sent, and what the response says goes to the gate. Nothing of the inner service is
/// held during the wait: no permit, no slot, no connection. If the gate was shut again until the inner service was
/// ready, the request goes back to the line, to its old place.
///
/// All services that a layer makes, and all their clones, share its gates, and so does whoever has a handle of them:
/// to shut them by hand, say, or to show who waits.
///
/// # Examples
///
/// A gate for each origin. With a client of hyper's, or of reqwest's, in place of the last line:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use http::{Request, Response};
/// use tidegate_time_lock::{KeyedTimeLock, RetryBudget};
/// use tidegate_tower::{Retry, TimeLockInfo, TimeLockLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// # use std::{cell::Cell, convert::Infallible, sync::atomic::{AtomicU32, Ordering}};
/// # let requests = std::sync::Arc::new(AtomicU32::new(0));
/// # let server = service_fn(move |_: Request<&'static str>| {
/// #     let status = if requests.fetch_add(1, Ordering::Relaxed) == 0 { 429 } else { 200 };
/// #     let response = Response::builder().status(status).header("retry-after", "2").body(());
/// #     std::future::ready(Ok::<_, Infallible>(response.unwrap()))
/// # });
///
/// let client = ServiceBuilder::new()
///     .layer(
///         TimeLockLayer::new(KeyedTimeLock::<String>::new())
///             .retry(Retry::new(RetryBudget::new()))
///             .max_wait(Duration::from_secs(60))
///             .max_waiters(1000),
///     )
///     .service(server);
///
/// // The server refuses the first one, for two seconds.
/// let request = Request::get("http://example.org/").body("").unwrap();
/// let response = client.oneshot(request).await.unwrap();
/// assert_eq!(response.status(), 200);
/// let info: &TimeLockInfo = response.extensions().get().unwrap();
/// assert_eq!(info.attempts, 2);
/// assert!(info.waited >= Duration::from_secs(2));
/// # }
/// ```
///
/// Other types than those of [`http`] take a function for each thing that has to be known of them:
///
/// ```
/// use tidegate_time_lock::{KeyedTimeLock, RetryBudget, Verdict};
/// use tidegate_tower::classify::{ClassifyHead, Head, Http};
/// use tidegate_tower::{Retry, TimeLockLayer};
/// use tower::ServiceBuilder;
///
/// let client = ServiceBuilder::new()
///     .layer(
///         TimeLockLayer::new(KeyedTimeLock::<String>::new())
///             .key(|it: &reqwest::Request| it.url().origin().ascii_serialization())
///             .classify(|it: &reqwest::Result<reqwest::Response>| match it {
///                 Ok(it) => Http.classify_head(&Head::new(it.status(), it.headers())),
///                 Err(_) => Verdict::Ignore,
///             })
///             .retry(Retry::new(RetryBudget::new()).copy_with(reqwest::Request::try_clone))
///             .info(|it: &mut reqwest::Response, info| {
///                 it.extensions_mut().insert(info);
///             }),
///     )
///     .service(reqwest::Client::new());
/// # fn service<S: tower::Service<reqwest::Request>>(_: S) {}
/// # service(client);
/// ```
///
/// # Order
///
/// `Retry ▸ TimeLock ▸ ConcurrencyLimit ▸ Timeout ▸ client`, outermost first. The time-out of a request is inside, so
/// that waiting is not counted; a deadline for everything is outside, or is [`max_wait`](Self::max_wait). The limit is
/// inside, so that nobody holds a permit who waits. A retry layer of another crate is outside, so that each attempt
/// waits; but [`retry`](Self::retry) keeps the place in line.
///
/// # Limitations
///
/// The verdict is about the head of a response: trailers, where a gRPC stream that has begun says how it ended, are not
/// seen. The body of a refusal that is not the answer is dropped and not read, which over HTTP/1.1 takes its connection
/// with it. Services, requests and responses are `Send`.
///
/// # Readiness
///
/// The service is always ready, which says nothing. That the inner one is not, shows in how long the response takes; an
/// error of its readiness, in the response.
///
/// # Errors
///
/// Those of the inner service as they are, and [`TimeLockError`](crate::TimeLockError), both as a
/// [`BoxError`](crate::BoxError).
///
/// # Cancel safety
///
/// Strict. A response future that is dropped leaves no trace: it is no longer in line, and if the gate waits for its
/// verdict, the next one's is taken. What became of a request that was on its way is the inner service's business.
///
/// # Panics
///
/// One in the key's function, the classifier or any other goes through to whoever polls the response future, and changes
/// nothing in the gate.
pub struct TimeLockLayer<K, C = Http, F = ByOrigin, R = NoRetry, N = InExtensions, Q = NoQuotas> {
    pub(super) parts: Parts<K, C, F, R, N, Q>,
}

/// What all services of a layer share.
pub(super) struct Parts<K, C, F, R, N, Q> {
    pub(super) gates: Gates<K>,
    pub(super) key: Arc<F>,
    pub(super) classify: Arc<C>,
    pub(super) retry: Retry<R>,
    pub(super) info: Arc<N>,
    pub(super) quota: Arc<Q>,
    pub(super) room: Arc<Room<K>>,
    pub(super) limits: Limits,
}

/// What may be waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub(super) max_wait: Option<Duration>,
    pub(super) max_waiters: Option<usize>,
    pub(super) within_deadline: bool,
}

/// What becomes of a request when as many wait already as [may](TimeLockLayer::max_waiters).
///
/// # Examples
///
/// See [`TimeLockLayer::on_overflow`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnOverflow {
    /// It fails at once, with [`TimeLockError::Shed`](crate::TimeLockError::Shed).
    #[default]
    Shed,
}

impl<K> TimeLockLayer<K> {
    /// A layer over one [`TimeLock`](tidegate_time_lock::TimeLock), or over a
    /// [`KeyedTimeLock`](tidegate_time_lock::KeyedTimeLock) with a gate for each key.
    ///
    /// Refusals are what [`Http`] says, keys are [origins](crate::by_origin), nothing is sent again, and waits have no
    /// end but the gate's.
    ///
    /// A `TimeLock::new()` opens for everybody at once when a pause is over; a `KeyedTimeLock` has its gates send one
    /// request first, and learn how fast the others may follow.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::TimeLock;
    /// use tidegate_tower::TimeLockLayer;
    ///
    /// let gate = TimeLock::new();
    /// let layer = TimeLockLayer::new(gate.clone());
    /// gate.lock(); // everybody who comes through the layer waits
    /// # drop(layer);
    /// ```
    pub fn new<G: IntoGates<Key = K>>(gates: G) -> TimeLockLayer<K, Http, G::FindKey> {
        TimeLockLayer {
            parts: Parts {
                gates: gates.into_gates(),
                key: Arc::default(),
                classify: Arc::new(Http),
                retry: Retry::new(RetryBudget::new()).repeat(NoRetry),
                info: Arc::new(InExtensions),
                quota: Arc::new(NoQuotas),
                room: Arc::new(Room::new()),
                limits: Limits::default(),
            },
        }
    }
}

impl<K, C, F, R, N, Q> TimeLockLayer<K, C, F, R, N, Q> {
    /// Which gate a request goes through.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::Request;
    /// use tidegate_time_lock::KeyedTimeLock;
    /// use tidegate_tower::{TimeLockLayer, by_origin};
    ///
    /// let accounts: KeyedTimeLock<Vec<u8>> = KeyedTimeLock::new();
    /// let layer = TimeLockLayer::new(accounts)
    ///     .key(|it: &Request<String>| it.headers()["authorization"].as_bytes().to_vec());
    ///
    /// let hosts: KeyedTimeLock<String> = KeyedTimeLock::new();
    /// let layer = TimeLockLayer::new(hosts).key(by_origin::<String>); // as it is without it
    /// ```
    pub fn key<Req, G>(self, key: G) -> TimeLockLayer<K, C, G, R, N, Q>
    where
        G: Fn(&Req) -> K + Send + Sync,
    {
        let Parts { gates, key: _, classify, retry, info, quota, room, limits } = self.parts;
        let key = Arc::new(key);
        let parts = Parts { gates, key, classify, retry, info, quota, room, limits };
        TimeLockLayer { parts }
    }

    /// What tells a refusal from other responses: one of [those here](crate::classify), or any
    /// [`Classify`](tidegate_time_lock::Classify), such as a function.
    ///
    /// It sees the results of the inner service, before they become a response or an error of this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::{TimeLock, Verdict};
    /// use tidegate_tower::TimeLockLayer;
    ///
    /// let layer = TimeLockLayer::new(TimeLock::new()).classify(
    ///     |it: &Result<http::Response<String>, std::io::Error>| match it {
    ///         Ok(response) if response.status() == 420 => Verdict::refused(None),
    ///         Ok(_) => Verdict::Ok,
    ///         Err(_) => Verdict::Ignore,
    ///     },
    /// );
    /// # drop(layer);
    /// ```
    pub fn classify<D>(self, classify: D) -> TimeLockLayer<K, D, F, R, N, Q> {
        let Parts { gates, key, classify: _, retry, info, quota, room, limits } = self.parts;
        let classify = Arc::new(classify);
        let parts = Parts { gates, key, classify, retry, info, quota, room, limits };
        TimeLockLayer { parts }
    }

    /// Sends requests again that were refused.
    ///
    /// What is refused for the last time is answered with that refusal, as it is. So is a request that may not be copied
    /// or sent again, one that is refused [for its own sake](TimeLockInfo::isolated), and one that would have to wait
    /// for longer than [`max_wait`](Self::max_wait).
    ///
    /// # Examples
    ///
    /// See [`Retry`].
    pub fn retry<P>(self, retry: Retry<P>) -> TimeLockLayer<K, C, F, P, N, Q> {
        let Parts { gates, key, classify, retry: _, info, quota, room, limits } = self.parts;
        let parts = Parts { gates, key, classify, retry, info, quota, room, limits };
        TimeLockLayer { parts }
    }

    /// Where the [`TimeLockInfo`] of a response goes; among its extensions if not said.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::TimeLock;
    /// use tidegate_tower::TimeLockLayer;
    ///
    /// struct Answer {
    ///     attempts: u32,
    /// }
    ///
    /// let layer = TimeLockLayer::new(TimeLock::new())
    ///     .info(|answer: &mut Answer, info| answer.attempts = info.attempts);
    /// # drop(layer);
    /// ```
    pub fn info<Res, A>(self, attach: A) -> TimeLockLayer<K, C, F, R, A, Q>
    where
        A: Fn(&mut Res, TimeLockInfo) + Send + Sync,
    {
        self.attach(attach)
    }

    /// Responses carry no [`TimeLockInfo`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use tidegate_time_lock::{NoRefusals, TimeLock};
    /// use tidegate_tower::TimeLockLayer;
    /// use tower::{ServiceBuilder, ServiceExt, service_fn};
    ///
    /// // A service of no protocol at all.
    /// let double = ServiceBuilder::new()
    ///     .layer(TimeLockLayer::new(TimeLock::new()).classify(NoRefusals).without_info())
    ///     .service(service_fn(async |n: u32| Ok::<_, Infallible>(2 * n)));
    /// # tidegate_test::block_on(async {
    /// assert_eq!(double.oneshot(4).await.unwrap(), 8);
    /// # })
    /// ```
    pub fn without_info(self) -> TimeLockLayer<K, C, F, R, NoInfo, Q> {
        self.attach(NoInfo)
    }

    fn attach<A>(self, attach: A) -> TimeLockLayer<K, C, F, R, A, Q> {
        let Parts { gates, key, classify, retry, info: _, quota, room, limits } = self.parts;
        let info = Arc::new(attach);
        let parts = Parts { gates, key, classify, retry, info, quota, room, limits };
        TimeLockLayer { parts }
    }

    /// Heeds what a server says in its headers about how many more requests it takes, before it refuses one.
    ///
    /// When nothing is left, the gate is shut until there is something again: [`TimeLock::allow`]. Not for servers that
    /// count by something else than the gate's key, such as one that has a limit for each path.
    ///
    /// [`TimeLock::allow`]: tidegate_time_lock::TimeLock::allow
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use std::time::Duration;
    /// # use http::{Request, Response};
    /// # use tidegate_time_lock::TimeLock;
    /// # use tidegate_tower::TimeLockLayer;
    /// # use tower::{ServiceBuilder, ServiceExt, service_fn};
    /// # tidegate_test::block_on(async {
    /// let gate = TimeLock::new();
    /// let client = ServiceBuilder::new()
    ///     .layer(TimeLockLayer::new(gate.clone()).heed_quotas())
    ///     .service(service_fn(async |_: Request<()>| {
    ///         let last = Response::builder().header("ratelimit", r#""default";r=0;t=30"#);
    ///         Ok::<_, Infallible>(last.body(()).unwrap())
    ///     }));
    /// assert_eq!(client.oneshot(Request::new(())).await.unwrap().status(), 200);
    /// assert!(gate.remaining() > Some(Duration::from_secs(20)));
    /// # })
    /// ```
    pub fn heed_quotas(self) -> TimeLockLayer<K, C, F, R, N, QuotasInHeaders> {
        self.read_quotas(QuotasInHeaders)
    }

    /// As [`heed_quotas`](Self::heed_quotas), for quotas that are read by other means: how many more, and for how long
    /// that holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_time_lock::TimeLock;
    /// use tidegate_tower::TimeLockLayer;
    ///
    /// struct Answer {
    ///     left_this_minute: u64,
    /// }
    ///
    /// let layer = TimeLockLayer::new(TimeLock::new())
    ///     .quotas(|answer: &Answer| Some((answer.left_this_minute, Duration::from_secs(60))));
    /// # drop(layer);
    /// ```
    pub fn quotas<Res, P>(self, read: P) -> TimeLockLayer<K, C, F, R, N, P>
    where
        P: Fn(&Res) -> Option<(u64, Duration)> + Send + Sync,
    {
        self.read_quotas(read)
    }

    fn read_quotas<P>(self, read: P) -> TimeLockLayer<K, C, F, R, N, P> {
        let Parts { gates, key, classify, retry, info, quota: _, room, limits } = self.parts;
        let quota = Arc::new(read);
        let parts = Parts { gates, key, classify, retry, info, quota, room, limits };
        TimeLockLayer { parts }
    }

    /// How long a request waits for its gate at most, over all its attempts.
    ///
    /// One that would have to wait for longer fails at once, with how long it would have been:
    /// [`TimeLockError::TooLong`](crate::TimeLockError::TooLong). A gate of which nobody knows for how long it is shut
    /// is waited for until then: [`TimeLockError::Elapsed`](crate::TimeLockError::Elapsed).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{NoRefusals, TimeLock};
    /// # use tidegate_tower::{TimeLockError, TimeLockLayer};
    /// # use tower::{ServiceBuilder, ServiceExt, service_fn};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let gate = TimeLock::new();
    /// let layer = TimeLockLayer::new(gate.clone()).max_wait(Duration::from_secs(5));
    /// let client = ServiceBuilder::new()
    ///     .layer(layer.classify(NoRefusals).without_info())
    ///     .service(service_fn(async |n: u32| Ok::<_, Infallible>(n)));
    /// gate.lock_for(Duration::from_secs(60));
    /// let error = client.oneshot(1).await.unwrap_err();
    /// assert_eq!(
    ///     error.downcast_ref(),
    ///     Some(&TimeLockError::TooLong { remaining: Duration::from_secs(60) }),
    /// );
    /// # }
    /// ```
    pub fn max_wait(mut self, longest: Duration) -> Self {
        self.parts.limits.max_wait = Some(longest);
        self
    }

    /// Requests that would have to wait for longer than their ambient [deadline](tidegate_timeout::Deadline::ambient)
    /// fail at once, as with [`max_wait`](Self::max_wait).
    ///
    /// Without this they wait until the deadline comes, in case somebody opens the gate earlier.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{NoRefusals, TimeLock};
    /// # use tidegate_tower::{TimeLockError, TimeLockLayer};
    /// # use tower::{ServiceBuilder, ServiceExt, service_fn};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use tidegate_timeout::timeout;
    ///
    /// let gate = TimeLock::new();
    /// let client = ServiceBuilder::new()
    ///     .layer(TimeLockLayer::new(gate.clone()).within_deadline().classify(NoRefusals).without_info())
    ///     .service(service_fn(async |n: u32| Ok::<_, Infallible>(n)));
    /// gate.lock_for(Duration::from_secs(60));
    /// let error = timeout(Duration::from_secs(5), client.oneshot(1)).await.unwrap().unwrap_err();
    /// assert_eq!(
    ///     error.downcast_ref(),
    ///     Some(&TimeLockError::TooLong { remaining: Duration::from_secs(60) }),
    /// );
    /// # }
    /// ```
    pub fn within_deadline(mut self) -> Self {
        self.parts.limits.within_deadline = true;
        self
    }

    /// How many requests may wait for each key; any number, if not set. With 0 nobody waits.
    ///
    /// Requests that come back, after a refusal for instance, count as well but are never turned away.
    ///
    /// # Examples
    ///
    /// See [`TimeLockError`](crate::TimeLockError).
    pub fn max_waiters(mut self, most: usize) -> Self {
        self.parts.limits.max_waiters = Some(most);
        self
    }

    /// What becomes of those for whom there is no room: they are [shed](OnOverflow::Shed).
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::TimeLock;
    /// use tidegate_tower::{OnOverflow, TimeLockLayer};
    ///
    /// let layer = TimeLockLayer::new(TimeLock::new()).max_waiters(100).on_overflow(OnOverflow::Shed);
    /// # drop(layer);
    /// ```
    pub fn on_overflow(self, overflow: OnOverflow) -> Self {
        match overflow {
            OnOverflow::Shed => self,
        }
    }

    /// For a server: answers "503 Service Unavailable" while the gate is shut, with how long it is still, instead of
    /// having requests wait.
    ///
    /// Of all else that was set, only the key counts.
    ///
    /// # Examples
    ///
    /// See [`ShedLayer`].
    pub fn shed(self) -> ShedLayer<K, F> {
        ShedLayer::with(self.parts.gates, self.parts.key)
    }
}

impl<K, C, F, R, N, Q, S> Layer<S> for TimeLockLayer<K, C, F, R, N, Q> {
    type Service = TimeLockService<S, K, C, F, R, N, Q>;

    fn layer(&self, inner: S) -> Self::Service {
        TimeLockService::new(inner, Arc::new(self.parts.clone()))
    }
}

impl<K, C, F, R, N, Q> Clone for TimeLockLayer<K, C, F, R, N, Q> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone() }
    }
}

impl<K, C, F, R, N, Q> Clone for Parts<K, C, F, R, N, Q> {
    fn clone(&self) -> Self {
        Self {
            gates: self.gates.clone(),
            key: Arc::clone(&self.key),
            classify: Arc::clone(&self.classify),
            retry: self.retry.clone(),
            info: Arc::clone(&self.info),
            quota: Arc::clone(&self.quota),
            room: Arc::clone(&self.room),
            limits: self.limits,
        }
    }
}

impl<K, C, F, R, N, Q> fmt::Debug for TimeLockLayer<K, C, F, R, N, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.fmt_as("TimeLockLayer", f)
    }
}

impl<K, C, F, R, N, Q> Parts<K, C, F, R, N, Q> {
    pub(super) fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("gates", &self.gates)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
