use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::core::{Core, Demand, Rules};
use crate::line::{CLOSED, Gate, SLOW};
use crate::{Epoch, Policy, Reason, Shut, StaticTimeLock, TimeLockBuilder, Until};

/// A gate that everybody passes and anybody can shut for a while.
///
/// Think of a level crossing: cars pass without stopping as long as it is open. Whoever sees a train shuts it for
/// some time; those who come meanwhile line up and pass in that order afterwards. Nobody holds the gate, and a
/// [`Pass`](crate::Pass) is not a guard: there is nothing to give back.
///
/// The train is usually a server that answers "429 Too Many Requests": one refusal stops all further requests,
/// not only the one that was refused.
///
/// A `TimeLock` is a handle; clones share the gate.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), tidegate_time_lock::Closed> {
/// use std::time::Duration;
/// use tidegate_time_lock::TimeLock;
/// use tokio::time::Instant;
///
/// let gate = TimeLock::new();
/// gate.acquire().await?.ok(); // open: passes at once
///
/// gate.lock_for(Duration::from_secs(2));
/// let before = Instant::now();
/// gate.acquire().await?.ok();
/// assert!(before.elapsed() >= Duration::from_secs(2));
/// # Ok(())
/// # }
/// ```
///
/// Longer demands win over shorter ones, whatever their order:
///
/// ```
/// # use std::time::Duration;
/// # use tidegate_time_lock::{Applied, TimeLock};
/// let gate = TimeLock::new();
/// gate.lock_for(Duration::from_secs(60));
/// assert_eq!(gate.lock_for(Duration::from_secs(1)).applied, Applied::KeptLonger);
/// assert!(gate.remaining() > Some(Duration::from_secs(50)));
/// ```
///
/// # Time lock or lock?
///
/// - A lock is held by somebody, guards a value, and opens when its holder lets go.
/// - A time lock is held by nobody, guards nothing, and opens when the clock says so: there is no holder to be
///   cancelled and no task that has to run for it to open.
///
/// # Fairness
///
/// First come, first served, by the first poll that had to wait. Newcomers line up behind those who wait, also
/// when the gate is open already. A refused request can come back [with its old place](Self::acquire_again).
/// Nothing is promised in advance: a waiter that was woken and finds the gate shut again keeps its place.
///
/// To be first in line is to be the one who looks. A future that is first and kept without being polled, in a task that
/// waits for something else meanwhile, holds up those behind it; drop it, and they go on.
///
/// Each in line wakes the next when it passes or leaves. A waker that polls or drops its future right there, and not later
/// as tasks do, is therefore inside of the waker before it, and a long line of such wakers takes as much stack.
///
/// # Cost
///
/// Whether an open gate may be passed is one atomic load; the pass takes a share of the gate, allocates nothing and
/// reads no clock. One that was decided upon (at a pace, as a probe, after a wait) allocates once. A task that does
/// nothing else lets others run every few thousand times. There is one timer for each gate that somebody waits at,
/// whatever the number of waiters. Joining and leaving the line are O(1); coming back with an old place walks past
/// those who are before it.
///
/// # Runtime
///
/// Shutting, opening, looking and [`try_acquire`](Self::try_acquire) work on any thread. Waiting for the end of a
/// pause takes a tokio timer; without a runtime, or with one that is shutting down, the waiter gets [`Closed`](crate::Closed).
/// (A runtime that has no timers, or is shutting down, says so to the gate by a panic. That is caught, but a panic hook sees
/// it, and where panics abort, it does.)
#[derive(Clone)]
pub struct TimeLock {
    gate: Arc<Gate>,
}

impl TimeLock {
    /// Makes an open gate that extends pauses and lets everybody pass at once when one is over.
    ///
    /// Against a server that admits so many requests per second, consider [`Reopen::Learned`](crate::Reopen).
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// As [`new`](Self::new), for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::{StaticTimeLock, TimeLock};
    ///
    /// static GATE: StaticTimeLock = TimeLock::new_static();
    /// assert!(!GATE.is_locked());
    /// ```
    pub const fn new_static() -> StaticTimeLock {
        Self::builder().build_static()
    }

