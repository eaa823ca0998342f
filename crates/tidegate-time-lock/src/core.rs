// How it works
//
// The state of a gate, and nothing else: no clock (every call brings `now`), no lock, no line, no wakers. The line
// of waiters has it as its policy (line.rs), the model in tests drives it directly.
//
//            lock                          time is up, unlock
//     Open ---------> Shut{until} ----------------------------------> Open        reopen: All, Paced, Ramp
//      ^  \            ^   \  ^                                        ^
//      |   refused ----/    \  \--- lock, refused (epoch + 1)          | unlock_now
//      |                     \                                         |
//      \------- ok -------- Probing{out} ------------------------------/          reopen: Probe, Learned
//
// Nothing happens by itself. A gate is open because the clock says so: each call first catches up with what the
// clock has made true meanwhile.
//
// An epoch is what lies between two passages to Shut. Reports carry the epoch of their pass, and only those of the
// current one open, count or cut; the others are answers to questions asked before the last pause.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::time::Instant;

use crate::events::News;
use crate::isolation::Accepted;
use crate::jitter::Jitter;
use crate::line::Note;
use crate::pacer::Pacer;
use crate::seats::Seats;
use crate::stats::State;
use crate::suspend::{Clocks, WATCHED};
use crate::{Epoch, Policy, Rate, Reason, Reopen, Stats};

mod clock;
mod grant;
mod many;
mod rules;
mod shutting;
mod verdicts;

#[cfg(all(test, not(tidegate_loom)))]
mod tests;

pub(crate) use grant::{Demand, Grant, Noted, Place, Turn, Verdict, Wait};
pub(crate) use rules::Rules;

#[derive(Debug)]
pub(crate) struct Core {
    /// Those of many gates are the same.
    rules: Arc<Rules>,
    phase: Phase,
    epoch: Epoch,
    /// The number of the next ticket.
    tickets: u64,
    /// Where numbers come from if several gates share them.
    numbers: Option<Arc<AtomicU64>>,
    pacer: Pacer,
    /// Epochs in a row that ended in a refusal before anything was accepted.
    strikes: u32,
    /// So many may pass yet, until then.
    quota: Option<(u64, Instant)>,
    /// How often it was said anew how many.
    reports: u32,
    jitter: Option<Jitter>,
    accepted: Accepted,
    // Boxed, as are others: few gates have it.
    seats: Option<Box<Seats>>,
    /// What was demanded of it when it was closed.
    last: Option<Box<Demand>>,
    /// Since when it is not open, and what was told of the pace, for those who listen.
    shut_at: Option<Instant>,
    told: Option<Rate>,
    news: News,
    stats: Stats,
}

#[derive(Debug)]
enum Phase {
    Open,
    Shut(Pause),
    Probing(Probing),
    Closed,
}

#[derive(Debug)]
pub(crate) struct Pause {
    pub(crate) since: Instant,
    pub(crate) wall: SystemTime,
    /// `None`: until unlocked.
    pub(crate) until: Option<Instant>,
    pub(crate) reason: Option<Reason>,
    /// When it was last seen that the machine had not slept, if it is so long that this matters.
    awake: Option<Clocks>,
}

#[derive(Debug)]
struct Probing {
    /// How many may be out.
    limit: usize,
    /// Number and time of those that are, oldest first.
    out: VecDeque<(u64, Instant)>,
    /// When the first of those went that were dropped without a verdict.
    unheard: Option<Instant>,
}

impl Core {
    pub(crate) fn new(rules: impl Into<Arc<Rules>>) -> Self {
        let rules = rules.into();
        let pacer = Pacer::new(rules.reopen);
        let phase = match rules.reopen {
            Reopen::Learned(pace) if pace.cold_start > 0 => Phase::probing(pace.cold_start),
            _ => Phase::Open,
        };
        Self {
            phase,
            epoch: 0,
            tickets: 0,
            numbers: None,
            pacer,
            strikes: 0,
            quota: None,
            reports: 0,
            jitter: rules.jitter.then(Jitter::new),
            accepted: Accepted::default(),
            last: None,
            shut_at: None,
            told: None,
            news: News::default(),
            seats: rules.permits.map(|(permits, aimd)| Box::new(Seats::new(permits, aimd))),
            rules,
            stats: Stats::default(),
        }
    }

    // Passing

