// How it works
//
// A thread that sleeps is woken through the system, and if its core sleeps too that takes longer than most small
// jobs: some 20 us on a virtual machine, while a job that is seen by a thread that is awake starts in no time. Whoever
// asks for one job after the other gets there sooner if the hand waits for him a while, awake.
//
// At most one hand of a crew looks at a time. It lets others have the core in between, so that whoever it has just
// woken on that core goes first. How long it looks depends on whether that has paid: a look that was in vain is
// followed by short ones, 1, 3, 7 and then 15 of them before the next long one. A crew whose jobs come seldom thus
// spends about a microsecond on each.

use std::hint::spin_loop;
use std::thread::yield_now;
use std::time::{Duration, Instant};

use super::back::Back;

/// A long look: about the time in which a thread is woken and asks for the next job.
const LONG: Duration = Duration::from_micros(20);

/// The most short looks between two long ones.
const MOST: u32 = 15;

/// How often others have the core in a short look. Jobs rarely come alone; without this a burst of small ones that
/// share a core is a series of sleeps and wake-ups, and takes twice the time (measured).
const YIELDS: u32 = 2;

/// How long the hands of a crew look for a job before they sleep.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// How many short looks are still to come before a long one.
    short: u32,
    /// How many there were to be.
    of: u32,
}

impl Patience {
    /// How long the next look takes at the most, beyond that of a short one.
    pub(super) fn take(&mut self) -> Duration {
        if self.short == 0 {
            return LONG;
        }
        self.short -= 1;
        Duration::ZERO
    }

    /// A look has ended.
    pub(super) fn learn(&mut self, patience: Duration, found: bool) {
        if found {
            *self = Self::default();
        } else if !patience.is_zero() {
            self.of = (2 * self.of + 1).min(MOST);
            self.short = self.of;
        }
    }
}

/// Waits for somebody to join the line; answers whether somebody has.
pub(super) fn look(back: &Back, patience: Duration) -> bool {
    let found = || back.hint();
    for _ in 0..YIELDS {
        if found() {
            return true;
        }
        yield_now();
    }
    if patience.is_zero() {
        return found();
    }
    let began = Instant::now();
    loop {
        for _ in 0..32 {
            if found() {
                return true;
            }
            spin_loop();
        }
        if began.elapsed() > patience {
            return false;
        }
        yield_now();
    }
}

#[cfg(test)]
mod tests;
