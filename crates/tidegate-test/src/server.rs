//! Servers that refuse, for tests and comparisons of those who ask them.
//!
//! A [`Server`] has no clock and sends nothing: it is told when it is asked, and says yes or no.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// When a server says no. Rates are per second, times in seconds.
///
/// # Examples
///
/// ```
/// use tidegate_test::server::{Limit, Says};
///
/// let limit = Limit::Bucket { rate: 50.0, burst: 10.0, says: Says::Seconds };
/// assert_eq!(limit.ideal(1010), 20.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// So many per second, and a burst.
    Bucket {
        /// What flows in.
        rate: f64,
        /// What fits in.
        burst: f64,
        /// What a refusal says.
        says: Says,
    },
    /// So many in each window; a refusal says when the next one begins, in whole seconds.
    Window {
        /// How many.
        quota: u32,
        /// How long a window is.
        length: f64,
    },
    /// A bucket that refuses everything for a while once it was empty, and for longer when asked meanwhile.
    Penalty {
        /// What flows in.
        rate: f64,
        /// What fits in.
        burst: f64,
        /// From the last question on; a refusal says so.
        penalty: f64,
    },
    /// A bucket whose rate changes; a refusal says when to come back, in whole seconds.
    Step {
        /// What flows in at first.
        before: f64,
        /// What flows in later.
        after: f64,
        /// When it changes.
        at: f64,
        /// What fits in.
        burst: f64,
    },
    /// So many at a time.
    AtOnce {
        /// How many.
        slots: usize,
        /// How long it works on each.
        work: f64,
        /// What a refusal says; at least a second if it says seconds.
        says: Says,
    },
}

/// What a refusal says about when to come back.
///
/// # Examples
///
/// ```
/// # use tidegate_test::server::Says;
/// assert_ne!(Says::Seconds, Says::Exactly);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Whole seconds, rounded up.
    Seconds,
    /// The exact time.
    Exactly,
    /// Nothing.
    Nothing,
}

impl Says {
    fn wait(self, wait: f64) -> Option<Duration> {
        match self {
            Self::Seconds => whole(wait),
            Self::Exactly => Some(Duration::from_secs_f64(wait)),
            Self::Nothing => None,
        }
    }
}

fn whole(wait: f64) -> Option<Duration> {
    Some(Duration::from_secs(wait.ceil().max(1.0) as u64))
}

impl Limit {
    /// The least number of seconds from the first of `n` requests to the last that is accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_test::server::Limit;
    ///
    /// assert_eq!(Limit::Window { quota: 10, length: 5.0 }.ideal(21), 10.0);
    /// ```
    pub fn ideal(&self, n: u32) -> f64 {
        let n = f64::from(n);
        match *self {
            Self::Bucket { rate, burst, .. } | Self::Penalty { rate, burst, .. } => {
                (n - burst).max(0.0) / rate
            }
            Self::Window { quota, length } => ((n / f64::from(quota)).ceil() - 1.0) * length,
            Self::Step { before, after, at, burst } => {
                let by_then = before * at + burst;
                if n <= by_then { (n - burst) / before } else { at + (n - by_then) / after }
            }
            Self::AtOnce { slots, work, .. } => ((n / slots as f64).ceil() - 1.0) * work,
        }
    }
}

/// A server with a [`Limit`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_test::server::{Limit, Server};
///
/// let mut server = Server::new(Limit::Window { quota: 1, length: 5.0 });
/// assert!(server.answer(Duration::ZERO).is_ok());
/// assert_eq!(server.answer(Duration::from_millis(1500)), Err(Some(Duration::from_secs(4))));
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    limit: Limit,
    /// When the bucket is full again.
    full_at: f64,
    window: (u64, u32),
    banned_until: f64,
    /// When it is done with each request that it works on, in nanoseconds.
    busy: BinaryHeap<Reverse<u128>>,
}

impl Server {
    /// One that was not asked yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_test::server::{Limit, Server};
    ///
    /// let server = Server::new(Limit::Window { quota: 1, length: 5.0 });
    /// # drop(server);
    /// ```
    pub fn new(limit: Limit) -> Self {
        let busy = BinaryHeap::new();
        Self { limit, full_at: 0.0, window: (0, 0), banned_until: -1.0, busy }
    }

    /// Answers a request that comes so long after the server's start, and not before an earlier one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_test::server::{Limit, Says, Server};
    ///
    /// let mut server = Server::new(Limit::AtOnce { slots: 1, work: 2.0, says: Says::Nothing });
    /// assert_eq!(server.answer(Duration::ZERO), Ok(Duration::from_secs(2)));
    /// assert_eq!(server.answer(Duration::from_secs(1)), Err(None));
    /// ```
    ///
    /// # Errors
    ///
    /// When it refuses; perhaps it says for how long. Otherwise it says how long it works on it.
    pub fn answer(&mut self, after: Duration) -> Result<Duration, Option<Duration>> {
        let now = after.as_secs_f64();
        match self.limit {
            Limit::Bucket { rate, burst, says } => {
                self.fill(now, rate, burst).map_err(|wait| says.wait(wait))?;
            }
            Limit::Step { before, after, at, burst } => {
                let rate = if now < at { before } else { after };
                self.fill(now, rate, burst).map_err(whole)?;
            }
            Limit::Window { quota, length } => {
                let index = (now / length) as u64;
                let (window, used) = self.window;
                let used = if window == index { used } else { 0 };
                if used >= quota {
                    return Err(whole((index + 1) as f64 * length - now));
                }
                self.window = (index, used + 1);
            }
            Limit::Penalty { rate, burst, penalty } => {
                let banned = now < self.banned_until;
                if banned || self.fill(now, rate, burst).is_err() {
                    self.banned_until = now + penalty;
                    return Err(whole(penalty));
                }
            }
            Limit::AtOnce { slots, work, says } => {
                let now = after.as_nanos();
                while self.busy.peek().is_some_and(|done| done.0 <= now) {
                    self.busy.pop();
                }
                if self.busy.len() >= slots {
                    let done = self.busy.peek().map_or(now, |done| done.0);
                    return Err(says.wait((done - now) as f64 / 1e9));
                }
                let work = Duration::from_secs_f64(work);
                self.busy.push(Reverse(now + work.as_nanos()));
                return Ok(work);
            }
        }
        Ok(Duration::ZERO)
    }

    /// Takes one from the bucket, or says how long until there is one.
    fn fill(&mut self, now: f64, rate: f64, burst: f64) -> Result<(), f64> {
        let full_at = self.full_at.max(now);
        let wait = full_at - now - (burst - 1.0) / rate;
        if wait > 1e-9 {
            return Err(wait);
        }
        self.full_at = full_at + 1.0 / rate;
        Ok(())
    }
}