    /// Makes a gate with other rules.
    pub const fn builder() -> TimeLockBuilder {
        TimeLockBuilder::new()
    }

    pub(crate) fn with_rules(rules: impl Into<Arc<Rules>>) -> Self {
        Self { gate: Gate::new(rules.into()) }
    }

    pub(crate) fn shared(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The gate, if this is its last handle.
    pub(crate) fn into_inner(self) -> Option<Gate> {
        Arc::into_inner(self.gate)
    }

    /// Does what was demanded of a gate that this one takes the place of.
    pub(crate) fn take_over(&self, demand: Demand) {
        self.gate.update(|line, now| {
            line.policy().take_over(now, demand);
            line.nudge_front();
        });
    }

    // Shutting

    /// Shuts the gate for `pause` from now on.
    ///
    /// If it is shut already, the gate's [`Policy`] decides. Nothing at all happens for a pause of nought. At most
    /// [`max_lock`](TimeLockBuilder::max_lock) is taken, but for [`Duration::MAX`], which means until unlocked.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Applied, TimeLock};
    /// let gate = TimeLock::new();
    /// let shut = gate.lock_for(Duration::from_secs(2));
    /// assert_eq!((shut.applied, shut.epoch), (Applied::Started, 1));
    /// assert!(gate.is_locked());
    /// ```
    pub fn lock_for(&self, pause: Duration) -> Shut {
        self.shut(Until::For(pause), None, None)
    }

    /// Shuts the gate until `at`; as [`lock_for`](Self::lock_for).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Applied, TimeLock};
    /// use tokio::time::Instant;
    ///
    /// let gate = TimeLock::new();
    /// assert_eq!(gate.lock_until(Instant::now()).applied, Applied::Nothing);
    /// gate.lock_until(Instant::now() + Duration::from_secs(1));
    /// assert!(gate.is_locked());
    /// ```
    pub fn lock_until(&self, at: Instant) -> Shut {
        self.shut(Until::At(at), None, None)
    }

    /// Shuts the gate until `at` by the wall clock; as [`lock_for`](Self::lock_for).
    ///
    /// For a server that says when, and not for how long. How far ahead that is, is asked once; a wall clock that is set
    /// meanwhile makes no difference, unless [it looks as if the machine slept](TimeLockBuilder::wall_clock).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Applied, TimeLock};
    /// use std::time::SystemTime;
    ///
    /// let gate = TimeLock::new();
    /// assert_eq!(gate.lock_until_wall(SystemTime::UNIX_EPOCH).applied, Applied::Nothing);
    /// gate.lock_until_wall(SystemTime::now() + Duration::from_secs(60));
    /// assert!(gate.remaining() > Some(Duration::from_secs(50)));
    /// ```
    pub fn lock_until_wall(&self, at: SystemTime) -> Shut {
        self.shut(Until::Wall(at), None, None)
    }

    /// Shuts the gate until somebody unlocks it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert!(gate.is_locked());
    /// assert!(gate.unlock());
    /// ```
    pub fn lock(&self) -> Shut {
        self.shut(Until::Unlocked, None, None)
    }

    /// Shuts the gate by another policy than its own, and says why.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Policy, Reason, TimeLock, Until};
    /// let gate = TimeLock::new();
    /// gate.lock_with(Until::For(Duration::from_secs(9)), Policy::Replace, Reason::from("429"));
    /// assert_eq!(gate.reason().unwrap().as_str(), "429");
    /// ```
    pub fn lock_with(&self, until: Until, how: Policy, why: impl Into<Reason>) -> Shut {
        self.shut(until, Some(how), Some(why.into()))
    }

    fn shut(&self, until: Until, how: Option<Policy>, why: Option<Reason>) -> Shut {
        // Asked before the lock is taken.
        let until = match until {
            Until::Wall(at) => Until::For(at.duration_since(SystemTime::now()).unwrap_or_default()),
            other => other,
        };
        self.gate.shut(|core, now| {
            let until = match until {
                Until::For(pause) => core.deadline(now, pause),
                Until::At(at) => core.deadline(now, at.saturating_duration_since(now)),
                Until::Unlocked | Until::Wall(_) => None,
            };
            core.shut(now, until, how.unwrap_or(core.policy()), why)
        })
    }

    /// Lets `n` more pass, and shuts the gate until `until` when one more comes.
    ///
    /// What servers say that count down: so many requests are left, and there are new ones then. Reports overlap when
    /// several requests are out, so of two the worse holds: the fewer passes, and the later end. With `n` = 0 the gate
    /// is shut at once. A pass that [comes back unused](crate::Pass::requeue) is left as before, unless fewer were
    /// reported since. [`unlock_now`](Self::unlock_now) forgets it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Applied, TimeLock};
    /// use tokio::time::Instant;
    ///
    /// let gate = TimeLock::new();
    /// let limited = gate.allow(2, Instant::now() + Duration::from_secs(30));
    /// assert_eq!(limited.applied, Applied::Limited);
    /// assert!(gate.try_acquire().is_ok() && gate.try_acquire().is_ok());
    /// assert!(gate.try_acquire().is_err());
    /// assert!(gate.is_locked());
    /// ```
    pub fn allow(&self, n: u64, until: Instant) -> Shut {
        self.gate.shut(|core, now| {
            let until = core.deadline(now, until.saturating_duration_since(now)).unwrap_or(until);
            core.allow(now, n, until)
        })
    }

    // Opening

    /// Ends a pause now, the way the gate [reopens](crate::Reopen); `false` if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert!(gate.unlock());
    /// assert!(!gate.unlock());
    /// ```
    pub fn unlock(&self) -> bool {
        self.gate.open(Core::unlock)
    }

    /// Opens the gate for everybody at once, whatever its way to reopen; `false` if it is open to everybody, or closed.
    ///
    /// Also ends probing, a [quota](Self::allow), and a pace, which is off until the next pause.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{Reopen, TimeLock};
    /// let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    /// gate.lock();
    /// assert!(gate.unlock_now());
    /// assert!(!gate.try_acquire().unwrap().is_probe());
    /// ```
    pub fn unlock_now(&self) -> bool {
        self.gate.open(Core::unlock_now)
    }

    /// As [`unlock`](Self::unlock), but only if the gate is still in this epoch.
    ///
    /// Whoever shut the gate can open it again without opening what somebody else has shut since.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// let mine = gate.lock().epoch;
    /// gate.unlock();
    /// gate.lock(); // somebody else
    /// assert!(!gate.unlock_if(mine));
    /// ```
    pub fn unlock_if(&self, epoch: Epoch) -> bool {
        self.gate.open(|core, now| core.unlock_if(now, epoch))
    }

    /// Closes the gate for good: who waits and who comes later gets [`Closed`](crate::Closed).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{TimeLock, TryAcquireError};
    /// let gate = TimeLock::new();
    /// gate.close();
    /// assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Closed);
    /// ```
    pub fn close(&self) {
        self.gate.close();
    }
}

impl Default for TimeLock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TimeLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

impl fmt::Debug for TimeLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // From the word alone: to look at the state would be to wait for the lock.
        let word = self.gate.word();
        let state = match (word & CLOSED, word & SLOW) {
            (0, 0) => "open",
            (0, _) => "not simply open",
            _ => "closed",
        };
        f.debug_struct("TimeLock")
            .field("state", &format_args!("{state}"))
            .field("line", self.gate.line())
            .finish()
    }
}
