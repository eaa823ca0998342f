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
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::events::News;
use crate::isolation::{Accepted, History};
use crate::jitter::Jitter;
use crate::line::Note;
use crate::pacer::Pacer;
use crate::seats::Seats;
use crate::stats::State;
use crate::suspend::{Clocks, WATCHED};
use crate::{Aimd, Applied, Epoch, Event, Policy, Rate, Reason, Reopen, Shut, Stats};

#[cfg(all(test, not(tidegate_loom)))]
mod tests;

/// What the builder sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) reopen: Reopen,
    /// The longest pause for a time.
    pub(crate) max_lock: Duration,
    /// The shortest pause after a refusal.
    pub(crate) min_pause: Duration,
    /// The pause after a first refusal that does not say how long; it doubles with each further one.
    pub(crate) base: Duration,
    /// What it doubles to at most.
    pub(crate) cap: Duration,
    /// After this long without a verdict a probe is given up.
    pub(crate) probe_timeout: Duration,
    /// After this long without news from probes that were dropped the gate opens.
    pub(crate) probe_grace: Duration,
    /// Whether a refusal of an earlier epoch may make a pause longer.
    pub(crate) late_refusals: bool,
    /// Whether pauses are a little longer than demanded, by chance.
    pub(crate) jitter: bool,
    /// Whether long pauses end though the machine slept.
    pub(crate) wall_clock: bool,
    pub(crate) clocks: fn() -> Clocks,
    /// A request that was refused so many times while so many others were accepted is refused for its own sake.
    pub(crate) isolation: (u32, u64),
    /// So many at a time, adapting if it says how.
    pub(crate) permits: Option<(usize, Option<Aimd>)>,
    pub(crate) name: &'static str,
}

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
    shut: Option<(Option<Instant>, Option<Reason>)>,
    quota: Option<(u64, Instant)>,
}

/// What came of a refusal.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) shut: Shut,
    pub(crate) history: History,
    /// The request is refused for its own sake.
    pub(crate) isolated: bool,
}

