// How it works
//
//     call:  wait at the gate ─▶ a clone of the inner service, ready ─▶ gate still open? ─▶ send ─▶ verdict
//               ▲                                                          │ no               │ refused, may retry
//               └───────────── with its old place in line ◀────────────────┴──────────────────┘
//
// All of it is in the future that `call` makes, and nothing in `poll_ready`: the gate depends on the request, and
// readiness is a reservation that may be held for any time before it is used, so that a gate that was open then says
// nothing about now. For the same reason the inner service is asked for its readiness only by somebody who has passed,
// and that readiness, which may be a permit or a slot in a buffer, is put down again when the gate was shut meanwhile.
//
// The gate hears of the response when its head is there, by dropping nothing: a future that is dropped on the way drops
// its pass, which hands on the turn of a probe.

mod info;
mod layer;
mod quota;
mod retry;
mod service;

pub use info::{AttachInfo, InExtensions, NoInfo, TimeLockInfo};
pub use layer::{OnOverflow, TimeLockLayer};
pub use quota::{NoQuotas, QuotasInHeaders, ReadQuota};
pub use retry::{CloneRequest, CopyWith, NoRetry, Repeat, Retry};
pub use service::{TimeLockFuture, TimeLockService};
