//! How a server behaves: what each mode does to a request.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How a server treats its clients.
///
/// What happens to a request depends on its country code and on how often that was asked for, never on
/// chance: the same run has the same end.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::server::Mode;
///
/// assert_eq!("limited".parse(), Ok(Mode::Limited));
/// assert_eq!(Mode::Error.to_string(), "ERROR");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Answers at once.
    Local,
    /// Answers after up to a second.
    Delay,
    /// As `Delay`, but about half of the codes are answered 418 or not in time.
    Error,
    /// Answers so many requests a second and 429 to the others.
    Limited,
    /// All of it at once: limited, some answers late, some failing the first time.
    Demo,
}

impl Mode {
    /// Every mode, in the order of the documentation.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_fetch::server::Mode;
    ///
    /// assert!(Mode::ALL.contains(&Mode::Local));
    /// ```
    pub const ALL: [Self; 5] = [Self::Local, Self::Delay, Self::Error, Self::Limited, Self::Demo];

    /// Whether it counts requests against a rate.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_fetch::server::Mode;
    ///
    /// assert!(Mode::Limited.is_limited() && !Mode::Delay.is_limited());
    /// ```
    pub fn is_limited(self) -> bool {
        matches!(self, Self::Limited | Self::Demo)
    }

    /// What happens to the request for `code` that comes after `earlier` others were let in.
    pub(super) fn plan(self, code: &str, earlier: u32) -> Plan {
        let luck = Luck::of(code, earlier);
        match self {
            Self::Local | Self::Limited => Plan::AT_ONCE,
            Self::Delay => Plan { delay: luck.up_to(LONG), fate: Fate::Serve },
            Self::Error => erring(Luck::of(code, 0)),
            Self::Demo if earlier == 0 => stumbling(luck),
            Self::Demo => Plan::AT_ONCE,
        }
    }
}

const LONG: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_millis(400);

/// A quarter teapots, a quarter silence.
fn erring(luck: Luck) -> Plan {
    match luck.percent() {
        0..25 => Plan { delay: luck.up_to(LONG), fate: Fate::Teapot },
        25..50 => Plan { delay: Duration::ZERO, fate: Fate::Silence },
        _ => Plan { delay: luck.up_to(LONG), fate: Fate::Serve },
    }
}

/// Each kind of mishap now and then.
fn stumbling(luck: Luck) -> Plan {
    let delay = if luck.percent() % 3 == 0 { luck.up_to(SHORT) } else { Duration::ZERO };
    let fate = match luck.percent() {
        0..5 => Fate::Crash,
        5..10 => Fate::Break,
        10 => Fate::Unavailable(Duration::from_secs(1)),
        _ => Fate::Serve,
    };
    Plan { delay, fate }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Local => "LOCAL",
            Self::Delay => "DELAY",
            Self::Error => "ERROR",
            Self::Limited => "LIMITED",
            Self::Demo => "DEMO",
        })
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        let named = |mode: &Self| mode.to_string().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or(UnknownMode)
    }
}

/// There is no mode of this name.
///
/// # Examples
///
/// ```
/// assert!("FAST".parse::<tidegate_fetch::server::Mode>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownMode;

impl fmt::Display for UnknownMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mode is one of LOCAL, DELAY, ERROR, LIMITED, DEMO")
    }
}

impl std::error::Error for UnknownMode {}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// How long nothing happens.
    pub(super) delay: Duration,
    /// What happens then.
    pub(super) fate: Fate,
}

impl Plan {
    pub(super) const AT_ONCE: Self = Self { delay: Duration::ZERO, fate: Fate::Serve };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// 200 and the picture.
    Serve,
    /// 418.
    Teapot,
    /// Nothing, ever.
    Silence,
    /// 500.
    Crash,
    /// 200 and half of the picture; then the connection breaks.
    Break,
    /// 503, to be tried again after so long.
    Unavailable(Duration),
}

/// Chance that is always the same.
#[derive(Clone, Copy)]
struct Luck(u64);

/// Chosen so that of the first hundred codes 48 meet trouble in `Mode::Error`, as in the original's run.
const SALT: u64 = 14;

impl Luck {
    fn of(code: &str, earlier: u32) -> Self {
        let seed = code.bytes().fold(SALT, |seed, byte| mix(seed ^ u64::from(byte)));
        Self(mix(seed ^ u64::from(earlier) << 32))
    }

    fn percent(self) -> u64 {
        self.0 % 100
    }

    fn up_to(self, most: Duration) -> Duration {
        let thousandth = u32::try_from(self.0 >> 32 & 0x3ff).unwrap_or(0);
        most * thousandth / 1024
    }
}

/// One step of splitmix64: near numbers give far ones.
pub(super) fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

#[cfg(test)]
mod tests;
