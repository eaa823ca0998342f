use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// Why a scope was cancelled.
///
/// The first reason that reaches a scope sticks, be it the scope's own or that of a scope around it.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::CancelReason;
///
/// let reason = CancelReason::from("the user pressed stop");
/// assert_eq!(reason.to_string(), "the user pressed stop");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CancelReason {
    /// The deadline passed.
    Deadline,
    /// Somebody said so, in these words.
    Explicit(Cow<'static, str>),
    /// Another task of the same group failed.
    SiblingFailed,
    /// What this one belongs to was cancelled.
    ParentCancelled,
    /// The program is shutting down.
    Shutdown,
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("the deadline passed"),
            Self::Explicit(why) => f.write_str(why),
            Self::SiblingFailed => f.write_str("a sibling failed"),
            Self::ParentCancelled => f.write_str("the parent was cancelled"),
            Self::Shutdown => f.write_str("the program is shutting down"),
        }
    }
}

impl From<&'static str> for CancelReason {
    fn from(why: &'static str) -> Self {
        Self::Explicit(Cow::Borrowed(why))
    }
}

impl From<String> for CancelReason {
    fn from(why: String) -> Self {
        Self::Explicit(Cow::Owned(why))
    }
}

impl From<Cow<'static, str>> for CancelReason {
    fn from(why: Cow<'static, str>) -> Self {
        Self::Explicit(why)
    }
}

/// The scope was cancelled.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::{CancelReason, Cancelled};
///
/// let cancelled = Cancelled::new(CancelReason::Shutdown);
/// assert_eq!(cancelled.reason(), CancelReason::Shutdown);
/// assert_eq!(cancelled.to_string(), "cancelled: the program is shutting down");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cancelled {
    reason: CancelReason,
}

impl Cancelled {
    /// The error for `reason`.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::{CancelReason, Cancelled};
    ///
    /// assert_eq!(Cancelled::new(CancelReason::Deadline).reason(), CancelReason::Deadline);
    /// ```
    pub fn new(reason: CancelReason) -> Self {
        Self { reason }
    }

    /// Why.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::{CancelReason, Cancelled};
    ///
    /// assert_eq!(Cancelled::new("enough".into()).reason(), CancelReason::from("enough"));
    /// ```
    pub fn reason(&self) -> CancelReason {
        self.reason.clone()
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cancelled: {}", self.reason)
    }
}

impl Error for Cancelled {}

impl From<CancelReason> for Cancelled {
    fn from(reason: CancelReason) -> Self {
        Self::new(reason)
    }
}
