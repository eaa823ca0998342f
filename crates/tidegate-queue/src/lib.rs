// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
//! [`Queue`]: crate::Queue
//! [`LifoQueue`]: crate::LifoQueue
//! [`PriorityQueue`]: crate::PriorityQueue
//! [`Job`]: crate::Job
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod channel;
mod declare;
mod error;
mod get;
mod heap;
mod job;
mod kind;
mod put;
mod queue;
mod store;
mod stream;
mod take;
mod tasks;

pub use channel::{QueueStatistics, Shutdown};
pub use error::{Closed, TaskDoneError, TryGetError, TryPutError};
pub use get::{GetFut, GetOwnedFut};
pub use job::{Job, OwnedJob};
pub use kind::AnyQueue;
pub use put::{PutFut, PutOwnedFut};
pub use queue::{LifoQueue, PriorityQueue, Queue};
pub use stream::{GetOwnedStream, GetStream};
pub use take::{TakeFut, TakeOwnedFut};
pub use tasks::{JoinFut, JoinOwnedFut};
