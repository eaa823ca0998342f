use rayon_core::ThreadPool;

use super::Executor;

/// Runs jobs on the threads of the pool, between its own.
///
/// For work that computes. A job that blocks keeps one of the few threads from computing.
impl Executor for ThreadPool {
    fn execute(&self, job: Box<dyn FnOnce() + Send>) {
        self.spawn(job);
    }
}

/// Rayon's global pool, as an [`Executor`]; with the feature `rayon`.
///
/// For work that computes. A [`rayon::ThreadPool`](ThreadPool) of one's own is an executor, too.
///
/// # Examples
///
/// ```
/// use tidegate_executor::{Rayon, run_in_executor};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let sum = run_in_executor(&Rayon, || (1..=1000_u64).sum::<u64>()).await;
/// assert_eq!(sum, Ok(500_500));
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Rayon;

/// Runs jobs on the threads of the global pool, which is made when it is first asked for.
impl Executor for Rayon {
    fn execute(&self, job: Box<dyn FnOnce() + Send>) {
        rayon_core::spawn(job);
    }
}
