//! What a time lock says about itself.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::core::Pause;
use crate::line::SLOW;
use crate::{Epoch, Reason, Snapshot, Stats, TimeLock};

impl TimeLock {
    /// Whether the gate is shut.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// assert!(!TimeLock::new().is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.look(|_| ()).is_some()
    }

    /// How long it is shut still; [`Duration::MAX`] when only `unlock` opens it, `None` when it is not shut.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// assert_eq!(gate.remaining(), None);
    /// gate.lock_for(Duration::from_secs(2));
    /// assert!(gate.remaining().unwrap() <= Duration::from_secs(2));
    /// ```
    pub fn remaining(&self) -> Option<Duration> {
        self.snapshot().remaining
    }

    /// Since when it is shut.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert!(gate.locked_at() <= Some(tokio::time::Instant::now()));
    /// ```
    pub fn locked_at(&self) -> Option<Instant> {
        self.look(|pause| pause.since)
    }

    /// Since when it is shut, by the wall clock as it was then; for logs.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert!(gate.locked_at_wall().is_some());
    /// ```
    pub fn locked_at_wall(&self) -> Option<SystemTime> {
        self.look(|pause| pause.wall)
    }

    /// Until when it is shut; `None` when it is not, or when only `unlock` opens it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// let shut = gate.lock_for(Duration::from_secs(2));
    /// assert_eq!(gate.locked_until(), shut.until);
    /// ```
    pub fn locked_until(&self) -> Option<Instant> {
        self.look(|pause| pause.until).flatten()
    }

    /// Why it is shut, if somebody said so.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// assert_eq!(TimeLock::new().reason(), None);
    /// ```
    pub fn reason(&self) -> Option<Reason> {
        self.look(|pause| pause.reason.clone()).flatten()
    }

    /// How many wait to pass.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// assert_eq!(TimeLock::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.shared().line().waiters()
    }

    /// How often the gate went from open to shut.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// gate.lock();
    /// assert_eq!(gate.epoch(), 1);
    /// ```
    pub fn epoch(&self) -> Epoch {
        self.shared().update(|line, _| line.policy().epoch())
    }

    /// All of it at one instant. Its `Display` is a line for a log.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let look = TimeLock::new().snapshot();
    /// assert_eq!((look.epoch, look.waiters), (0, 0));
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        self.shared().update(|line, now| {
            let waiters = line.len();
            let core = line.policy();
            core.catch_up(now);
            let pause = core.pause();
            Snapshot {
                state: core.state(),
                epoch: core.epoch(),
                locked_at: pause.map(|pause| pause.since),
                locked_at_wall: pause.map(|pause| pause.wall),
                locked_until: pause.and_then(|pause| pause.until),
                remaining: pause.map(|pause| {
                    pause.until.map_or(Duration::MAX, |until| until.saturating_duration_since(now))
                }),
                reason: pause.and_then(|pause| pause.reason.clone()),
                waiters,
                pace: core.stats(now).pace_now,
                quota: core.quota(),
            }
        })
    }

    /// What it has done so far.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert_eq!(gate.stats().shuts, 1);
    /// ```
    pub fn stats(&self) -> Stats {
        self.shared().update(|line, now| {
            let core = line.policy();
            core.catch_up(now);
            core.stats(now)
        })
    }

    /// Counts somebody who was turned away because too many wait already.
    ///
    /// The gate itself has room for everybody. This is for whoever bounds its line from outside, as the layer in
    /// tidegate-tower does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{Pass, TimeLock};
    /// async fn pass_unless_busy(gate: &TimeLock) -> Option<Pass> {
    ///     if gate.waiters() >= 1000 {
    ///         gate.count_shed();
    ///         return None;
    ///     }
    ///     gate.acquire().await.ok()
    /// }
    /// # let gate = TimeLock::new();
    /// # drop(pass_unless_busy(&gate));
    /// # gate.count_shed();
    /// assert_eq!(gate.stats().shed, 1);
    /// ```
    pub fn count_shed(&self) {
        self.shared().update(|line, _| line.policy().stats_mut().shed += 1);
    }

    /// A look at the pause, if the gate is shut.
    fn look<R>(&self, at: impl FnOnce(&Pause) -> R) -> Option<R> {
        if self.shared().word() & SLOW == 0 {
            return None;
        }
        self.shared().update(|line, now| {
            let core = line.policy();
            core.catch_up(now);
            core.pause().map(at)
        })
    }
}
