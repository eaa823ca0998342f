// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`TaskGroup`]: crate::TaskGroup
//! [`Task`]: crate::Task
//! [`Policy`]: crate::Policy
//! [`OnPanic`]: crate::OnPanic
//! [`ErrorGroup`]: crate::ErrorGroup
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod bounded;
mod builder;
mod child;
mod core;
mod error_group;
mod failure;
mod group;
mod origin;
mod panicked;
mod policy;
mod report;
mod scope;
mod shared;
mod shelf;
mod signal;
mod statistics;
mod task;
mod task_error;
mod turn;

pub use bounded::SpawnBounded;
pub use builder::Builder;
pub use error_group::{BoxError, Cause, Detail, ErrorGroup};
pub use failure::Failure;
pub use group::{TaskBuilder, TaskGroup};
pub use origin::Origin;
pub use panicked::Panicked;
pub use policy::{OnPanic, Policy};
pub use scope::ScopeFut;
pub use statistics::GroupStatistics;
pub use task::Task;
pub use task_error::{TaskError, TrySpawnError};
