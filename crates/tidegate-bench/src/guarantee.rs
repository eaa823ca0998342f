//! What a contender promises: only equals are compared.

use std::fmt;

/// What a contender promises to whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guarantee {
    /// First come, first served; a newcomer never overtakes.
    Fifo,
    /// A newcomer may overtake, and something says how often.
    Barging,
    /// A newcomer may overtake without end.
    Unfair,
    /// Whoever waits when the event is set is released, though it is cleared at once.
    Released,
    /// Whoever waits may sleep through a `set` that is cleared at once.
    Missable,
    /// Set once, never cleared: less work than ours.
    OneWay,
    /// The future ends, or its time does.
    InTime,
    /// All have ended, and a panic is noticed.
    Joins,
    /// All have ended; what became of them is not known.
    Tracks,
    /// What is inside is cancelled with what is around.
    Reaches,
    /// A poll that takes long is noticed.
    Seen,
    /// It blocks its thread, or cannot wait: what the machine can do, not a peer.
    Physical,
}

impl Guarantee {
    /// Whether one that promises this is measured by `other`: an equal, or for those that promise less than
    /// order, anybody.
    pub(crate) fn is_measured_by(self, other: Self) -> bool {
        use Guarantee::*;
        match self {
            Fifo => other == Fifo,
            Barging | Unfair => matches!(other, Fifo | Barging | Unfair),
            Released | InTime | Joins | Reaches | Seen => other == self,
            Missable => matches!(other, Released | Missable),
            Tracks => matches!(other, Joins | Tracks),
            OneWay => matches!(other, Released | Missable | OneWay),
            Physical => other != Physical,
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fifo => "FIFO",
            Self::Barging => "barging, bounded",
            Self::Unfair => "unfair",
            Self::Released => "released for good",
            Self::Missable => "may miss a short `set`",
            Self::OneWay => "set once",
            Self::InTime => "ends in time",
            Self::Joins => "waits for all",
            Self::Tracks => "waits for all, knows no results",
            Self::Reaches => "reaches all inside",
            Self::Seen => "names slow polls",
            Self::Physical => "for reference",
        })
    }
}

/// Who takes part, and with what promise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) name: &'static str,
    pub(crate) guarantee: Guarantee,
    /// One of the crates of this workspace.
    pub(crate) ours: bool,
    /// Worth knowing when reading its figures.
    pub(crate) note: Option<&'static str>,
    /// It does not keep what it promises, so nobody is measured by it.
    pub(crate) breaks: Option<&'static str>,
    /// It walks its whole line on every release: not to be asked for 100,000 waiters.
    pub(crate) walks: bool,
    /// How many may meet.
    pub(crate) parties: u64,
    /// It has a thread of its own: what that does is not the same each time.
    pub(crate) threaded: bool,
}

impl Who {
    pub(crate) const fn ours(name: &'static str, guarantee: Guarantee) -> Self {
        Self { ours: true, ..Self::peer(name, guarantee) }
    }

    pub(crate) const fn peer(name: &'static str, guarantee: Guarantee) -> Self {
        Self {
            name,
            guarantee,
            ours: false,
            note: None,
            breaks: None,
            walks: false,
            parties: u64::MAX,
            threaded: false,
        }
    }

    pub(crate) const fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }

    pub(crate) const fn breaks(mut self, what: &'static str) -> Self {
        self.breaks = Some(what);
        self
    }

    pub(crate) const fn walks(mut self) -> Self {
        self.walks = true;
        self
    }

    pub(crate) const fn at_most(mut self, parties: u64) -> Self {
        self.parties = parties;
        self
    }

    pub(crate) const fn threaded(mut self) -> Self {
        self.threaded = true;
        self
    }

    /// Whether `self` is measured by `other`.
    pub(crate) fn is_measured_by(&self, other: &Self) -> bool {
        !other.ours && other.breaks.is_none() && self.guarantee.is_measured_by(other.guarantee)
    }
}
