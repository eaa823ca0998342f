// How it works
//
// The other side is taken for a bucket: so many requests per second flow in, a burst of some size fits in, and
// neither number is known. A refusal says two things. The bucket is empty: so what was accepted since the refusal
// before, over the time since then, is no more than what flows in (less if it overflowed, during the pause or
// while the pace was low). And it was emptied by the pace of the moment, which therefore was too much. So:
//
//  - before the first refusal there is no pace; or, with a cold start, a slow start that doubles each second;
//  - after it, slow start from what was accepted in the last second, until the next refusal;
//  - from then on a search: from halfway between what was accepted and what was too much towards the latter, first
//    fast, then slower and slower. Each search that ends where the one before did is twice as patient, so that
//    pauses cost less and less;
//  - a refused probe means that even a single request is too much: a tenth less;
//  - a search that goes on for long without a refusal may have missed that the limit has risen: a tenth more is tried;
//  - if that goes well for a while, it has risen, and nobody knows how far: slow start again.
//
// No pace rises without being used: silence is no evidence.
//
// What was sent before the gate opened (probes, the first few of a cold start) says nothing about the pace.

use std::f64::consts::LN_2;
use std::time::Duration;

use tokio::time::Instant;

/// The pace at which a cold start begins, per second.
const COLD: f64 = 20.0;
/// The slowest pace.
const FLOOR: f64 = 0.1;
/// How long it takes a slow start to double, in seconds.
const DOUBLE: f64 = 1.0;
/// How patient a search is at first, and at last: the time in which it goes half the way, in pauses.
const EAGER: f64 = 3.0;
const PATIENT: f64 = 24.0;
/// A pause shorter than this counts as this long there, in seconds.
const SHORT: f64 = 0.25;
/// After so many half-ways without a refusal the limit may be higher than it was.
const LONG: f64 = 3.0;
/// By so much.
const STEP: f64 = 1.1;
/// After so long it is asked whether a slow start is used, in seconds.
const STARTING: f64 = 4.0;
/// The shortest time that something is divided by, in seconds.
const INSTANT: f64 = 0.05;

#[derive(Debug)]
pub(crate) struct Learned {
    course: Course,
    /// When the course began.
    from: Option<Instant>,
    /// The most that was accepted per second from one refusal to the next, forgotten slowly.
    low: f64,
    /// The last refusal.
    refused: Option<Instant>,
    /// What was accepted since then, and until the course began.
    accepted: u64,
    before: u64,
    pause: Duration,
    patience: f64,
    recent: Recent,
}

/// How the pace goes on from here.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Course {
    /// No pace.
    Free,
    /// Doubles each second until something is refused.
    SlowStart { start: f64 },
    /// From what should do to what was too much, slower and slower.
    Search { start: f64, high: f64 },
    /// A little more than what was too much.
    Trial { pace: f64 },
}

impl Learned {
    pub(crate) fn new(cold_start: bool) -> Self {
        Self {
            course: if cold_start { Course::SlowStart { start: COLD } } else { Course::Free },
            from: None,
            low: 0.0,
            refused: None,
            accepted: 0,
            before: 0,
            pause: Duration::ZERO,
            patience: EAGER,
            recent: Recent::default(),
        }
    }

