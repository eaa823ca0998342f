// How it works
//
// Passes are given at slots. The first slot after a pause is when the gate opens (or, for a learned pace, one
// interval later: the probe was the first), each next one an interval after the one before. A slot that was not
// used in time is lost, but for a little slack that makes up for timers that fire on whole milliseconds and for
// tasks that come late to their turn: passes never come closer than that to each other for long, and their number
// since the start never runs ahead of the pace.

use std::time::Duration;

use tokio::time::Instant;

use crate::learned::Learned;
use crate::rate::interval;
use crate::{Rate, Reopen};

/// How far passes may lag behind their slots and still catch up.
const SLACK: Duration = Duration::from_millis(2);

/// A pace faster than this is none.
const TOO_FAST: f64 = 100_000.0;

/// Gives passes at a pace, when there is one.
#[derive(Debug)]
pub(crate) struct Pacer {
    kind: Kind,
    /// When the next pass is due; `None` while there is no pace.
    slot: Option<Instant>,
}

#[derive(Debug)]
enum Kind {
    Never,
    Fixed(Rate),
    Ramp { start: Rate, double_every: Duration, from: Option<Instant> },
    // Boxed: it is six times as large as the others, and few gates have it.
    Learned(Box<Learned>),
}

impl Pacer {
    pub(crate) fn new(reopen: Reopen) -> Self {
        let kind = match reopen {
            Reopen::All | Reopen::Probe { .. } => Kind::Never,
            Reopen::Paced(rate) => Kind::Fixed(rate),
            Reopen::Ramp { start, double_every } => Kind::Ramp { start, double_every, from: None },
            Reopen::Learned(pace) => Kind::Learned(Box::new(Learned::new(pace.cold_start > 0))),
        };
        Self { kind, slot: None }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.slot.is_some()
    }

    /// Whether it has learned nothing, and holds nobody up.
    pub(crate) fn is_fresh(&self) -> bool {
        match &self.kind {
            Kind::Learned(learned) => self.slot.is_none() && learned.is_fresh(),
            _ => self.slot.is_none(),
        }
    }

    pub(crate) fn learns(&self) -> bool {
        matches!(self.kind, Kind::Learned(_))
    }

    /// The pace now, if there is one.
    pub(crate) fn rate(&self, now: Instant) -> Option<Rate> {
        self.slot?;
        self.per_second(now).map(Rate::per_second)
    }

    /// Takes the slot that is due, or says when one is.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let Some(due) = self.slot else { return Ok(()) };
        if now < due {
            return Err(due);
        }
        let Some(rate) = self.per_second(now) else { return Ok(()) };
        let base = due.max(now.checked_sub(SLACK).unwrap_or(due));
        self.slot = Some(base + interval(rate));
        Ok(())
    }

    /// A slot that was taken at `given` is free again, if it is not over: turns are not saved up.
    pub(crate) fn take_back(&mut self, now: Instant, given: Instant) {
        if let (Some(slot), Some(rate)) = (self.slot, self.per_second(now)) {
            let length = interval(rate);
            if now.saturating_duration_since(given) < length {
                self.slot = slot.checked_sub(length).or(self.slot);
            }
        }
    }

    /// The gate opens.
    pub(crate) fn reopen(&mut self, at: Instant) {
        self.slot = match &mut self.kind {
            Kind::Never => None,
            Kind::Fixed(_) => Some(at),
            Kind::Ramp { from, .. } => {
                *from = Some(at);
                Some(at)
            }
            Kind::Learned(learned) => {
                learned.reopened(at);
                learned.rate(at).map(|rate| at + interval(rate))
            }
        };
    }

    /// No pace until the next pause.
    pub(crate) fn stop(&mut self) {
        self.slot = None;
    }

    /// A ramp ends by itself.
    pub(crate) fn catch_up(&mut self, now: Instant) {
        if matches!(self.kind, Kind::Ramp { .. })
            && self.per_second(now).is_some_and(|rate| rate > TOO_FAST)
        {
            self.stop();
        }
    }

    pub(crate) fn accepted(&mut self, now: Instant) {
        if let Kind::Learned(learned) = &mut self.kind {
            learned.accepted(now);
        }
    }

    pub(crate) fn refused(
        &mut self,
        now: Instant,
        sent: Option<Instant>,
        probing: bool,
        pause: Duration,
    ) {
        if let Kind::Learned(learned) = &mut self.kind {
            learned.refused(now, sent.unwrap_or(now), probing, pause);
        }
    }

    fn per_second(&self, now: Instant) -> Option<f64> {
        match &self.kind {
            Kind::Never => None,
            Kind::Fixed(rate) => Some(rate.as_per_second()),
            Kind::Ramp { start, double_every, from } => {
                let passed = now.saturating_duration_since((*from)?);
                let doublings = passed.as_secs_f64() / double_every.as_secs_f64().max(1e-9);
                Some((start.as_per_second() * doublings.exp2()).min(f64::MAX))
            }
            Kind::Learned(learned) => learned.rate(now),
        }
    }
}
