use std::panic::Location;
use std::sync::OnceLock;

use crate::builder::cores;
use crate::job_cx::JobCx;
use crate::run::Run;
use crate::thread_pool::ThreadPool;

/// Runs a blocking closure on a thread that the process keeps for such things.
///
/// This is asyncio's `to_thread`: [`ThreadPool::run`] on a pool that is made when it is first needed, has
/// four threads per core, no fewer than 8 and no more than 64, and is never closed. Its threads go when
/// they have had nothing to do for 10 s, its queue takes 1024 jobs, and it is the one thing in tidegate
/// that is global: a convenience for code that has nowhere to keep a pool. What must not wait behind
/// other people's jobs, or must be waited for at the end, has a [`ThreadPool`] of its own.
///
/// # Examples
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tidegate_executor::to_thread;
///
/// let names = to_thread(|cx| {
///     let mut names = Vec::new();
///     for entry in std::fs::read_dir(".")? {
///         if cx.is_cancelled() {
///             break;
///         }
///         names.push(entry?.file_name());
///     }
///     std::io::Result::Ok(names)
/// });
/// println!("{} files", names.await??.len());
/// # Ok(()) }
/// ```
///
/// # Cancel safety
///
/// **Not cancel-safe.** As [`ThreadPool::run`].
///
/// # Errors
///
/// As [`ThreadPool::run`].
///
/// # Panics
///
/// When polled again after it was ready.
#[track_caller]
pub fn to_thread<F, T>(work: F) -> Run<F, T>
where
    F: FnOnce(&JobCx) -> T + Send + 'static,
    T: Send + 'static,
{
    static POOL: OnceLock<ThreadPool> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        ThreadPool::builder()
            .name("to_thread")
            .threads(0..=(4 * cores()).clamp(8, 64))
            .queue(1024)
            .build()
    });
    pool.run_at(work, Location::caller())
}
