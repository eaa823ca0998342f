use std::fmt;

use crate::report::StuckJob;
use crate::watch::SlowPoll;

/// What had not ended when the time of a [`Runner`](crate::Runner) was over.
///
/// # Examples
///
/// ```
/// use tidegate_executor::Leftovers;
///
/// assert!(Leftovers::default().is_clean());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftovers {
    /// The jobs that run in pools of this process, if the main future's scope did not end in time.
    pub jobs: Vec<StuckJob>,
    /// The tasks that block a thread, if there is a watch.
    pub polls: Vec<SlowPoll>,
    /// Whether threads of the runtime (its workers, or those of `spawn_blocking`) had not ended.
    pub threads: bool,
    /// How many tasks of the runtime were dropped, which is no fault.
    pub tasks: usize,
}

impl Leftovers {
    /// Whether nothing is stuck.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::Runner;
    ///
    /// let builder = Runner::builder().on_leftovers(|left| assert!(!left.is_clean()));
    /// ```
    pub fn is_clean(&self) -> bool {
        self.jobs.is_empty() && self.polls.is_empty() && !self.threads
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("nothing is stuck");
        }
        f.write_str("stuck at the end:")?;
        for job in &self.jobs {
            write!(f, " job {job};")?;
        }
        for poll in &self.polls {
            write!(f, " {poll};")?;
        }
        if self.threads {
            f.write_str(" threads of the runtime;")?;
        }
        write!(f, " tasks dropped: {}", self.tasks)
    }
}