#[derive(Debug)]
pub(crate) struct Core {
    rules: Rules,
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
    jitter: Option<Jitter>,
    accepted: Accepted,
    seats: Option<Seats>,
    /// What was demanded of it when it was closed.
    last: Option<Demand>,
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
    pub(crate) fn new(rules: Rules) -> Self {
        let pacer = Pacer::new(rules.reopen);
        let phase = match rules.reopen {
            Reopen::Learned(pace) if pace.cold_start > 0 => Phase::probing(pace.cold_start),
            _ => Phase::Open,
        };
        Self {
            rules,
            phase,
            epoch: 0,
            tickets: 0,
            numbers: None,
            pacer,
            strikes: 0,
            quota: None,
            jitter: rules.jitter.then(Jitter::new),
            accepted: Accepted::default(),
            last: None,
            shut_at: None,
            told: None,
            news: News::default(),
            seats: rules.permits.map(|(permits, aimd)| Seats::new(permits, aimd)),
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
            || self.seats.as_ref().is_some_and(Seats::learn)
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
        if note.seat && self.seats.as_ref().is_some_and(Seats::are_taken) {
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
        if let Some((left, _)) = &mut self.quota {
            *left -= 1;
        }
        if let Some(seats) = self.seats.as_mut().filter(|_| note.seat) {
            seats.take();
        }
        self.stats.admitted += 1;
        if let Some(since) = note.since {
            self.stats.wait.add(now.saturating_duration_since(since));
        }
        let ticket = note.ticket.unwrap_or_else(|| self.draw_ticket());
        let noted = Noted { ticket, at: Some(now), history: note.history };
        Turn::Pass(Grant { epoch: self.epoch, probe, noted: Some(noted) })
    }

    // Verdicts

    /// It went well. Answers whether the first in line is to look again.
    pub(crate) fn ok(&mut self, now: Instant, epoch: Epoch) -> bool {
        self.catch_up(now);
        self.accepted.count(epoch, self.epoch);
        if epoch != self.epoch {
            return false;
        }
        self.strikes = 0;
        self.pacer.accepted(now);
        let room = self.seats.as_mut().is_some_and(Seats::accepted);
        match self.phase {
            Phase::Probing(_) => {
                self.stats.probes_ok += 1;
                self.set_open(now);
                true
            }
            _ => room,
        }
    }

    /// It was refused, perhaps for so long.
    pub(crate) fn refused(
        &mut self,
        now: Instant,
        pass: &Grant,
        after: Option<Duration>,
    ) -> Verdict {
        self.catch_up(now);
        self.stats.refused += 1;
        let history = pass.history().refused(pass.epoch);
        let isolated = history.is_its_own_fault(self.rules.isolation, &self.accepted);
        let shut = if isolated {
            self.stats.isolated += 1;
            if let Some(probe) = pass.probe {
                self.unheard(now, probe);
            }
            self.answer(Applied::Nothing)
        } else {
            self.accepted.want(self.rules.isolation);
            self.believe(now, pass, after)
        };
        Verdict { shut, history, isolated }
    }

    /// A refusal that is about more than one request.
    fn believe(&mut self, now: Instant, pass: &Grant, after: Option<Duration>) -> Shut {
        let wanted = after.map(|after| self.rules.clamp(after));
        if pass.epoch != self.epoch {
            self.stats.stale += 1;
            // An answer to an old question opens nothing and counts for nothing; but a shut gate may learn from
            // it that the server wants more.
            let wanted = wanted.filter(|_| self.rules.late_refusals);
            let (Phase::Shut(_), Some(pause)) = (&self.phase, wanted) else {
                return self.answer(Applied::Nothing);
            };
            let policy = match self.rules.policy {
                Policy::KeepFirst => Policy::KeepFirst,
                Policy::Extend | Policy::Replace => Policy::Extend,
            };
            return self.shut(now, Some(after_pause(now, pause)), policy, None);
        }
        if self.is_closed() {
            return self.answer(Applied::Nothing);
        }
        self.strikes = self.strikes.saturating_add(1);
        let pause = wanted.unwrap_or_else(|| self.rules.back_off(self.strikes));
        let probing = matches!(self.phase, Phase::Probing(_));
        self.stats.probes_refused += u64::from(probing);
        self.pacer.refused(now, pass.at(), probing, pause);
        if let Some(seats) = &mut self.seats {
            seats.refused();
        }
        self.shut(now, Some(after_pause(now, pause)), Policy::Extend, None)
    }

    /// A probe was dropped without a verdict. Answers whether the first in line is to look again.
    pub(crate) fn unheard(&mut self, now: Instant, number: u64) -> bool {
        self.catch_up(now);
        let Phase::Probing(probing) = &mut self.phase else { return false };
        // No two probes have the same number: one of an earlier epoch is not found.
        let Some(at) = probing.out.iter().position(|&(other, _)| other == number) else {
            return false;
        };
        let went = probing.out.remove(at).map(|(_, went)| went);
        probing.unheard = probing.unheard.or(went);
        self.stats.probes_lost += 1;
        true
    }

    pub(crate) fn isolation(&self) -> (u32, u64) {
        self.rules.isolation
    }

    // Being one of many

    pub(crate) fn share_numbers(&mut self, numbers: Arc<AtomicU64>) {
        self.numbers = Some(numbers);
    }

    /// Whether nobody would know it from a new one.
    pub(crate) fn is_fresh(&mut self, now: Instant) -> bool {
        self.catch_up(now);
        let opening = match &self.phase {
            Phase::Open => true,
            // A cold start that nobody has made use of.
            Phase::Probing(probing) => {
                self.epoch == 0 && probing.out.is_empty() && probing.unheard.is_none()
            }
            Phase::Shut(_) | Phase::Closed => false,
        };
        opening
            && self.strikes == 0
            && self.quota.is_none()
            && self.pacer.is_fresh()
            && !self.accepted.are_wanted()
    }

    /// Whether it is shut, or not known to be open again.
    pub(crate) fn is_in_question(&mut self, now: Instant) -> bool {
        self.catch_up(now);
        match self.phase {
            Phase::Open => self.quota.is_some(),
            Phase::Probing(_) => self.epoch > 0,
            Phase::Shut(_) | Phase::Closed => true,
        }
    }

    /// What somebody demanded of it: to be shut, or to let so many pass.
    pub(crate) fn demand(&mut self, now: Instant) -> Demand {
        self.catch_up(now);
        if let Some(last) = self.last.take() {
            return last;
        }
        let shut = self.pause().map(|pause| (pause.until, pause.reason.clone()));
        Demand { shut, quota: self.quota }
    }

    pub(crate) fn take_over(&mut self, now: Instant, demand: Demand) {
        if let Some((until, reason)) = demand.shut {
            self.shut(now, until, Policy::Extend, reason);
        }
        if let Some((left, until)) = demand.quota {
            self.allow(now, left, until);
        }
    }

    // Permits

    pub(crate) fn seats(&mut self) -> Option<&mut Seats> {
        self.seats.as_mut()
    }

    // Shutting and opening

    /// As the gate's own policy has it.
    pub(crate) fn policy(&self) -> Policy {
        self.rules.policy
    }

    /// The instant that a demand for `pause` means; `None`: until unlocked.
    pub(crate) fn deadline(&self, now: Instant, pause: Duration) -> Option<Instant> {
        (pause != Duration::MAX).then(|| after_pause(now, pause.min(self.rules.max_lock)))
    }

    pub(crate) fn shut(
        &mut self,
        now: Instant,
        until: Option<Instant>,
        policy: Policy,
        reason: Option<Reason>,
    ) -> Shut {
        self.catch_up(now);
        let until = match &mut self.jitter {
            Some(jitter) => {
                if !matches!(self.phase, Phase::Shut(_)) {
                    jitter.throw();
                }
                until.map(|until| jitter.later(now, until))
            }
            None => until,
        };
        let awake = self.watch(now, until);
        let applied = match &mut self.phase {
            Phase::Closed => Applied::Nothing,
            Phase::Open | Phase::Probing(_) if until.is_some_and(|until| until <= now) => {
                Applied::Nothing
            }
            Phase::Open | Phase::Probing(_) => {
                self.epoch += 1;
                self.stats.shuts += 1;
                // One that is used up ends with the pause that it makes.
                self.quota = self.quota.filter(|&(left, _)| left > 0);
                let wall = (self.rules.clocks)().wall;
                self.phase = Phase::Shut(Pause { since: now, wall, until, reason, awake });
                Applied::Started
            }
            Phase::Shut(pause) => {
                let longer = match (until, pause.until) {
                    (_, None) => false,
                    (None, Some(_)) => true,
                    (Some(new), Some(old)) => new > old,
                };
                let applied = match policy {
                    Policy::KeepFirst => Applied::Ignored,
                    _ if longer => Applied::Extended,
                    Policy::Replace if until != pause.until => Applied::Shortened,
                    _ => Applied::KeptLonger,
                };
                if let Applied::Extended | Applied::Shortened = applied {
                    pause.until = until;
                    pause.awake = awake;
                    pause.reason = reason.or(pause.reason.take());
                }
                applied
            }
        };
        let until = self.pause().and_then(|pause| pause.until);
        match applied {
            Applied::Started => {
                self.shut_at.get_or_insert(now);
                self.tell(|core| {
                    let reason = core.pause().and_then(|pause| pause.reason.clone());
                    Event::Shut { epoch: core.epoch, until, reason }
                });
            }
            Applied::Extended => self.tell(|_| Event::Extended { until }),
            Applied::Shortened => self.tell(|_| Event::Shortened { until }),
            _ => {}
        }
        match applied {
            Applied::Extended => self.stats.extended += 1,
            Applied::KeptLonger => self.stats.kept += 1,
            Applied::Ignored => self.stats.ignored += 1,
            _ => {}
        }
        // A pause that was shortened to nothing is over.
        self.catch_up(now);
        self.answer(applied)
    }

    /// Lets `n` more pass, then nobody until `until`.
    pub(crate) fn allow(&mut self, now: Instant, n: u64, until: Instant) -> Shut {
        self.catch_up(now);
        if self.is_closed() || until <= now {
            return self.answer(Applied::Nothing);
        }
        // Of two reports that overlap nobody knows which is the newer: the worse is believed.
        let (left, until) = match self.quota {
            Some((left, before)) => (left.min(n), until.max(before)),
            None => (n, until),
        };
        if left == 0 {
            self.quota = None;
            return self.shut(now, Some(until), Policy::Extend, Some(Reason::from("quota")));
        }
        self.quota = Some((left, until));
        Shut { applied: Applied::Limited, epoch: self.epoch, until: Some(until) }
    }

    /// Ends a pause the way the gate reopens; `false` if there is none.
    pub(crate) fn unlock(&mut self, now: Instant) -> bool {
        self.catch_up(now);
        let shut = matches!(self.phase, Phase::Shut(_));
        if shut {
            self.reopen(now);
        }
        shut
    }

    /// Opens for everybody at once; `false` if it is open or closed.
    pub(crate) fn unlock_now(&mut self, now: Instant) -> bool {
        self.catch_up(now);
        match self.phase {
            Phase::Open => return self.quota.take().is_some(),
            Phase::Closed => return false,
            Phase::Shut(Pause { since, .. }) => self.count_pause(since, now),
            Phase::Probing(_) => {}
        }
        self.phase = Phase::Open;
        self.pacer.stop();
        self.quota = None;
        self.tell_opened(now);
        true
    }

    /// As `unlock`, for one pause only.
    pub(crate) fn unlock_if(&mut self, now: Instant, epoch: Epoch) -> bool {
        epoch == self.epoch && self.unlock(now)
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.catch_up(now);
        if self.is_closed() {
            return;
        }
        self.last = Some(self.demand(now));
        self.phase = Phase::Closed;
        self.tell(|_| Event::Closed);
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

    /// Makes true what the clock has made true since the last call.
    pub(crate) fn catch_up(&mut self, now: Instant) {
        self.wake_up(now);
        self.quota = self.quota.filter(|&(_, until)| now < until);
        match &self.phase {
            Phase::Shut(Pause { until: Some(until), .. }) if now >= *until => {
                let until = *until;
                self.reopen(until);
                // Whoever looks may look long after.
                self.catch_up(now);
            }
            Phase::Probing(Probing { out, unheard: Some(went), .. }) if out.is_empty() => {
                // They were dropped, but nobody complained: their callers are of the kind that never reports.
                let consent = went.checked_add(self.rules.probe_grace);
                if let Some(consent) = consent.filter(|&at| now >= at) {
                    self.set_open(consent);
                }
            }
            _ => {
                let was_on = self.pacer.is_on();
                self.pacer.catch_up(now);
                if was_on && !self.pacer.is_on() {
                    self.told = None;
                    self.tell(|_| Event::PaceChanged { pace: None });
                }
            }
        }
    }

    /// A machine that slept is told how long a pause is by a clock that slept as well.
    fn wake_up(&mut self, now: Instant) {
        let Phase::Shut(Pause { until: Some(until), awake: Some(awake), .. }) = &mut self.phase
        else {
            return;
        };
        let clocks = (self.rules.clocks)();
        if let Some(slept) = clocks.slept_since(awake) {
            *awake = clocks;
            *until = until.checked_sub(slept).unwrap_or(now);
        }
    }

    /// From Shut to whatever the reopening demands, at `at`.
    fn reopen(&mut self, at: Instant) {
        if let Phase::Shut(Pause { since, .. }) = self.phase {
            self.count_pause(since, at);
        }
        let probes = match self.rules.reopen {
            Reopen::Probe { n } => n,
            Reopen::Learned(_) => 1,
            Reopen::All | Reopen::Paced(_) | Reopen::Ramp { .. } => return self.set_open(at),
        };
        self.phase = Phase::probing(probes);
        self.tell(|core| Event::Probing { epoch: core.epoch });
    }

    /// From whatever it is to Open, at the pace there is.
    fn set_open(&mut self, at: Instant) {
        self.phase = Phase::Open;
        self.pacer.reopen(at);
        self.tell_opened(at);
    }

    fn tell_opened(&mut self, at: Instant) {
        let since = self.shut_at.take();
        if since.is_some() {
            let after = since.map_or(Duration::ZERO, |since| at.saturating_duration_since(since));
            self.tell(|core| Event::Opened { epoch: core.epoch, after, waiters: 0 });
        }
        let pace = self.pacer.rate(at);
        if pace != self.told {
            self.told = pace;
            self.tell(|_| Event::PaceChanged { pace });
        }
    }

    /// Notes what happened, if anybody wants to know.
    fn tell(&mut self, what: impl FnOnce(&Self) -> Event) {
        if self.news.are_wanted() {
            let event = what(self);
            self.news.add(event);
        }
    }

    pub(crate) fn news(&mut self) -> &mut News {
        &mut self.news
    }

    fn count_pause(&mut self, since: Instant, until: Instant) {
        let pause = until.saturating_duration_since(since);
        self.stats.total_shut = self.stats.total_shut.saturating_add(pause);
        self.stats.longest_shut = self.stats.longest_shut.max(pause);
    }

    fn answer(&self, applied: Applied) -> Shut {
        let until = self.pause().and_then(|pause| pause.until);
        Shut { applied, epoch: self.epoch, until }
    }
}

impl Phase {
    fn probing(limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        Self::Probing(Probing { limit, out: VecDeque::new(), unheard: None })
    }
}

impl Rules {
    /// The pause that a server asked for, within bounds.
    fn clamp(&self, pause: Duration) -> Duration {
        pause.max(self.min_pause).min(self.max_lock)
    }

    /// The pause after so many refusals in a row that did not say how long.
    fn back_off(&self, strikes: u32) -> Duration {
        let factor = 2_u32.saturating_pow(strikes.saturating_sub(1));
        self.clamp(self.base.saturating_mul(factor).min(self.cap))
    }
}

/// `now + pause`, or as far ahead as matters to nobody.
fn after_pause(now: Instant, pause: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now.checked_add(pause).unwrap_or_else(|| now + THIRTY_YEARS)
}
