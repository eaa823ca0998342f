//! Worker processes: [`ProcessPool`] runs functions in other processes, which may crash, hang or be killed.
//!
//! Three things make a program that has them. Functions are made by [`process_fn!`](crate::process_fn); `main` begins
//! with [`init`], by which a worker knows that it is one; and [`ProcessPool::builder`] makes the pool. In a test
//! binary, where there is no `main` to begin with, [`process_test_entry!`](crate::process_test_entry) stands in.
//!
//! On Unix, with the feature `process`.
//!
//! # Examples
//!
//! ```
//! use tidegate_executor::process::{self, ProcessPool};
//! use tidegate_executor::process_fn;
//!
//! process_fn! {
//!     pub fn process_id() -> u32 { std::process::id() }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     process::init();
//!     tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
//!         let pool = ProcessPool::builder().workers(4).max_tasks_per_child(1000).build().await?;
//!         assert_ne!(pool.run(process_id, ()).await?, std::process::id());
//!         Ok(())
//!     })
//! }
//! ```

mod builder;
mod core;
mod engaged;
mod entry;
mod error;
mod frame;
mod function;
mod identity;
mod janitor;
mod killer;
mod leash;
mod link;
mod plan;
mod pool;
mod stderr;
mod warden;
mod worker;

use std::sync::atomic::{AtomicBool, Ordering};

pub use self::builder::ProcessPoolBuilder;
pub use self::error::{ProcessError, StartError};
pub use self::function::{ProcessFn, Registry};
pub use self::pool::{ProcessPool, ProcessPoolStatistics};

static INITIALISED: AtomicBool = AtomicBool::new(false);

/// Turns this process into a worker, if it was started as one.
///
/// The first thing in `main`: in a worker it does not return, so nothing before it should matter; in any other
/// process it does next to nothing. A pool refuses to start workers of a program in which it was not called, on the
/// thread of `main`.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The first line of `main`.
/// tidegate_executor::process::init();
/// // Only the program itself comes here.
/// # Ok(()) }
/// ```
pub fn init() {
    if is_worker() {
        worker::serve(&Registry::collected());
    }
    note_the_build();
}

/// As [`init`], with a list of the functions that a worker knows.
///
/// # Examples
///
/// See [`Registry`].
pub fn init_with(registry: Registry) {
    if is_worker() {
        worker::serve(&registry);
    }
    note_the_build();
}

/// Whether this process was started as a worker of a pool.
///
/// For code that is used on both sides. What a worker starts in turn is none.
///
/// # Examples
///
/// ```
/// assert!(!tidegate_executor::process::is_worker());
/// ```
pub fn is_worker() -> bool {
    worker::is_started_as_one()
}

/// As [`init`], where the worker is told to begin: the test of `process_test_entry!`.
#[doc(hidden)]
pub fn init_for_test() {
    if is_worker() {
        worker::serve(&Registry::collected());
    }
}

fn note_the_build() {
    identity::build();
    // A test that calls `init` does not make the program one that begins with it.
    if std::thread::current().name() == Some("main") {
        INITIALISED.store(true, Ordering::Relaxed);
    }
}

fn is_initialised() -> bool {
    INITIALISED.load(Ordering::Relaxed)
}

/// What the macros need.
#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use super::entry::TestEntry;
    pub use super::function::Entry;
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
