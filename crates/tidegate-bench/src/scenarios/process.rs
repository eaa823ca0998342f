//! Calls in another process, beside Python's, where there is one.

use std::time::Duration;

use crate::contenders::process::{Processes, Python};
use crate::contenders::processes;
use crate::measure::{Amount, Entry, Outcome, Scenario};
use crate::stage::On;

pub(super) fn scenarios() -> Vec<Scenario> {
    if Python::version().is_none() {
        eprintln!("process: skipped, there is no python3 to be measured by");
        return Vec::new();
    }
    vec![
        scenario(
            "process/fastest-one",
            "a call in another process, there and back: the fastest of 400; one thread",
            400,
            processes!(T => |_, n| fastest(T::calls(On::Current, n))),
        ),
        scenario(
            "process/fastest-two",
            "a call in another process, there and back: the fastest of 400; two workers",
            400,
            processes!(T => |_, n| fastest(T::calls(On::Two, n))),
        ),
        scenario(
            "process/one",
            "a call in another process, there and back; one thread",
            400,
            processes!(T => |_, n| T::calls(On::Current, n).iter().sum::<Duration>()),
        ),
        scenario(
            "process/start",
            "a pool of one process, with its first call and its end",
            4,
            // A few, also in a rehearsal.
            processes!(T => |_, n| mean(T::starts(n.min(4)))),
        ),
    ]
}

fn scenario(id: &'static str, what: &'static str, n: u64, entries: Vec<Entry>) -> Scenario {
    Scenario { amount: Amount::Fixed(n), ..Scenario::new(id, what, entries) }
}

fn fastest(took: Vec<Duration>) -> Outcome {
    Outcome::Was(took.into_iter().min().expect("there was a call").as_nanos() as f64)
}

fn mean(took: Vec<Duration>) -> Outcome {
    Outcome::Was(took.iter().sum::<Duration>().as_nanos() as f64 / took.len() as f64)
}
