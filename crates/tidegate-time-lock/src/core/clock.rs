//! What the clock makes true, when somebody looks.

use std::time::Duration;

use tokio::time::Instant;

use super::{Core, Pause, Phase, Probing};
use crate::events::News;
use crate::{Event, Reopen};

impl Core {
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
    pub(super) fn reopen(&mut self, at: Instant) {
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
    pub(super) fn set_open(&mut self, at: Instant) {
        self.phase = Phase::Open;
        self.pacer.reopen(at);
        self.tell_opened(at);
    }

    pub(super) fn tell_opened(&mut self, at: Instant) {
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
    pub(super) fn tell(&mut self, what: impl FnOnce(&Self) -> Event) {
        if self.news.are_wanted() {
            let event = what(self);
            self.news.add(event);
        }
    }

    pub(crate) fn news(&mut self) -> &mut News {
        &mut self.news
    }
}
