use tokio::time::Instant;

use crate::isolation::History;
use crate::{Epoch, Reason, Shut};

/// A place in line: the epoch in which it was taken, and a number within that epoch.
///
/// Whoever passed a gate that was simply open took no number, and came after all who did in that epoch (nobody
/// waits at such a gate) and before all who do in the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) epoch: Epoch,
    pub(crate) number: u64,
}

/// What a pass consists of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) epoch: Epoch,
    /// The number of the probe, if it is one.
    pub(crate) probe: Option<u64>,
    /// Nothing, as a rule, if the gate was simply open: a pass is made quickly then.
    pub(crate) noted: Option<Noted>,
}

/// What there is to remember about a pass that was decided upon, or that had a place in line before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    pub(crate) ticket: Place,
    /// When it was given, unless the gate was simply open.
    pub(crate) at: Option<Instant>,
    /// How the request fared before.
    pub(crate) history: History,
    /// The report that it was counted against, if it is one of so many.
    pub(crate) counted: Option<u32>,
}

impl Grant {
    /// The place in line.
    pub(crate) fn ticket(&self) -> Place {
        let last = Place { epoch: self.epoch, number: u64::MAX };
        self.noted.map_or(last, |noted| noted.ticket)
    }

    pub(crate) fn at(&self) -> Option<Instant> {
        self.noted.and_then(|noted| noted.at)
    }

    pub(crate) fn counted(&self) -> Option<u32> {
        self.noted.and_then(|noted| noted.counted)
    }

    /// How the request fared before.
    pub(crate) fn history(&self) -> History {
        self.noted.map_or(History::default(), |noted| noted.history)
    }
}

/// What somebody who wants to pass is told.
#[derive(Debug)]
pub(crate) enum Turn {
    Pass(Grant),
    Wait(Wait),
    Closed,
}

/// Why there is no pass now, and when to ask again at the latest (`None`: when told to).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Shut(Option<Instant>),
    Probing(Option<Instant>),
    Paced(Instant),
    /// All permits are taken.
    Full,
    Queued,
}

/// What was demanded of a gate that another one takes the place of.
#[derive(Debug)]
pub(crate) struct Demand {
    pub(super) shut: Option<(Option<Instant>, Option<Reason>)>,
    pub(super) quota: Option<(u64, Instant)>,
}

/// What came of a refusal.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) shut: Shut,
    pub(crate) history: History,
    /// The request is refused for its own sake.
    pub(crate) isolated: bool,
}
