// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them;
// on GitHub and in the registry the README's own are used.
//! [`timeout`]: crate::timeout()
//! [`timeout_at`]: crate::timeout_at
//! [`move_on_after`]: crate::move_on_after
//! [`move_on_at`]: crate::move_on_at
//! [`cancel_scope`]: crate::cancel_scope
//! [`with`]: crate::with()
//! [`exit_stack`]: crate::exit_stack()
//! [`AsyncContext`]: crate::AsyncContext
//! [`shield`]: crate::shield()
//! [`protect`]: crate::protect()
//! [`Deadline`]: crate::Deadline
//! [`ScopeHandle`]: crate::ScopeHandle
//! [`checkpoint`]: crate::checkpoint
//! [`cancelled`]: crate::cancelled
//! [`ContextVar`]: crate::ContextVar
//! [`Vars`]: crate::Vars
//! [`stop_requested`]: crate::stop_requested
//! [`is_stopping`]: crate::is_stopping
//! [`scope`]: crate::scope
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod adopt;
mod alarm;
mod ask;
mod bracket;
mod cancel_scope;
mod caught;
mod context;
mod context_var;
mod current;
mod cut_short;
mod deadline;
mod discard;
mod driver;
mod elapsed;
mod exit_errors;
mod exit_stack;
mod ext;
mod handle;
mod move_on;
mod node;
mod own;
mod protect;
mod reason;
mod resident;
pub mod scope;
mod shield;
mod slots;
mod stop;
mod time;
mod timeout;
#[cfg(feature = "tokio-util")]
mod token;
mod vars;
mod wakes;
mod watching;
mod with;

pub use ask::{cancelled, checkpoint, current_scope};
pub use cancel_scope::cancel_scope;
pub use context::{AsyncContext, Exit};
pub use context_var::{ContextVar, VarScope};
pub use deadline::Deadline;
pub use elapsed::Elapsed;
pub use exit_errors::ExitErrors;
pub use exit_stack::{ExitStack, Lent, exit_stack, exit_stack_all};
pub use ext::{InScope, ScopeExt};
pub use handle::ScopeHandle;
pub use move_on::{MoveOn, move_on_after, move_on_at};
pub use protect::{Protected, protect};
pub use reason::{CancelReason, Cancelled};
pub use shield::{Shield, shield, shield_for};
pub use stop::{StopRequested, is_stopping, stop_requested};
pub use timeout::{Timeout, timeout, timeout_at};
#[cfg(feature = "tokio-util")]
pub use token::CancelOn;
pub use vars::{InVars, Vars};
pub use with::{WithError, with, with_both};
