use std::time::Duration;

use tokio::time::Instant;

use crate::suspend::Clocks;
use crate::{Aimd, Policy, Reopen};

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

impl Rules {
    /// The pause that a server asked for, within bounds.
    pub(super) fn clamp(&self, pause: Duration) -> Duration {
        pause.max(self.min_pause).min(self.max_lock)
    }

    /// The pause after so many refusals in a row that did not say how long.
    pub(super) fn back_off(&self, strikes: u32) -> Duration {
        let factor = 2_u32.saturating_pow(strikes.saturating_sub(1));
        self.clamp(self.base.saturating_mul(factor).min(self.cap))
    }
}

/// `now + pause`, or as far ahead as matters to nobody.
pub(super) fn after_pause(now: Instant, pause: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now.checked_add(pause).unwrap_or_else(|| now + THIRTY_YEARS)
}
