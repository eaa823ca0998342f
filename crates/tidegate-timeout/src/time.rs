use std::time::Duration;

use tokio::time::Instant;

use crate::deadline::Deadline;

/// How long a scope has, relative until the time begins to run.
///
/// | `at` | `nanos` | |
/// | --- | --- | --- |
/// | none | none | for ever |
/// | none | some | not begun: so long from the beginning on |
/// | some | none | not begun: until then |
/// | some | some | running: until then, which was so long when it began |
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    at: Deadline,
    /// A plain number, since it is copied right after it was written: in one piece, that is quick.
    nanos: u64,
}

/// No length. Centuries are no length either, but for ever.
const NONE: u64 = u64::MAX;

impl Time {
    pub(crate) const ENDLESS: Self = Self { at: Deadline::NEVER, nanos: NONE };

    #[inline]
    pub(crate) fn after(after: Duration) -> Self {
        Self { at: Deadline::NEVER, nanos: nanos(after) }
    }

    #[inline]
    pub(crate) fn at(at: Deadline) -> Self {
        Self { at, nanos: NONE }
    }

    #[inline]
    fn has_begun(self) -> bool {
        self.at.instant().is_some() == (self.nanos != NONE)
    }

    /// The same, without reading a deadline that is not there.
    #[inline]
    pub(crate) fn copied(&self) -> Self {
        if self.nanos != NONE && self.at.instant().is_none() {
            return Self { at: Deadline::NEVER, nanos: self.nanos };
        }
        *self
    }

    /// Begins now, if it has not begun; one reading of the clock serves all that share `now`.
    #[inline]
    pub(crate) fn begin(&mut self, now: &mut Option<Instant>) {
        if self.has_begun() {
            return;
        }
        let now = *now.get_or_insert_with(Instant::now);
        match self.at.instant() {
            Some(at) => self.nanos = nanos(at.saturating_duration_since(now)),
            None => {
                self.at = Deadline::since(now, Duration::from_nanos(self.nanos));
                if self.at == Deadline::NEVER {
                    self.nanos = NONE;
                }
            }
        }
    }

    /// When it ends, if it has begun.
    #[inline]
    pub(crate) fn deadline(self) -> Deadline {
        self.at
    }

    /// How long it was when it began.
    pub(crate) fn length(self) -> Option<Duration> {
        (self.nanos != NONE).then(|| Duration::from_nanos(self.nanos))
    }

    /// When it began.
    pub(crate) fn began(self) -> Option<Instant> {
        self.at.instant()?.checked_sub(self.length()?)
    }
}

#[inline]
fn nanos(duration: Duration) -> u64 {
    let secs = duration.as_secs().saturating_mul(1_000_000_000);
    secs.saturating_add(u64::from(duration.subsec_nanos()))
}
