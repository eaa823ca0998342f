// How it works
//
// A child that waits costs its group a seat, so a seat is small: what may be true of its occupant, and since when it
// sits, share a word. The scope of a child is kept beside the seats: most are never asked for.

use std::panic::Location;
use std::task::Waker;
use std::time::Duration;

use tidegate_timeout::ScopeHandle;
use tokio::time::Instant;

use crate::origin::Name;

/// How a child that waits is reached, and who it is.
pub(crate) struct Seat {
    /// Until somebody took it to wake the child, who then takes its seat anew.
    pub(crate) waker: Option<Waker>,
    name: Option<Name>,
    location: &'static Location<'static>,
    /// What is true, and above that the microseconds since the group had its first seat.
    note: u64,
}

/// It is to be aborted, and does not know it yet.
const ABORT: u64 = 1;
/// It knows.
const ABORTED: u64 = 2;
/// It waits for its turn.
const WAITS: u64 = 4;
const SHIFT: u32 = 3;

/// Who has a seat.
pub(crate) struct Occupant {
    pub(crate) id: u64,
    pub(crate) name: Option<Name>,
    pub(crate) location: &'static Location<'static>,
    pub(crate) since: Instant,
    pub(crate) waits: bool,
    pub(crate) aborted: bool,
    /// Its scope, if somebody inside has asked for that.
    pub(crate) scope: Option<ScopeHandle>,
}

impl Seat {
    /// A seat that is taken this long after the first one.
    pub(crate) fn new(
        name: Option<Name>,
        location: &'static Location<'static>,
        after: Duration,
        waits: bool,
    ) -> Self {
        let micros = u64::from(after.subsec_micros());
        let micros = after.as_secs().saturating_mul(1_000_000).saturating_add(micros);
        let note = (micros << SHIFT) | if waits { WAITS } else { 0 };
        Self { waker: None, name, location, note }
    }

    pub(crate) fn abort(&mut self) {
        self.note |= ABORT;
    }

    /// Whether there was an abort since this was asked last; `early`, if there was one before it had its seat.
    pub(crate) fn take_abort(&mut self, early: bool) -> bool {
        let abort = early || self.note & ABORT != 0;
        if abort {
            self.note = (self.note & !ABORT) | ABORTED;
        }
        abort
    }

    /// Its turn has come.
    pub(crate) fn begin(&mut self) {
        self.note &= !WAITS;
    }

    pub(crate) fn occupant(&self, id: u64, first: Instant, scope: Option<ScopeHandle>) -> Occupant {
        Occupant {
            id,
            name: self.name.clone(),
            location: self.location,
            since: first + Duration::from_micros(self.note >> SHIFT),
            waits: self.note & WAITS != 0,
            aborted: self.note & (ABORT | ABORTED) != 0,
            scope,
        }
    }
}
