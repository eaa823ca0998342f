//! What became of those who passed.

use std::time::Duration;

use tokio::time::Instant;

use super::rules::after_pause;
use super::{Core, Grant, Phase, Verdict};
use crate::seats::Seats;
use crate::{Applied, Epoch, Policy, Shut};

impl Core {
    /// It went well. Answers whether the first in line is to look again.
    pub(crate) fn ok(&mut self, now: Instant, epoch: Epoch) -> bool {
        self.catch_up(now);
        self.accepted.count(epoch, self.epoch);
        if epoch != self.epoch {
            return false;
        }
        self.strikes = 0;
        self.pacer.accepted(now);
        let room = self.seats.as_deref_mut().is_some_and(Seats::accepted);
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
        self.accepted.refused(pass.epoch, self.rules.isolation);
        let history = pass.history().refused(pass.epoch);
        let isolated = history.is_its_own_fault(self.rules.isolation, &self.accepted);
        let shut = if isolated {
            self.stats.isolated += 1;
            if let Some(probe) = pass.probe {
                self.unheard(now, probe);
            }
            self.answer(Applied::Nothing)
        } else {
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

    /// A pass comes back that was not used. Answers whether the first in line is to look again.
    pub(crate) fn take_back(&mut self, now: Instant, pass: &Grant) -> bool {
        self.catch_up(now);
        let is_left = self.back_to_quota(pass);
        let Some(given) = pass.at().filter(|_| pass.epoch == self.epoch) else { return is_left };
        match (&mut self.phase, pass.probe) {
            (Phase::Probing(probing), Some(number)) => {
                probing.out.retain(|&(other, _)| other != number);
            }
            (Phase::Open, None) => self.pacer.take_back(now, given),
            _ => return is_left,
        }
        true
    }

    /// Has a pass be one of so many that are left, as before. Not if the other side has said since that fewer are: it did
    /// not count this one.
    fn back_to_quota(&mut self, pass: &Grant) -> bool {
        match &mut self.quota {
            Some((left, _)) if pass.counted() == Some(self.reports) => {
                *left += 1;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn isolation(&self) -> (u32, u64) {
        self.rules.isolation
    }
}
