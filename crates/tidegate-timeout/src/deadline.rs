use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::current;

/// The instant by which something must have ended, or never.
///
/// A point in time, not a length of it: it means the same however long it is handed around, and taking the
/// earliest of several is all it takes to combine them. [`NEVER`](Self::NEVER) is later than all others.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::Deadline;
///
/// let soon = Deadline::after(Duration::from_secs(1));
/// assert!(soon < Deadline::NEVER);
/// assert_eq!(soon.earliest(Deadline::NEVER), soon);
/// assert!(soon.remaining() <= Some(Duration::from_secs(1)));
/// assert_eq!(Deadline::NEVER.remaining(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No deadline at all; later than any other.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::Deadline;
    ///
    /// assert!(!Deadline::NEVER.has_elapsed());
    /// ```
    pub const NEVER: Self = Self(None);

    /// The instant `after` from now; [`NEVER`](Self::NEVER) if no clock reaches that far.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::Deadline;
    ///
    /// assert!(Deadline::after(Duration::ZERO).has_elapsed());
    /// assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
    /// ```
    pub fn after(after: Duration) -> Self {
        Self::since(Instant::now(), after)
    }

    /// The deadline at `instant`.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::Deadline;
    /// use tokio::time::Instant;
    ///
    /// assert!(Deadline::at(Instant::now()).has_elapsed());
    /// ```
    pub const fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// The deadline of the code that asks: the earliest of all scopes around it.
    ///
    /// Below a [shield](crate::shield) only the scopes inside the shield count. Inside a scope that was
    /// cancelled it is an instant that has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::{Deadline, scope::Scope};
    /// use std::time::Duration;
    ///
    /// assert_eq!(Deadline::ambient(), Deadline::NEVER);
    /// let deadline = Deadline::after(Duration::from_secs(5));
    /// Scope::new().with_deadline(deadline).enter(|| assert_eq!(Deadline::ambient(), deadline));
    /// ```
    pub fn ambient() -> Self {
        let deadline = current::effective(&mut None);
        if current::is_cancelled() {
            return deadline.earliest(Self::at(Instant::now()));
        }
        deadline
    }

    /// The time that is left: zero once it has passed, `None` for [`NEVER`](Self::NEVER).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::Deadline;
    ///
    /// assert_eq!(Deadline::after(Duration::ZERO).remaining(), Some(Duration::ZERO));
    /// ```
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// The earlier of the two.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::Deadline;
    ///
    /// let a = Deadline::after(Duration::from_secs(1));
    /// let b = Deadline::after(Duration::from_secs(2));
    /// assert_eq!(b.earliest(a), a);
    /// ```
    #[must_use = "neither deadline is changed"]
    pub fn earliest(self, other: Self) -> Self {
        self.min(other)
    }

    /// Whether the instant has come.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::Deadline;
    ///
    /// assert!(!Deadline::after(Duration::from_secs(3600)).has_elapsed());
    /// ```
    pub fn has_elapsed(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// The instant, or `None` for [`NEVER`](Self::NEVER).
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::Deadline;
    /// use tokio::time::Instant;
    ///
    /// let now = Instant::now();
    /// assert_eq!(Deadline::at(now).instant(), Some(now));
    /// ```
    #[inline]
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }

    #[inline]
    pub(crate) fn since(start: Instant, after: Duration) -> Self {
        Self(start.checked_add(after))
    }

    #[inline]
    pub(crate) fn has_elapsed_by(self, now: Instant) -> bool {
        self.0.is_some_and(|at| at <= now)
    }
}

impl Ord for Deadline {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (Some(mine), Some(theirs)) => mine.cmp(&theirs),
            (mine, theirs) => mine.is_none().cmp(&theirs.is_none()),
        }
    }
}

impl PartialOrd for Deadline {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Instant> for Deadline {
    fn from(instant: Instant) -> Self {
        Self::at(instant)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("Deadline::NEVER"),
            Some(at) => f.debug_tuple("Deadline").field(&at).finish(),
        }
    }
}
