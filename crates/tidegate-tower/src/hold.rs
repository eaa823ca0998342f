use http::Response;
use tidegate_semaphore::OwnedSlot;

use crate::LimitedBody;

/// Until when a permit is held: [`UntilResponse`] or [`UntilBodyEnds`].
///
/// # Examples
///
/// See [`ConcurrencyLimitLayer`](crate::ConcurrencyLimitLayer).
pub trait Hold<Res>: Clone + sealed::Sealed {
    /// The response, and what it may hold.
    type Held;

    #[doc(hidden)]
    fn hold(response: Res, slot: OwnedSlot) -> Self::Held;
}

mod sealed {
    pub trait Sealed {}
}

/// Permits are held until the response is there.
///
/// # Examples
///
/// See [`ConcurrencyLimitLayer`](crate::ConcurrencyLimitLayer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UntilResponse;

impl sealed::Sealed for UntilResponse {}

impl<Res> Hold<Res> for UntilResponse {
    type Held = Res;

    fn hold(response: Res, _slot: OwnedSlot) -> Res {
        response
    }
}

/// Permits are held until the body of the response ends.
///
/// # Examples
///
/// See [`until_body_ends`](crate::ConcurrencyLimitLayer::until_body_ends).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UntilBodyEnds;

impl sealed::Sealed for UntilBodyEnds {}

impl<B: http_body::Body> Hold<Response<B>> for UntilBodyEnds {
    type Held = Response<LimitedBody<B>>;

    fn hold(response: Response<B>, slot: OwnedSlot) -> Self::Held {
        response.map(|body| LimitedBody::new(body, slot))
    }
}
