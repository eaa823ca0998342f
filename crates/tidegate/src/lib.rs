// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks them; on
// GitHub and in the registry the README's own are used.
#![cfg_attr(feature = "full", doc = "[`barrier`]: crate::barrier")]
#![cfg_attr(feature = "full", doc = "[`condition`]: crate::condition")]
#![cfg_attr(feature = "full", doc = "[`event`]: crate::event")]
#![cfg_attr(feature = "full", doc = "[`executor`]: crate::executor")]
#![cfg_attr(feature = "full", doc = "[`lock`]: crate::lock")]
#![cfg_attr(feature = "full", doc = "[`queue`]: crate::queue")]
#![cfg_attr(feature = "full", doc = "[`semaphore`]: crate::semaphore")]
#![cfg_attr(feature = "full", doc = "[`task_group`]: crate::task_group")]
#![cfg_attr(feature = "full", doc = "[`time_lock`]: crate::time_lock")]
#![cfg_attr(feature = "full", doc = "[`timeout`]: crate::timeout")]
#![cfg_attr(feature = "full", doc = "[`tower`]: crate::tower")]
#![cfg_attr(feature = "full", doc = "[`prelude`]: crate::prelude")]
#![cfg_attr(feature = "full", doc = "[guide-asyncio]: crate::guide::asyncio")]
#![cfg_attr(feature = "full", doc = "[guide-choosing]: crate::guide::choosing")]
#![cfg_attr(feature = "full", doc = "[guide-cancellation]: crate::guide::cancellation")]
#![cfg_attr(feature = "full", doc = "[guide-deadlines]: crate::guide::deadlines")]
#![cfg_attr(feature = "full", doc = "[guide-testing]: crate::guide::testing")]
#![cfg_attr(feature = "full", doc = "[guide-performance]: crate::guide::performance")]
#![cfg_attr(feature = "full", doc = "[guide-programs]: crate::guide::programs")]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "barrier")]
#[doc(inline)]
pub use tidegate_barrier as barrier;
#[cfg(feature = "condition")]
#[doc(inline)]
pub use tidegate_condition as condition;
#[cfg(feature = "event")]
#[doc(inline)]
pub use tidegate_event as event;
#[cfg(feature = "executor")]
#[doc(inline)]
pub use tidegate_executor as executor;
#[cfg(feature = "lock")]
#[doc(inline)]
pub use tidegate_lock as lock;
#[cfg(feature = "queue")]
#[doc(inline)]
pub use tidegate_queue as queue;
#[cfg(feature = "semaphore")]
#[doc(inline)]
pub use tidegate_semaphore as semaphore;
#[cfg(feature = "task-group")]
#[doc(inline)]
pub use tidegate_task_group as task_group;
#[cfg(feature = "time-lock")]
#[doc(inline)]
pub use tidegate_time_lock as time_lock;
#[cfg(feature = "timeout")]
#[doc(inline)]
pub use tidegate_timeout as timeout;
#[cfg(feature = "tower")]
#[doc(inline)]
pub use tidegate_tower as tower;

// For rustdoc alone: whoever builds the crate does not pay for its pages.
#[cfg(all(doc, feature = "full"))]
pub mod guide;
pub mod prelude;

// The workspace's front page shows code too; this compiles it.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../../README.md")]
mod workspace_readme {}
