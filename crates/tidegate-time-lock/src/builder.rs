use std::time::Duration;

use crate::core::Rules;
use crate::suspend::Clocks;
use crate::{Aimd, Policy, Reopen, StaticTimeLock, TimeLock};

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
///
/// One for a server that never says for how long, with a name for the log:
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{Reopen, TimeLock};
///
/// let gate = TimeLock::builder()
///     .name("geocoder")
///     .min_pause(Duration::from_millis(250))
///     .backoff(Duration::from_secs(1), Duration::from_secs(60)) // 1, 2, 4, … 60 s
///     .jitter(true) // Several processes do not come back in the same millisecond.
///     .reopen(Reopen::Probe { n: 1 })
///     .probe_timeout(Duration::from_secs(30))
///     .probe_grace(Duration::from_secs(3))
///     .late_refusals(false)
///     .isolation(5, 20)
///     .wall_clock(false) // This machine does not sleep.
///     .build();
/// assert!(gate.try_acquire().is_ok());
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
                late_refusals: true,
                jitter: false,
                wall_clock: true,
                clocks: Clocks::now,
                isolation: (3, 8),
                permits: None,
                name: "time lock",
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

    /// Whether a refusal of an earlier epoch, which counts for nothing else, may make a pause longer; it may if not set.
    ///
    /// The other side said so, after all. Where answers are slow it costs time: the refusals of a herd come in one by
    /// one, and each counts its delay from when it came.
    pub const fn late_refusals(mut self, extend: bool) -> Self {
        self.rules.late_refusals = extend;
        self
    }

    /// When a refusal is taken to be about the request alone: if it was refused `refusals` times while at least `others`
    /// that were sent after its first refusal were accepted; 3 and 8 if not set, [`u32::MAX`] for never.
    ///
    /// For each other refusal meanwhile it takes that many more that were accepted: of a herd that is let loose at once,
    /// most are refused again and again, and nobody is to blame.
    ///
    /// Such a request no longer shuts the gate; [`Refused::is_isolated`](crate::Refused::is_isolated) tells. The gate
    /// knows a request again by the [place](crate::Refused::requeue) that it comes back with.
    pub const fn isolation(mut self, refusals: u32, others: u64) -> Self {
        self.rules.isolation = (refusals, others);
        self
    }

    pub(crate) const fn permits(mut self, permits: usize, aimd: Option<Aimd>) -> Self {
        self.rules.permits = Some((permits, aimd));
        self
    }

    /// What the gate is called in logs (feature `tracing`).
    pub const fn name(mut self, name: &'static str) -> Self {
        self.rules.name = name;
        self
    }

    /// Whether pauses are made a little longer by chance: up to a twentieth and up to a second; not if not set.
    ///
    /// For many processes that are told the same by one server: without it they come back at once. It only ever adds.
    /// Inside one process the line and the pace do that job.
    pub const fn jitter(mut self, on: bool) -> Self {
        self.rules.jitter = on;
        self
    }

    /// Whether the wall clock is asked if the machine slept; it is if not set.
    ///
    /// The clock that timers go by stands still while a machine is suspended, and a pause would last that much longer.
    /// So during pauses of more than 30 s both clocks are compared, every 30 s. A wall clock that is set forward by
    /// more than a second looks the same as a machine that slept, and ends a pause early; where that may happen and
    /// matters, turn it off. One that is set back changes nothing.
    pub const fn wall_clock(mut self, on: bool) -> Self {
        self.rules.wall_clock = on;
        self
    }

    pub(crate) const fn rules(self) -> Rules {
        self.rules
    }

    /// Makes a gate for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::{Reopen, StaticTimeLock, TimeLock};
    ///
    /// static GATE: StaticTimeLock = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build_static();
    /// assert!(GATE.try_acquire().is_ok());
    /// ```
    pub const fn build_static(self) -> StaticTimeLock {
        StaticTimeLock::with(self)
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
