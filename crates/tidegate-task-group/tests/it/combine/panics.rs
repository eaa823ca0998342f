//! Panics of futures and of their destructors; who is blamed for a wrong call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use tidegate_task_group::{Wait, as_completed, gather, gather_settled, race, wait};

use super::support::*;
use crate::support::blamed;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Two that wait, and between them one that panics when its gate is opened.
fn with_one_that_panics<'a>(gates: &'a [Gate<Result<(), ()>>]) -> Vec<Boxed<'a, Result<(), ()>>> {
    let panics = async {
        let _ = gates[1].wait().await;
        panic!("boom")
    };
    vec![Box::pin(gates[0].wait()), Box::pin(panics), Box::pin(gates[2].wait())]
}

/// The panic drops the others while the future itself is still there, and then goes on.
#[track_caller]
fn drops_the_rest<F: Future>(gates: &[Gate<Result<(), ()>>], future: F) {
    let mut all = drive(future);
    all.waits();
    gates[1].open(Ok(()));
    assert_eq!(panic_of(|| all.poll().is_ready()), "boom");
    assert!(gates.iter().all(Gate::is_dropped));
}

#[test]
fn a_panic_drops_the_rest_and_goes_on() {
    let gates = gates(3);
    drops_the_rest(&gates, gather(with_one_that_panics(&gates)));
    drops_the_rest(&gates, gather_settled(with_one_that_panics(&gates)).limit(3));
    drops_the_rest(&gates, race(with_one_that_panics(&gates)));
    drops_the_rest(&gates, wait(with_one_that_panics(&gates), Wait::All));
    let mut outputs = as_completed(with_one_that_panics(&gates));
    drops_the_rest(&gates, outputs.next());
    assert_eq!(at_once(outputs.next()), None, "nothing is left");
}

#[test]
fn a_panic_drops_those_that_had_not_started() {
    let gates = gates(3);
    let mut all = drive(gather(with_one_that_panics(&gates)).limit(2));
    all.waits();
    gates[1].open(Ok(()));
    assert_eq!(panic_of(|| all.poll().is_ready()), "boom");
    assert!(gates[0].is_dropped());
    assert_eq!(gates[2].polls(), 0);
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn destructors_that_panic_keep_nothing_from_being_dropped() {
    let gates = gates::<u32>(6);
    let futures = || {
        gates.iter().enumerate().map(|(at, gate)| {
            let (wait, bomb) = (gate.wait(), (at % 2 == 1).then(|| Bomb));
            async move {
                let value = wait.await;
                std::mem::forget(bomb);
                value
            }
        })
    };
    let mut first = drive(race(futures()));
    first.waits();
    gates[0].open(1);
    assert_eq!(panic_of(|| first.poll().is_ready()), "dropped");
    assert!(gates.iter().all(Gate::is_dropped));

    let mut first = drive(race(futures()));
    first.waits();
    assert_eq!(panic_of(|| drop(first)), "dropped");
}

#[test]
fn while_another_panic_goes_on_they_are_not_heard() {
    let gates = gates::<u32>(2);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let futures = gates.iter().map(|gate| {
            let (wait, bomb) = (gate.wait(), Bomb);
            async move {
                let value = wait.await;
                std::mem::forget(bomb);
                value
            }
        });
        let mut first = drive(race(futures));
        first.waits();
        std::panic::resume_unwind(Box::new("other"));
    }));
    assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "other");
}

#[test]
fn whoever_polls_again_is_told_so() {
    let mut all = drive(gather([async { Ok::<_, ()>(1) }]));
    assert!(all.ready().is_ok());
    assert_eq!(panic_of(|| all.poll().is_ready()), "polled again after it was ready");
    let mut all = drive(gather_settled([async { 1 }]));
    all.ready();
    assert_eq!(panic_of(|| all.poll().is_ready()), "polled again after it was ready");
    let mut first = drive(race([async { 1 }]));
    first.ready();
    assert_eq!(panic_of(|| first.poll().is_ready()), "polled again after it was ready");
    let mut some = drive(wait([async { 1 }], Wait::All));
    drop(some.ready());
    assert_eq!(panic_of(|| some.poll().is_ready()), "polled again after it was ready");
}

#[test]
#[rustfmt::skip]
fn whoever_sets_a_limit_of_zero_or_lets_nobody_race_is_blamed() {
    let none = || waiting::<Result<(), ()>>(&[]);
    let here = |line| (file!().to_owned(), line);
    assert_eq!(blamed("limit of zero", || gather(none()).limit(0)), here(line!()));
    assert_eq!(blamed("limit of zero", || gather_settled(none()).limit(0)), here(line!()));
    assert_eq!(blamed("limit of zero", || as_completed(none()).limit(0)), here(line!()));
    assert_eq!(blamed("without futures", || race(none())), here(line!()));
}
