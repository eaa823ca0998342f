use std::time::Duration;

use http::Response;
use tidegate_time_lock::Epoch;

/// What became of a request on its way; an extension of its response.
///
/// # Examples
///
/// ```
/// # use std::convert::Infallible;
/// use http::{Request, Response};
/// use tidegate_time_lock::TimeLock;
/// use tidegate_tower::{TimeLockInfo, TimeLockLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # tidegate_test::block_on(async {
/// let client = ServiceBuilder::new()
///     .layer(TimeLockLayer::new(TimeLock::new()))
///     .service(service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(()))));
/// let response = client.oneshot(Request::new(())).await.unwrap();
/// let info: &TimeLockInfo = response.extensions().get().unwrap();
/// assert_eq!((info.attempts, info.epoch), (1, 0));
/// # })
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TimeLockInfo {
    /// How long it waited for the gate, over all attempts.
    pub waited: Duration,
    /// How often it was sent.
    pub attempts: u32,
    /// The epoch of the gate in which it was sent last: how often that had been shut by then.
    pub epoch: Epoch,
    /// Whether it was refused for its own sake, while others were accepted; see
    /// [`Refused::is_isolated`](tidegate_time_lock::Refused::is_isolated). Better not tried again.
    pub isolated: bool,
}

/// Puts a [`TimeLockInfo`] where whoever gets the response finds it.
///
/// Any function of the response and the information does.
///
/// # Examples
///
/// See [`TimeLockLayer::info`](crate::TimeLockLayer::info).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot attach a `TimeLockInfo` to a `{Res}`",
    note = "`TimeLockLayer::info` takes a function that does, and `without_info` none"
)]
pub trait AttachInfo<Res>: Send + Sync {
    /// Attaches `info` to `response`.
    fn attach(&self, response: &mut Res, info: TimeLockInfo);
}

impl<Res, F: Fn(&mut Res, TimeLockInfo) + Send + Sync> AttachInfo<Res> for F {
    fn attach(&self, response: &mut Res, info: TimeLockInfo) {
        self(response, info);
    }
}

/// Among the [extensions](Response::extensions) of the response.
///
/// # Examples
///
/// See [`TimeLockInfo`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct InExtensions;

impl<B> AttachInfo<Response<B>> for InExtensions {
    fn attach(&self, response: &mut Response<B>, info: TimeLockInfo) {
        response.extensions_mut().insert(info);
    }
}

/// Nowhere.
///
/// # Examples
///
/// See [`TimeLockLayer::without_info`](crate::TimeLockLayer::without_info).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoInfo;

impl<Res> AttachInfo<Res> for NoInfo {
    fn attach(&self, _response: &mut Res, _info: TimeLockInfo) {}
}
