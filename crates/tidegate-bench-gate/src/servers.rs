//! The servers of the matrix.

use tidegate_test::server::{Limit, Says};

/// A server and its name in the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) limit: Limit,
}

const fn named(name: &'static str, what: &'static str, limit: Limit) -> Named {
    Named { name, what, limit }
}

/// Those that the learned pace was made with, the first five, and four more.
pub(crate) const KNOWN: [Named; 9] = [
    named(
        "bucket",
        "50 per second, bursts of 10, says whole seconds",
        Limit::Bucket { rate: 50.0, burst: 10.0, says: Says::Seconds },
    ),
    named(
        "exact",
        "the same, says the exact time",
        Limit::Bucket { rate: 50.0, burst: 10.0, says: Says::Exactly },
    ),
    named(
        "mute",
        "the same, says nothing",
        Limit::Bucket { rate: 50.0, burst: 10.0, says: Says::Nothing },
    ),
    named(
        "window",
        "250 in each 5 s, says when the next begins",
        Limit::Window { quota: 250, length: 5.0 },
    ),
    named(
        "penalty",
        "the bucket, shut for 2 s from the last refusal on",
        Limit::Penalty { rate: 50.0, burst: 10.0, penalty: 2.0 },
    ),
    named(
        "falls",
        "100 per second, 25 from the 5th second on, bursts of 10, says whole seconds",
        Limit::Step { before: 100.0, after: 25.0, at: 5.0, burst: 10.0 },
    ),
    named(
        "rises",
        "25 per second, 100 from the 10th second on, bursts of 10, says whole seconds",
        Limit::Step { before: 25.0, after: 100.0, at: 10.0, burst: 10.0 },
    ),
    named(
        "at once",
        "10 at a time, 100 ms each, says one second",
        Limit::AtOnce { slots: 10, work: 0.1, says: Says::Seconds },
    ),
    named(
        "burst 1",
        "50 per second, no bursts, says whole seconds",
        Limit::Bucket { rate: 50.0, burst: 1.0, says: Says::Seconds },
    ),
];

/// Those that nobody tunes on: invented once, never adjusted, never looked at one by one.
pub(crate) const UNSEEN: [Named; 9] = [
    named(
        "bucket",
        "13 per second, bursts of 4, says whole seconds",
        Limit::Bucket { rate: 13.0, burst: 4.0, says: Says::Seconds },
    ),
    named(
        "exact",
        "170 per second, bursts of 40, says the exact time",
        Limit::Bucket { rate: 170.0, burst: 40.0, says: Says::Exactly },
    ),
    named(
        "mute",
        "35 per second, bursts of 25, says nothing",
        Limit::Bucket { rate: 35.0, burst: 25.0, says: Says::Nothing },
    ),
    named(
        "window",
        "90 in each 4 s, says when the next begins",
        Limit::Window { quota: 90, length: 4.0 },
    ),
    named(
        "penalty",
        "22 per second, bursts of 6, shut for 3 s from the last refusal on",
        Limit::Penalty { rate: 22.0, burst: 6.0, penalty: 3.0 },
    ),
    named(
        "falls",
        "80 per second, 15 from the 6th second on, bursts of 12, says whole seconds",
        Limit::Step { before: 80.0, after: 15.0, at: 6.0, burst: 12.0 },
    ),
    named(
        "rises",
        "15 per second, 60 from the 12th second on, bursts of 8, says whole seconds",
        Limit::Step { before: 15.0, after: 60.0, at: 12.0, burst: 8.0 },
    ),
    named(
        "at once",
        "7 at a time, 60 ms each, says nothing",
        Limit::AtOnce { slots: 7, work: 0.06, says: Says::Nothing },
    ),
    named(
        "burst 1",
        "80 per second, no bursts, says whole seconds",
        Limit::Bucket { rate: 80.0, burst: 1.0, says: Says::Seconds },
    ),
];

/// What somebody would tell a rate limiter who knows the server: so many per second.
pub(crate) fn rate(limit: Limit) -> f64 {
    match limit {
        Limit::Bucket { rate, .. } | Limit::Penalty { rate, .. } => rate,
        Limit::Window { quota, length } => f64::from(quota) / length,
        Limit::Step { before, .. } => before,
        Limit::AtOnce { slots, work, .. } => slots as f64 / work,
    }
}
