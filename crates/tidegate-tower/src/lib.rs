// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`TimeLockLayer`]: crate::TimeLockLayer
//! [`ShedLayer`]: crate::ShedLayer
//! [`ConcurrencyLimitLayer`]: crate::ConcurrencyLimitLayer
//! [`DeadlineLayer`]: crate::DeadlineLayer
//! [`Retry`]: crate::Retry
//! [`Hints`]: crate::Hints
//! [`classify`]: crate::classify
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod body;
pub mod classify;
mod concurrency;
mod deadline;
mod deadline_header;
mod error;
mod gates;
mod hints;
mod hold;
mod key;
mod room;
mod shed;
mod time_lock;

pub use body::LimitedBody;
pub use concurrency::{ConcurrencyLimitFuture, ConcurrencyLimitLayer, ConcurrencyLimitService};
pub use deadline::{DeadlineExceeded, DeadlineFuture, DeadlineLayer, DeadlineService};
pub use deadline_header::{CarryDeadline, DeadlineHeader, NoHeader, ReceiveDeadline, SendDeadline};
pub use error::{BoxError, TimeLockError};
pub use gates::IntoGates;
pub use hints::{Hints, PushBack, QuotaPolicy, ServiceLimit, XRateLimit};
pub use hold::{Hold, UntilBodyEnds, UntilResponse};
pub use key::{ByOrigin, KeyOf, NoKey, by_origin};
pub use shed::{ShedFuture, ShedLayer, ShedService};
pub use time_lock::{
    AttachInfo, CloneRequest, CopyWith, InExtensions, NoInfo, NoQuotas, NoRetry, OnOverflow,
    QuotasInHeaders, ReadQuota, Repeat, Retry, TimeLockFuture, TimeLockInfo, TimeLockLayer,
    TimeLockService,
};
