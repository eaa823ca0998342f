//! What most programs use, by one line: `use tidegate::prelude::*;`.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use tidegate::prelude::*;
//!
//! # #[cfg(feature = "full")]
//! async fn sum_in_a_second(numbers: Vec<u64>) -> Result<u64, Elapsed> {
//!     let sum = to_thread(move |_| numbers.iter().sum::<u64>());
//!     timeout(Duration::from_secs(1), async { sum.await.unwrap_or(0) }).await
//! }
//! ```

#[cfg(feature = "barrier")]
pub use tidegate_barrier::Barrier;
#[cfg(feature = "condition")]
pub use tidegate_condition::Condition;
#[cfg(feature = "event")]
pub use tidegate_event::{AutoResetEvent, Event, Latch};
#[cfg(feature = "executor")]
pub use tidegate_executor::{
    BlockingFuture, JobError, Portal, ThreadPool, TimerHandle, WaitError, call_at, call_later,
    call_soon_threadsafe, run_coroutine_threadsafe, run_in_executor, to_thread,
};
#[cfg(feature = "lock")]
pub use tidegate_lock::{Lock, RwLock};
#[cfg(feature = "queue")]
pub use tidegate_queue::{LifoQueue, PriorityQueue, Queue, Shutdown};
#[cfg(feature = "semaphore")]
pub use tidegate_semaphore::{CapacityLimiter, Semaphore};
#[cfg(feature = "task-group")]
pub use tidegate_task_group::{
    BoxError, ErrorGroup, Task, TaskError, TaskGroup, TaskSet, Wait, as_completed,
    for_each_concurrent, gather, gather_settled, local_scope, race, wait,
};
#[cfg(feature = "time-lock")]
pub use tidegate_time_lock::{KeyedTimeLock, PausingSemaphore, TimeLock};
#[cfg(feature = "timeout")]
pub use tidegate_timeout::{
    AsyncContext, CancelReason, Cancelled, ContextVar, Deadline, Elapsed, Exit, ScopeExt,
    ScopeHandle, cancel_scope, checkpoint, current_scope, exit_stack, is_stopping, move_on_after,
    protect, shield, shield_for, stop_requested, timeout, timeout_at, with,
};
