// How it works
//
// A machine that is suspended stops the monotonic clock, on Linux and elsewhere, and the servers behind a gate do not
// wait for it. The wall clock goes on. So what the wall clock saw pass and the monotonic clock did not is how long the
// machine slept; a pause is over that much earlier. Both clocks are read together and are the real ones, so that a
// paused clock of tests, on which neither goes, makes no difference. A wall clock that was set back shows nothing;
// one that was set forward looks like a suspended machine.

use std::time::{Duration, Instant, SystemTime};

/// Pauses that are shorter are not watched, and longer ones are looked at so often.
pub(crate) const WATCHED: Duration = Duration::from_secs(30);

/// What two clocks may differ by without anything having happened.
const SLACK: Duration = Duration::from_secs(1);

/// The two clocks of the machine, at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    pub(crate) wall: SystemTime,
    pub(crate) steady: Instant,
}

impl Clocks {
    pub(crate) fn now() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }

    /// How long the machine slept since `earlier`, if that is worth mentioning.
    pub(crate) fn slept_since(&self, earlier: &Self) -> Option<Duration> {
        let wall = self.wall.duration_since(earlier.wall).ok()?;
        let steady = self.steady.saturating_duration_since(earlier.steady);
        wall.checked_sub(steady).filter(|&slept| slept >= SLACK)
    }
}
