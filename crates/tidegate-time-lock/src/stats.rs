use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::{Epoch, Rate, Reason, Waits};

/// What a gate has done so far.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::TimeLock;
///
/// let gate = TimeLock::new();
/// gate.lock_for(Duration::from_secs(1));
/// gate.lock_for(Duration::from_secs(2));
/// assert_eq!((gate.stats().shuts, gate.stats().extended), (1, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Passes given by a decision. Those through a gate that is simply open are not counted: that would cost
    /// more than the pass.
    pub admitted: u64,
    /// Refusals reported.
    pub refused: u64,
    /// Refusals reported that came from an earlier epoch.
    pub stale: u64,
    /// Refusals reported that were about the request alone.
    pub isolated: u64,
    /// How often the gate was shut.
    pub shuts: u64,
    /// How often a shut gate was shut for longer.
    pub extended: u64,
    /// How often a demand was for less than the gate was shut already.
    pub kept: u64,
    /// How often a demand was ignored because the first one holds.
    pub ignored: u64,
    /// Probes that came back well.
    pub probes_ok: u64,
    /// Probes that were refused.
    pub probes_refused: u64,
    /// Probes that were dropped without a verdict, or silent for too long.
    pub probes_lost: u64,
    /// Waiters that were dropped while they waited.
    pub cancelled: u64,
    /// Waiters whose time was up, or that would not wait so long.
    pub timed_out: u64,
    /// Those who were [turned away](crate::TimeLock::count_shed) because too many wait.
    pub shed: u64,
    /// How long the gate was shut, pauses that are over.
    pub total_shut: Duration,
    /// The longest pause that is over.
    pub longest_shut: Duration,
    /// How long those waited who passed after a wait.
    pub wait: Waits,
    /// The pace at which passes are given, if there is one.
    pub pace_now: Option<Rate>,
    /// The most that waited at one time.
    pub waiters_max: usize,
}

/// What a gate does, as [`TimeLock::snapshot`](crate::TimeLock::snapshot) shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Passes are given, perhaps at a pace.
    Open,
    /// Nobody passes.
    Shut,
    /// The time is up; a probe decides whether the gate opens.
    Probing,
    /// Closed for good.
    Closed,
}

/// One consistent look at a gate.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::TimeLock;
///
/// assert_eq!(TimeLock::new().snapshot().to_string(), "[unlocked] 0 waiters");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// What it is doing.
    pub state: State,
    /// The epoch.
    pub epoch: Epoch,
    /// Since when it is shut.
    pub locked_at: Option<Instant>,
    /// The same by the wall clock.
    pub locked_at_wall: Option<SystemTime>,
    /// Until when it is shut; `None` also when only `unlock` opens it.
    pub locked_until: Option<Instant>,
    /// How long it is shut still; [`Duration::MAX`] when only `unlock` opens it.
    pub remaining: Option<Duration>,
    /// Why it is shut.
    pub reason: Option<Reason>,
    /// How many wait.
    pub waiters: usize,
    /// The pace at which passes are given, if there is one.
    pub pace: Option<Rate>,
    /// How many may pass yet, and until when, if there is a [quota](crate::TimeLock::allow).
    pub quota: Option<(u64, Instant)>,
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, waiters, .. } = self;
        match self.state {
            State::Shut => {
                f.write_str("[locked")?;
                if let Some(at) =
                    self.locked_at_wall.and_then(|at| at.duration_since(UNIX_EPOCH).ok())
                {
                    write!(f, " at {:.1}", at.as_secs_f64())?;
                }
                match self.remaining {
                    Some(Duration::MAX) | None => f.write_str(" until unlocked")?,
                    Some(left) => write!(f, " for {:.1} s more", left.as_secs_f64())?,
                }
                write!(f, ", {waiters} waiters, epoch {epoch}]")
            }
            State::Probing => write!(f, "[probing, {waiters} waiters, epoch {epoch}]"),
            State::Closed => f.write_str("[closed]"),
            State::Open => {
                f.write_str("[unlocked")?;
                if let Some(pace) = self.pace {
                    write!(f, ", pace {pace}")?;
                }
                if let Some((left, _)) = self.quota {
                    write!(f, ", {left} left")?;
                }
                write!(f, "] {waiters} waiters")
            }
        }
    }
}
