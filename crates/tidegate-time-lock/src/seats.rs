// How it works
//
// How many may be on their way at a time, which is the other knob beside the pace: servers that limit how many requests
// they work on at once answer to this one. It goes down at once and up slowly: a part of it stays after the first
// refusal of an epoch, and it grows by a step each time as many were accepted as there are permits. Only what is
// accepted while all permits are out counts, for who does not use what there is learns nothing about more.

/// How the number of permits adapts: additive increase, multiplicative decrease.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{Aimd, PausingSemaphore};
///
/// // A quarter less after a refusal, never below two; two more after a round of successes.
/// let adapts = Aimd::new().floor(2).beta(0.75).step(2);
/// let requests = PausingSemaphore::builder().permits(32).aimd(adapts).build();
/// assert_eq!(requests.permits().limit, 32);
/// assert_eq!(adapts, Aimd { floor: 2, beta: 0.75, step: 2 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aimd {
    /// The least number of permits; none is taken for one.
    pub floor: usize,
    /// The part that is left after a refusal, between nought and one.
    pub beta: f64,
    /// By how many it grows after a round of successes.
    pub step: usize,
}

impl Aimd {
    /// At least one permit, half of them after a refusal, one more after a round of successes.
    pub const fn new() -> Self {
        Self { floor: 1, beta: 0.5, step: 1 }
    }

    /// The least number of permits, at least one.
    #[must_use]
    pub const fn floor(mut self, floor: usize) -> Self {
        self.floor = if floor == 0 { 1 } else { floor };
        self
    }

    /// The part that is left after a refusal, between nought and one.
    ///
    /// # Panics
    ///
    /// When it is not between nought and one.
    #[must_use]
    #[track_caller]
    pub const fn beta(mut self, beta: f64) -> Self {
        assert!(beta >= 0.0 && beta <= 1.0, "a part is between nought and one");
        self.beta = beta;
        self
    }

    /// By how many it grows.
    #[must_use]
    pub const fn step(mut self, step: usize) -> Self {
        self.step = step;
        self
    }
}

impl Default for Aimd {
    fn default() -> Self {
        Self::new()
    }
}

/// What [`PausingSemaphore::permits`](crate::PausingSemaphore::permits) answers: how many permits there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permits {
    /// How many may be out now.
    pub limit: usize,
    /// How many are. More than `limit` for a while after that went down.
    pub in_use: usize,
    /// How many were asked for: what `limit` grows to.
    pub wanted: usize,
}

#[derive(Debug)]
pub(crate) struct Seats {
    now: Permits,
    aimd: Option<Aimd>,
    /// Accepted since the limit changed, while it was reached.
    accepted: usize,
}

impl Seats {
    pub(crate) fn new(permits: usize, aimd: Option<Aimd>) -> Self {
        let now = Permits { limit: permits, in_use: 0, wanted: permits };
        Self { now, aimd, accepted: 0 }
    }

    pub(crate) fn now(&self) -> Permits {
        self.now
    }

    /// Whether it matters what is accepted.
    pub(crate) fn learn(&self) -> bool {
        self.now.limit < self.now.wanted
    }

    pub(crate) fn are_taken(&self) -> bool {
        self.now.in_use >= self.now.limit
    }

    pub(crate) fn take(&mut self) {
        self.now.in_use += 1;
    }

    pub(crate) fn give_back(&mut self) {
        self.now.in_use -= 1;
    }

    pub(crate) fn set(&mut self, limit: usize) {
        self.now.limit = limit;
        self.now.wanted = limit;
        self.accepted = 0;
    }

    /// Something was accepted. Answers whether there is room for more now.
    pub(crate) fn accepted(&mut self) -> bool {
        let Some(aimd) = self.aimd.filter(|_| self.learn() && self.are_taken()) else {
            return false;
        };
        self.accepted += 1;
        if self.accepted < self.now.limit {
            return false;
        }
        self.now.limit = self.now.limit.saturating_add(aimd.step).min(self.now.wanted);
        self.accepted = 0;
        true
    }

    /// The first refusal of an epoch.
    pub(crate) fn refused(&mut self) {
        let Some(aimd) = self.aimd else { return };
        let left = (self.now.limit as f64 * aimd.beta) as usize;
        self.now.limit = left.max(aimd.floor).min(self.now.limit);
        self.accepted = 0;
    }
}
