use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The number of a shut: how often the gate went from open to shut.
///
/// A pass carries the epoch it was given in, so that the gate can tell late answers from fresh ones.
pub type Epoch = u64;

/// What happens to a demand to shut a gate that is shut already.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tidegate_time_lock::{Applied, Policy, TimeLock};
///
/// let gate = TimeLock::builder().policy(Policy::KeepFirst).build();
/// assert_eq!(gate.lock_for(Duration::from_secs(1)).applied, Applied::Started);
/// assert_eq!(gate.lock_for(Duration::from_secs(9)).applied, Applied::Ignored);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The later of the two deadlines holds.
    #[default]
    Extend,
    /// The first deadline holds, whatever is demanded meanwhile.
    KeepFirst,
    /// The latest demand holds, also when it is shorter.
    Replace,
}

/// How long a gate is to be shut.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tidegate_time_lock::{Applied, Policy, Reason, TimeLock, Until};
///
/// let gate = TimeLock::new();
/// gate.lock();
/// let shut = gate.lock_with(
///     Until::For(Duration::from_secs(1)),
///     Policy::Replace,
///     Reason::from("maintenance ends early"),
/// );
/// assert_eq!(shut.applied, Applied::Shortened);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Until {
    /// For this long from now; [`Duration::MAX`] means [`Until::Unlocked`].
    For(Duration),
    /// Until this instant.
    At(Instant),
    /// Until this date, by the wall clock.
    Wall(SystemTime),
    /// Until somebody unlocks it.
    Unlocked,
}

/// Why a gate was shut, for whoever reads a log.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::Reason;
///
/// assert_eq!(Reason::from("429 from host-a").to_string(), "429 from host-a");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// The text.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::Reason;
    /// assert_eq!(Reason::from("429 from host-a").as_str(), "429 from host-a");
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&'static str> for Reason {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

/// What a demand to shut the gate came to.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tidegate_time_lock::{Applied, TimeLock};
///
/// let gate = TimeLock::new();
/// let first = gate.lock_for(Duration::from_secs(5));
/// let second = gate.lock_for(Duration::from_secs(1));
/// assert_eq!(second.applied, Applied::KeptLonger);
/// assert_eq!((second.epoch, second.until), (first.epoch, first.until));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shut {
    /// What changed.
    pub applied: Applied,
    /// The epoch after the call.
    pub epoch: Epoch,
    /// Until when the gate is shut after the call; `None` when it is not, or when only `unlock` opens it. Of a gate
    /// that is [limited](Applied::Limited), until when it is.
    pub until: Option<Instant>,
}

/// What a demand to shut the gate changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Applied {
    /// The gate was open, and is shut now.
    Started,
    /// It was shut, and is for longer now.
    Extended,
    /// It was shut for at least as long already.
    KeptLonger,
    /// It was shut, and the first demand holds.
    Ignored,
    /// It was shut, and is for a shorter time now.
    Shortened,
    /// A few more may pass, and it is shut then.
    Limited,
    /// Nothing: the demand was for no time at all, came from an earlier epoch, or the gate is closed.
    Nothing,
}
