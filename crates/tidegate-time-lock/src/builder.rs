use std::time::Duration;

use crate::core::Rules;
use crate::{Policy, Reopen, TimeLock};

/// Makes a [`TimeLock`] that is not the plain one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{LearnedPace, Policy, Reopen, TimeLock};
///
/// let gate = TimeLock::builder()
///     .policy(Policy::Extend)
///     .reopen(Reopen::Learned(LearnedPace::default()))
///     .max_lock(Duration::from_secs(3600))
///     .build();
/// assert!(!gate.is_locked());
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a builder makes a gate only when `build` is called"]
pub struct TimeLockBuilder {
    rules: Rules,
}

impl TimeLockBuilder {
    pub(crate) const fn new() -> Self {
        Self {
            rules: Rules {
                policy: Policy::Extend,
                reopen: Reopen::All,
                max_lock: Duration::from_secs(24 * 60 * 60),
                min_pause: Duration::from_millis(100),
                base: Duration::from_millis(500),
                cap: Duration::from_secs(60),
                probe_timeout: Duration::from_secs(10),
                probe_grace: Duration::from_secs(1),
            },
        }
    }

    /// What a demand to shut a gate that is shut already comes to; [`Policy::Extend`] if not set.
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.rules.policy = policy;
        self
    }

    /// How the gate opens again; [`Reopen::All`] if not set.
    pub const fn reopen(mut self, reopen: Reopen) -> Self {
        self.rules.reopen = reopen;
        self
    }

    /// The longest that a demand with a time can shut the gate; 24 hours if not set.
    ///
    /// A guard against absurd headers, not a way to come back early: who would not wait so long says so with
    /// [`TimeLock::acquire_timeout`]. [`TimeLock::lock`] knows no bound.
    pub const fn max_lock(mut self, longest: Duration) -> Self {
        self.rules.max_lock = longest;
        self
    }

    /// The shortest pause after a refusal, whatever the other side says; 100 ms if not set.
    pub const fn min_pause(mut self, shortest: Duration) -> Self {
        self.rules.min_pause = shortest;
        self
    }

    /// The pause after a refusal that does not say how long: `base`, doubled with each further one in a row up to
    /// `cap`; 500 ms and 60 s if not set.
    pub const fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.rules.base = base;
        self.rules.cap = cap;
        self
    }

    /// How long a probe may be out without a verdict before another one goes; 10 s if not set.
    ///
    /// The verdict of the first still counts if it comes.
    pub const fn probe_timeout(mut self, longest: Duration) -> Self {
        self.rules.probe_timeout = longest;
        self
    }

    /// How long after probes that were dropped without a verdict silence means consent; 1 s if not set.
    ///
    /// For callers that only ever complain and never report a success.
    pub const fn probe_grace(mut self, silence: Duration) -> Self {
        self.rules.probe_grace = silence;
        self
    }

    /// Makes the gate.
    #[must_use]
    pub fn build(self) -> TimeLock {
        TimeLock::with_rules(self.rules)
    }
}

impl Default for TimeLockBuilder {
    fn default() -> Self {
        Self::new()
    }
}
