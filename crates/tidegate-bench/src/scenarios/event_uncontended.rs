//! An event and one task.

use std::hint::black_box;
use std::pin::pin;
use std::time::Duration;

use crate::contenders::machine::Flag;
use crate::contenders::{Clear, Event, events, events_that_clear};
use crate::measure::{Scenario, timed};
use crate::poll::{now, poll};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "event/is-set",
            "`is_set`; with the loop around it",
            events!(T => |_, n| is_set::<T>(n); Flag),
        )
        .counted(),
        Scenario::new(
            "event/wait-set",
            "`wait().await`, already set; no runtime",
            events!(T => |_, n| wait_set::<T>(n); Flag),
        )
        .counted(),
        Scenario::new(
            "event/cycle",
            "wait (pending), set, wait (ready), clear; no runtime",
            events_that_clear!(T => |_, n| cycle::<T>(n)),
        )
        .counted(),
    ]
}

#[inline(never)]
fn is_set<E: Event>(n: u64) -> Duration {
    let event = E::new();
    event.set();
    let mut yes = 0;
    let took = timed(|| {
        for _ in 0..n {
            yes += u64::from(black_box(&event).is_set());
        }
    });
    assert_eq!(yes, n);
    took
}

#[inline(never)]
fn wait_set<E: Event>(n: u64) -> Duration {
    let event = E::new();
    event.set();
    timed(|| {
        for _ in 0..n {
            now(black_box(&event).wait());
        }
    })
}

#[inline(never)]
fn cycle<E: Clear>(n: u64) -> Duration {
    let event = E::new();
    timed(|| {
        for _ in 0..n {
            let event = black_box(&event);
            let mut wait = pin!(event.wait());
            assert!(poll(wait.as_mut()).is_pending());
            event.set();
            assert!(poll(wait).is_ready());
            event.clear();
        }
    })
}