    /// Whether nothing was accepted or refused yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.accepted == 0 && self.refused.is_none()
    }

    /// The pace, per second.
    pub(crate) fn rate(&self, now: Instant) -> Option<f64> {
        let passed = self.from.map_or(0.0, |from| seconds(from, now));
        let rate = match self.course {
            Course::Free => return None,
            Course::SlowStart { start } => {
                // Twice what doubling would have let through by now, if it was all used.
                let used = 2.0 * (start + self.used());
                (start * (passed / DOUBLE).exp2()).min(used)
            }
            Course::Search { start, high } => {
                let way = 1.0 - (-passed / self.half()).exp2();
                start * (high / start).powf(way)
            }
            Course::Trial { pace } => pace,
        };
        Some(rate.clamp(FLOOR, f64::MAX))
    }

    /// How long a search takes to go half the way, in seconds.
    fn half(&self) -> f64 {
        self.patience * self.pause()
    }

    fn pause(&self) -> f64 {
        self.pause.as_secs_f64().max(SHORT)
    }

    /// What was accepted on this course.
    fn used(&self) -> f64 {
        (self.accepted - self.before) as f64
    }

    /// Goes on to another course, if the one before lasted long without a refusal: to more if the pace was used, and to
    /// no more if it was not.
    fn look_up(&mut self, now: Instant) {
        let (Some(from), Some(rate)) = (self.from, self.rate(now)) else { return };
        let passed = seconds(from, now);
        // At least half of what there was.
        let is_used = |passes: f64| 2.0 * self.used() >= passes;
        let next = match self.course {
            Course::SlowStart { start } if passed >= STARTING => {
                let passes = start * DOUBLE / LN_2 * ((passed / DOUBLE).exp2() - 1.0);
                if is_used(passes) {
                    return;
                }
                let most = 2.0 * self.used() / passed;
                Course::SlowStart { start: most.min(rate).max(start) }
            }
            Course::Search { start, high } if passed >= LONG * self.half() => {
                match is_used(start * passed) {
                    true => Course::Trial { pace: high * STEP },
                    false => Course::Search { start: rate.min(high), high },
                }
            }
            Course::Trial { pace } if passed >= EAGER * self.pause() => {
                match is_used(pace * passed) {
                    true => Course::SlowStart { start: pace },
                    false => Course::Trial { pace },
                }
            }
            _ => return,
        };
        self.course = next;
        self.from = Some(now);
        self.before = self.accepted;
    }

    /// The gate opens after a pause, or for the first time.
    pub(crate) fn reopened(&mut self, at: Instant) {
        self.from = Some(at);
    }

    /// Something that was sent in this epoch was accepted.
    pub(crate) fn accepted(&mut self, now: Instant) {
        self.accepted += 1;
        self.recent.count(now);
        self.look_up(now);
    }

    /// Something that was sent in this epoch was refused: the first of them.
    pub(crate) fn refused(&mut self, now: Instant, sent: Instant, probing: bool, pause: Duration) {
        self.course = match self.rate(sent) {
            // Without a pace, what was accepted in the last second is the first guess, if it is more than a cold
            // start's.
            None => {
                let start = (self.recent.last_second(now) as f64).max(COLD);
                Course::SlowStart { start }
            }
            // Sent before the gate opened, it was a probe as well.
            Some(rate) if probing || self.from.is_some_and(|from| sent < from) => self.less(rate),
            Some(rate) => self.between(rate, sent),
        };
        self.from = None;
        self.accepted = 0;
        self.before = 0;
        self.refused = Some(now);
        self.pause = pause;
    }

    /// Even a single request was too much.
    fn less(&self, rate: f64) -> Course {
        match self.course {
            Course::Search { high, .. } | Course::Trial { pace: high } => {
                Course::Search { start: (rate * 0.9).max(FLOOR), high: (high * 0.9).max(FLOOR) }
            }
            _ => Course::SlowStart { start: (rate * 0.9).max(FLOOR) },
        }
    }

    /// Something in between what was accepted and what was refused.
    fn between(&mut self, high: f64, sent: Instant) -> Course {
        if let Some(refused) = self.refused {
            let measured = self.accepted as f64 / seconds(refused, sent).max(INSTANT);
            self.low = measured.max(self.low * 0.9).min(high * 0.98).max(FLOOR);
        } else {
            self.low = high / 4.0;
        }
        self.patience = match self.course {
            Course::Trial { .. } => (self.patience * 2.0).min(PATIENT),
            Course::Search { high: before, .. } if high < before * STEP => {
                (self.patience * 2.0).min(PATIENT)
            }
            _ => EAGER,
        };
        Course::Search { start: ((self.low + high) / 2.0).max(FLOOR), high: high.max(FLOOR) }
    }
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}

/// How much was accepted in about the last second: ten counts of a tenth each.
#[derive(Debug, Default)]
struct Recent {
    start: Option<Instant>,
    /// The tenth of a second, counted from `start`, that each count belongs to.
    tenths: [(u32, u32); 10],
}

impl Recent {
    fn count(&mut self, now: Instant) {
        let tenth = self.tenth(now);
        let slot = &mut self.tenths[(tenth % 10) as usize];
        if slot.0 != tenth {
            *slot = (tenth, 0);
        }
        slot.1 = slot.1.saturating_add(1);
    }

    fn last_second(&mut self, now: Instant) -> u64 {
        let now = self.tenth(now);
        let recent = self.tenths.iter().filter(|(tenth, _)| now.saturating_sub(*tenth) < 10);
        recent.map(|(_, n)| u64::from(*n)).sum()
    }

    /// Enough for a dozen years; whoever learns for longer begins anew then.
    fn tenth(&mut self, now: Instant) -> u32 {
        let start = *self.start.get_or_insert(now);
        (now.saturating_duration_since(start).as_millis() / 100) as u32
    }
}