    /// Whether everybody may pass without asking.
    pub(crate) fn is_simply_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
            && !self.pacer.is_on()
            && self.quota.is_none()
            && self.seats.is_none()
    }

    /// Whether a report that a pass went well would change anything.
    pub(crate) fn wants_verdicts(&self) -> bool {
        self.strikes > 0
            || self.pacer.learns()
            || matches!(self.phase, Phase::Probing(_))
            || self.accepted.are_wanted()
            || self.seats.as_deref().is_some_and(Seats::learn)
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    pub(crate) fn draw_ticket(&mut self) -> Place {
        let number = match &self.numbers {
            // Relaxed: a number, drawn under the lock of this line; of two lines that become one it says who was first.
            Some(numbers) => numbers.fetch_add(1, Ordering::Relaxed),
            None => self.tickets,
        };
        self.tickets += 1;
        Place { epoch: self.epoch, number }
    }

    /// Decides about somebody who wants to pass now; `first` if nobody is in line before them.
    pub(crate) fn turn(&mut self, now: Instant, first: bool, note: Note) -> Turn {
        self.catch_up(now);
        match &self.phase {
            Phase::Closed => return Turn::Closed,
            Phase::Shut(pause) => return Turn::Wait(Wait::Shut(pause.until)),
            Phase::Open | Phase::Probing(_) if !first => return Turn::Wait(Wait::Queued),
            Phase::Open | Phase::Probing(_) => {}
        }
        if note.seat && self.seats.as_deref().is_some_and(Seats::are_taken) {
            return Turn::Wait(Wait::Full);
        }
        if let Some((0, until)) = self.quota {
            // Not when the last one went, whose pass would be outdated before it was used.
            let shut = self.shut(now, Some(until), Policy::Extend, Some(Reason::from("quota")));
            return Turn::Wait(Wait::Shut(shut.until));
        }
        let probe = match &mut self.phase {
            Phase::Closed | Phase::Shut(_) => unreachable!("seen to by now"),
            Phase::Open => {
                if let Err(due) = self.pacer.take(now) {
                    return Turn::Wait(Wait::Paced(due));
                }
                None
            }
            Phase::Probing(probing) => {
                if probing.out.len() >= probing.limit {
                    // Sent so long ago, the oldest is given up for another.
                    let due = probing.out[0].1.checked_add(self.rules.probe_timeout);
                    if due.is_none_or(|due| now < due) {
                        return Turn::Wait(Wait::Probing(due));
                    }
                    probing.out.pop_front();
                    self.stats.probes_lost += 1;
                }
                // Any number that no other probe has.
                let number = self.stats.admitted;
                probing.out.push_back((number, now));
                Some(number)
            }
        };
        let counted = self.quota.as_mut().map(|(left, _)| {
            *left -= 1;
            self.reports
        });
        if let Some(seats) = self.seats.as_mut().filter(|_| note.seat) {
            seats.take();
        }
        self.stats.admitted += 1;
        if let Some(since) = note.since {
            self.stats.wait.add(now.saturating_duration_since(since));
        }
        let ticket = note.ticket.unwrap_or_else(|| self.draw_ticket());
        let noted = Noted { ticket, at: Some(now), history: note.history, counted };
        Turn::Pass(Grant { epoch: self.epoch, probe, noted: Some(noted) })
    }

    // Permits

    pub(crate) fn seats(&mut self) -> Option<&mut Seats> {
        self.seats.as_deref_mut()
    }

    // Looking

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Open => State::Open,
            Phase::Shut(_) => State::Shut,
            Phase::Probing(_) => State::Probing,
            Phase::Closed => State::Closed,
        }
    }

    /// The pause, if the gate is shut.
    pub(crate) fn pause(&self) -> Option<&Pause> {
        match &self.phase {
            Phase::Shut(pause) => Some(pause),
            _ => None,
        }
    }

    /// When to look again at a pause that ends at `until`: then, or sooner, to see whether the machine slept.
    pub(crate) fn next_look(&self, now: Instant, until: Option<Instant>) -> Option<Instant> {
        match self.pause() {
            Some(Pause { awake: Some(_), .. }) => until.map(|until| until.min(now + WATCHED)),
            _ => until,
        }
    }

    /// Both clocks as they are, if a pause of this length is one to watch.
    fn watch(&self, now: Instant, until: Option<Instant>) -> Option<Clocks> {
        let length = until?.saturating_duration_since(now);
        (self.rules.wall_clock && length > WATCHED).then(self.rules.clocks)
    }

    /// How many may pass yet, and until when, if somebody said so.
    pub(crate) fn quota(&self) -> Option<(u64, Instant)> {
        self.quota
    }

    pub(crate) fn stats(&self, now: Instant) -> Stats {
        Stats { pace_now: self.pacer.rate(now), ..self.stats }
    }

    pub(crate) fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }
}

impl Phase {
    fn probing(limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        Self::Probing(Probing { limit, out: VecDeque::new(), unheard: None })
    }
}
