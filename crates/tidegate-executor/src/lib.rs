// On docs.rs these definitions come first and win over the README's web links, so that rustdoc checks
// them; on GitHub and in the registry the README's own are used.
//! [`ThreadPool`]: crate::ThreadPool
//! [`run`]: crate::ThreadPool::run
//! [`submit`]: crate::ThreadPool::submit
//! [`shutdown`]: crate::ThreadPool::shutdown
//! [`Job`]: crate::Job
//! [`JobCx`]: crate::JobCx
//! [`block_on`]: crate::JobCx::block_on
//! [`to_thread`]: crate::to_thread()
//! [`Executor`]: crate::Executor
//! [`run_in_executor`]: crate::run_in_executor()
//! [`Portal`]: crate::Portal
//! [`BlockingFuture`]: crate::BlockingFuture
//! [`run_coroutine_threadsafe`]: crate::run_coroutine_threadsafe()
//! [`call_later`]: crate::call_later()
//! [`TimerHandle`]: crate::TimerHandle
//! [`SlowPollWatch`]: crate::SlowPollWatch
#![cfg_attr(feature = "rayon", doc = "[`Rayon`]: crate::Rayon")]
#![cfg_attr(feature = "runner", doc = "[`Runner`]: crate::Runner")]
#![cfg_attr(all(unix, feature = "process"), doc = "[`ProcessPool`]: crate::process::ProcessPool")]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod blocking_future;
mod builder;
mod call;
mod call_later;
mod cell;
mod clock;
mod crew;
mod deadlock;
mod error;
mod executor;
mod hub;
mod inherit;
mod job;
mod job_cx;
mod lender;
mod line;
mod origin;
mod park;
mod portal;
#[cfg(all(unix, feature = "process"))]
pub mod process;
mod quiet;
mod ready;
mod report;
mod run;
mod run_coroutine_threadsafe;
#[cfg(feature = "runner")]
mod runner;
mod task;
mod thread_pool;
mod timer;
mod timer_handle;
mod timers;
mod to_thread;
mod wait_error;
pub mod watch;
mod work;

pub use blocking_future::BlockingFuture;
pub use builder::ThreadPoolBuilder;
pub use call_later::{call_at, call_later, call_soon_threadsafe};
pub use error::{JobError, QueueFull};
#[cfg(feature = "rayon")]
pub use executor::Rayon;
pub use executor::{Executor, RunInExecutor, run_in_executor};
pub use job::Job;
pub use job_cx::JobCx;
pub use portal::Portal;
#[cfg(all(unix, feature = "process"))]
pub use process::{ProcessError, ProcessPool};
pub use ready::Ready;
pub use report::{PoolStatistics, ShutdownReport, StuckJob};
pub use run::Run;
pub use run_coroutine_threadsafe::run_coroutine_threadsafe;
#[cfg(feature = "runner")]
pub use runner::{Leftovers, RunError, Runner, RunnerBuilder, run};
pub use thread_pool::ThreadPool;
pub use timer_handle::TimerHandle;
pub use to_thread::to_thread;
pub use wait_error::WaitError;
#[doc(inline)]
pub use watch::{SlowPoll, SlowPollWatch, Watched, watched};
