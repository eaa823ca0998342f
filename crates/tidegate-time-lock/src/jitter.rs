use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// At most so much is added to a pause, and at most a twentieth of it.
const MOST: Duration = Duration::from_secs(1);
const SHARE: f64 = 0.05;

/// Makes pauses a little longer, so that many processes that were told the same do not come back at once.
///
/// One throw holds for a whole pause: a demand that is longer than another stays so.
#[derive(Debug)]
pub(crate) struct Jitter {
    state: u64,
    /// From nought to one.
    part: f64,
}

impl Jitter {
    pub(crate) fn new() -> Self {
        // What is hashed does not matter: the keys are random.
        Self { state: RandomState::new().build_hasher().finish() | 1, part: 0.0 }
    }

    pub(crate) fn throw(&mut self) {
        // Marsaglia's xorshift.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.part = (self.state >> 11) as f64 / (1_u64 << 53) as f64;
    }

    /// Never sooner.
    pub(crate) fn later(&self, now: Instant, until: Instant) -> Instant {
        let pause = until.saturating_duration_since(now).as_secs_f64();
        let most = (pause * SHARE).min(MOST.as_secs_f64());
        until.checked_add(Duration::from_secs_f64(most * self.part)).unwrap_or(until)
    }
}
