#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "event")]
#[doc(inline)]
pub use tidegate_event as event;
#[cfg(feature = "executor")]
#[doc(inline)]
pub use tidegate_executor as executor;
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
