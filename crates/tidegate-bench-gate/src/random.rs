//! Numbers that look random and are the same each time.

use std::sync::Mutex;

/// A generator that is told where to begin.
#[derive(Debug)]
pub(crate) struct Random(Mutex<u64>);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut state = self.0.lock().expect("nothing panics in here");
        let mut x = *state;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        *state = x;
        x >> 11
    }

    /// From nought to one.
    pub(crate) fn part(&self) -> f64 {
        self.next() as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn between(&self, from: f64, to: f64) -> f64 {
        from + self.part() * (to - from)
    }
}
