// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`TaskGroup`]: crate::TaskGroup
//! [`Task`]: crate::Task
//! [`request_stop`]: crate::TaskGroup::request_stop
//! [`TaskBuilder`]: crate::TaskBuilder
//! [`Ready`]: crate::Ready
//! [`spawn_blocking`]: crate::TaskGroup::spawn_blocking
//! [`TaskSet`]: crate::TaskSet
//! [`TaskTree`]: crate::TaskTree
//! [`Policy`]: crate::Policy
//! [`OnPanic`]: crate::OnPanic
//! [`ErrorGroup`]: crate::ErrorGroup
//! [`gather`]: fn@crate::gather
//! [`gather_settled`]: fn@crate::gather_settled
//! [`as_completed`]: fn@crate::as_completed
//! [`wait`]: fn@crate::wait
//! [`race`]: fn@crate::race
//! [`race_ok`]: fn@crate::race_ok
//! [`for_each_concurrent`]: fn@crate::for_each_concurrent
//! [`local_scope`]: fn@crate::local_scope
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod as_completed;
mod blocking;
mod bounded;
mod builder;
mod child;
mod core;
#[cfg(test)]
#[path = "core/tests.rs"]
mod core_tests;
mod does_not_compile;
mod error_group;
mod failure;
mod for_each_concurrent;
mod gather;
mod gather_settled;
mod group;
mod inherit;
mod lineup;
mod local_scope;
mod manner;
mod nest;
mod origin;
mod panicked;
mod place;
mod policy;
mod race;
mod race_ok;
mod ready;
mod remote;
mod report;
mod scope;
mod seat;
mod shared;
mod shelf;
mod siblings;
mod signal;
mod start;
mod start_error;
mod statistics;
mod talk;
mod task;
mod task_builder;
mod task_error;
mod task_set;
mod tree;
mod turn;
mod wait;

pub use as_completed::{AsCompleted, as_completed};
pub use bounded::SpawnBoundedFut;
pub use builder::Builder;
pub use error_group::{BoxError, Cause, Detail, ErrorGroup};
pub use failure::Failure;
pub use for_each_concurrent::{ForEachConcurrentFut, for_each_concurrent};
pub use gather::{GatherFut, gather};
pub use gather_settled::{GatherSettledFut, gather_settled};
pub use group::TaskGroup;
pub use local_scope::{LocalScope, LocalScopeFut, LocalTask, local_scope};
pub use origin::Origin;
pub use panicked::Panicked;
pub use policy::{OnPanic, Policy};
pub use race::{RaceFut, race};
pub use race_ok::{RaceOkFut, race_ok};
pub use ready::Ready;
pub use scope::ScopeFut;
pub use start::StartFut;
pub use start_error::StartError;
pub use statistics::GroupStatistics;
pub use task::Task;
pub use task_builder::TaskBuilder;
pub use task_error::{TaskError, TrySpawnError};
pub use task_set::{SetTask, Spawner, TaskSet};
pub use tidegate_executor::JobCx;
pub use tidegate_timeout::{CancelReason, Cancelled, Deadline};
pub use tree::{TaskNode, TaskState, TaskTree};
pub use wait::{Pending, Wait, WaitFut, Waited, wait};
