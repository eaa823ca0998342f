//! What shuts a gate and opens it again.

use std::time::Duration;

use tokio::time::Instant;

use super::rules::after_pause;
use super::{Core, Pause, Phase};
use crate::{Applied, Epoch, Event, Policy, Reason, Shut};

impl Core {
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
            Some((left, before)) if left <= n => (left, until.max(before)),
            other => {
                self.reports = self.reports.wrapping_add(1);
                (n, other.map_or(until, |(_, before)| until.max(before)))
            }
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

    /// Opens for everybody at once; `false` if it is simply open, or closed.
    pub(crate) fn unlock_now(&mut self, now: Instant) -> bool {
        self.catch_up(now);
        match self.phase {
            Phase::Open if self.quota.is_none() && !self.pacer.is_on() => return false,
            Phase::Closed => return false,
            Phase::Shut(Pause { since, .. }) => self.count_pause(since, now),
            Phase::Open | Phase::Probing(_) => {}
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
        self.last = Some(Box::new(self.demand(now)));
        self.phase = Phase::Closed;
        self.tell(|_| Event::Closed);
    }

    pub(super) fn count_pause(&mut self, since: Instant, until: Instant) {
        let pause = until.saturating_duration_since(since);
        self.stats.total_shut = self.stats.total_shut.saturating_add(pause);
        self.stats.longest_shut = self.stats.longest_shut.max(pause);
    }

    pub(super) fn answer(&self, applied: Applied) -> Shut {
        let until = self.pause().and_then(|pause| pause.until);
        Shut { applied, epoch: self.epoch, until }
    }
}
