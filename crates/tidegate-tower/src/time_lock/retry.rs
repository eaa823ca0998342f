use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::{Method, Request, Response};
use tidegate_time_lock::RetryBudget;

use crate::Hints;

/// Which requests are sent again after a refusal, and how often.
///
/// Each attempt waits at the gate like everybody else, with the place in line that the request had before.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{KeyedTimeLock, RetryBudget};
/// use tidegate_tower::{Retry, TimeLockLayer};
///
/// // Four attempts for each request; of all requests together, one in ten is sent again.
/// let budget = RetryBudget::new().attempts(4).share(0.1, 100);
/// let layer = TimeLockLayer::new(KeyedTimeLock::<String>::new()).retry(Retry::new(budget));
/// # drop(layer);
/// ```
pub struct Retry<R = CloneRequest> {
    pub(crate) budget: Arc<RetryBudget>,
    pub(crate) repeat: Arc<R>,
}

impl Retry {
    /// Within `budget`, for requests of [`http`] whose bodies can be cloned; as [`CloneRequest`] says.
    ///
    /// The budget may be an [`Arc`], which several layers share.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tidegate_time_lock::RetryBudget;
    /// use tidegate_tower::Retry;
    ///
    /// let budget = Arc::new(RetryBudget::new().share(0.1, 100));
    /// let (reads, writes) = (Retry::new(budget.clone()), Retry::new(budget));
    /// # drop((reads, writes));
    /// ```
    pub fn new(budget: impl Into<Arc<RetryBudget>>) -> Self {
        Self { budget: budget.into(), repeat: Arc::new(CloneRequest) }
    }
}

impl<R> Retry<R> {
    /// Has `copy` make the copies, and nobody else ask whether to send one: what it copies may be sent again when it
    /// was refused.
    ///
    /// For requests of other kinds.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::RetryBudget;
    /// use tidegate_tower::Retry;
    ///
    /// let retry = Retry::new(RetryBudget::new()).copy_with(|it: &reqwest::Request| it.try_clone());
    /// # drop(retry);
    /// ```
    pub fn copy_with<Req, F>(self, copy: F) -> Retry<CopyWith<F>>
    where
        F: Fn(&Req) -> Option<Req> + Send + Sync,
    {
        self.repeat(CopyWith(copy))
    }

    /// Has `repeat` decide.
    ///
    /// # Examples
    ///
    /// See [`Repeat`].
    pub fn repeat<P>(self, repeat: P) -> Retry<P> {
        Retry { budget: self.budget, repeat: Arc::new(repeat) }
    }
}

impl<R> Clone for Retry<R> {
    fn clone(&self) -> Self {
        Self { budget: Arc::clone(&self.budget), repeat: Arc::clone(&self.repeat) }
    }
}

impl<R> fmt::Debug for Retry<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("budget", &self.budget).finish_non_exhaustive()
    }
}

/// Copies requests, and says which may be sent again.
///
/// Asked outside of every lock; its panic goes through to whoever polls the response, and shuts nothing.
///
/// # Examples
///
/// One that sends again whatever has a key by which the server knows it again:
///
/// ```
/// use http::{Request, Response};
/// use tidegate_time_lock::RetryBudget;
/// use tidegate_tower::{Repeat, Retry};
///
/// struct WithKey;
///
/// impl<B: Clone, Res, E> Repeat<Request<B>, Res, E> for WithKey {
///     fn copy(&self, request: &Request<B>) -> Option<Request<B>> {
///         request.headers().contains_key("idempotency-key").then(|| request.clone())
///     }
///
///     fn is_safe(&self, _copy: &Request<B>, _refusal: &Result<Res, E>) -> bool {
///         true
///     }
/// }
///
/// let retry = Retry::new(RetryBudget::new()).repeat(WithKey);
/// # drop(retry);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot copy a `{Req}` that is answered with a `{Res}`",
    note = "`Retry::copy_with` takes a function that does"
)]
pub trait Repeat<Req, Res, E>: Send + Sync {
    /// A copy of `request`, made before each time that it is sent; `None` if there can be none, or should be none.
    fn copy(&self, request: &Req) -> Option<Req>;

    /// Whether `copy` may be sent after the request was answered with `refusal`.
    fn is_safe(&self, copy: &Req, refusal: &Result<Res, E>) -> bool;
}

/// Nothing is sent again.
///
/// # Examples
///
/// ```
/// use tidegate_tower::{NoRetry, Repeat};
///
/// assert_eq!(Repeat::<&str, (), ()>::copy(&NoRetry, &"a request"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoRetry;

impl<Req, Res, E> Repeat<Req, Res, E> for NoRetry {
    fn copy(&self, _request: &Req) -> Option<Req> {
        None
    }

    fn is_safe(&self, _copy: &Req, _refusal: &Result<Res, E>) -> bool {
        false
    }
}

/// Clones requests of [`http`], and sends again what was not worked on.
///
/// A "429 Too Many Requests" says so, as every other 4xx does that is a refusal. So does a "503 Service Unavailable", or
/// whatever else, that [says when to come back](Hints::pause). Of one that does not, and of errors, nobody knows, so those
/// requests are sent again only if their method is idempotent. What gRPC's push-back
/// [forbids](Hints::may_retry) is not sent again at all.
///
/// A body that cannot be cloned, such as a stream, is for [`Retry::copy_with`]: its request is answered with the refusal,
/// as it is.
///
/// # Examples
///
/// ```
/// use http::{Request, Response};
/// use tidegate_tower::{CloneRequest, Repeat};
///
/// let is_safe = |method: &str, status: u16| {
///     let request = Request::builder().method(method).body(()).unwrap();
///     let refusal = Response::builder().status(status).body(()).unwrap();
///     CloneRequest.is_safe(&request, &Ok::<_, ()>(refusal))
/// };
/// assert!(is_safe("POST", 429));
/// assert!(!is_safe("POST", 503));
/// assert!(is_safe("PUT", 503));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CloneRequest;

impl<A: Clone, B, E> Repeat<Request<A>, Response<B>, E> for CloneRequest {
    fn copy(&self, request: &Request<A>) -> Option<Request<A>> {
        Some(request.clone())
    }

    fn is_safe(&self, copy: &Request<A>, refusal: &Result<Response<B>, E>) -> bool {
        let Ok(response) = refusal else { return is_idempotent(copy.method()) };
        let hints = Hints::from_headers(response.headers(), SystemTime::now());
        let was_not_worked_on = response.status().is_client_error() || hints.pause().is_some();
        hints.may_retry() && (was_not_worked_on || is_idempotent(copy.method()))
    }
}

fn is_idempotent(method: &Method) -> bool {
    method.is_safe() || matches!(*method, Method::PUT | Method::DELETE)
}

/// Copies requests with a function; made by [`Retry::copy_with`].
///
/// # Examples
///
/// See [`Retry::copy_with`].
#[derive(Clone, Copy, Debug)]
pub struct CopyWith<F>(F);

impl<F, Req, Res, E> Repeat<Req, Res, E> for CopyWith<F>
where
    F: Fn(&Req) -> Option<Req> + Send + Sync,
{
    fn copy(&self, request: &Req) -> Option<Req> {
        (self.0)(request)
    }

    fn is_safe(&self, _copy: &Req, _refusal: &Result<Res, E>) -> bool {
        true
    }
}
