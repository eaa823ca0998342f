//! A gate that is one of many: may it be forgotten, and what does another take over?

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::time::Instant;

use super::{Core, Demand, Phase};
use crate::Policy;

impl Core {
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
            && self.news.audience().is_none()
    }

    /// Whether it is shut, not known to be open again, though not `left` alone for long, or listened to.
    pub(crate) fn is_in_question(&mut self, now: Instant, left: bool) -> bool {
        self.catch_up(now);
        if self.news.audience().is_some() {
            return true;
        }
        match self.phase {
            Phase::Open => self.quota.is_some(),
            Phase::Probing(_) => self.epoch > 0 && !left,
            Phase::Shut(_) | Phase::Closed => true,
        }
    }

    /// What somebody demanded of it: to be shut, or to let so many pass.
    pub(crate) fn demand(&mut self, now: Instant) -> Demand {
        self.catch_up(now);
        if let Some(last) = self.last.take() {
            return *last;
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
}
