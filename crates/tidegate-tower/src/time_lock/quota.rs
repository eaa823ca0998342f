use std::time::{Duration, SystemTime};

use http::Response;

use crate::Hints;

/// Reads from a response how many more requests may be sent, and for how long that holds.
///
/// Any function does that answers so.
///
/// # Examples
///
/// See [`TimeLockLayer::quotas`](crate::TimeLockLayer::quotas).
#[diagnostic::on_unimplemented(
    message = "`{Self}` reads no quota of a `{Res}`",
    note = "`TimeLockLayer::quotas` takes a function that does"
)]
pub trait ReadQuota<Res>: Send + Sync {
    /// How many more, and for how long that holds; `None` if the response does not say.
    fn quota(&self, response: &Res) -> Option<(u64, Duration)>;
}

impl<Res, F: Fn(&Res) -> Option<(u64, Duration)> + Send + Sync> ReadQuota<Res> for F {
    fn quota(&self, response: &Res) -> Option<(u64, Duration)> {
        self(response)
    }
}

/// Nobody looks for quotas.
///
/// # Examples
///
/// ```
/// use tidegate_tower::{NoQuotas, ReadQuota};
///
/// assert_eq!(NoQuotas.quota(&"a response"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoQuotas;

impl<Res> ReadQuota<Res> for NoQuotas {
    fn quota(&self, _response: &Res) -> Option<(u64, Duration)> {
        None
    }
}

/// Quotas are what [`Hints::quota`] makes of the headers.
///
/// # Examples
///
/// See [`TimeLockLayer::heed_quotas`](crate::TimeLockLayer::heed_quotas).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct QuotasInHeaders;

impl<B> ReadQuota<Response<B>> for QuotasInHeaders {
    fn quota(&self, response: &Response<B>) -> Option<(u64, Duration)> {
        Hints::from_headers(response.headers(), SystemTime::now()).quota()
    }
}
