//! `wait` and `race`.

use std::time::Duration;

use tidegate_task_group::{Wait, race, race_ok, wait};
use tidegate_timeout::Deadline;
use tokio::time::sleep;

use super::support::*;
use crate::support::paused;

type Try = Result<u32, &'static str>;

#[test]
fn the_first_that_ends_is_enough_and_the_others_go_on_later() {
    let gates = gates(3);
    let mut some = drive(wait(waiting(&gates), Wait::FirstCompleted));
    some.waits();
    gates[1].open('b');
    gates[2].open('c');
    let some = some.ready();
    assert_eq!(some.done, [(1, 'b')]);
    assert_eq!(some.pending.len(), 2);

    let some = at_once(some.pending.wait(Wait::FirstCompleted));
    assert_eq!(some.done, [(2, 'c')]);
    let mut rest = drive(some.pending.wait(Wait::All));
    rest.waits();
    gates[0].open('a');
    let rest = rest.ready();
    assert_eq!(rest.done, [(0, 'a')]);
    assert!(rest.pending.is_empty());
}

#[test]
fn a_failure_is_enough_and_a_success_is_not() {
    let gates = gates::<Try>(3);
    let mut some = drive(wait(waiting(&gates), Wait::FirstFailed));
    some.waits();
    gates[2].open(Ok(2));
    some.waits();
    gates[0].open(Err("no"));
    let some = some.ready();
    assert_eq!(some.done, [(2, Ok(2)), (0, Err("no"))]);
    assert_eq!(some.pending.len(), 1);
    assert!(!gates[1].is_dropped());
    drop(some);
    assert!(gates[1].is_dropped());
}

#[test]
fn without_a_failure_it_waits_for_all() {
    let gates = gates::<Try>(2);
    let mut all = drive(wait(waiting(&gates), Wait::FirstFailed));
    all.waits();
    gates[1].open(Ok(1));
    all.waits();
    gates[0].open(Ok(0));
    let all = all.ready();
    assert_eq!((all.done, all.pending.len()), (vec![(1, Ok(1)), (0, Ok(0))], 0));
}

#[test]
fn to_wait_for_nothing_is_over_at_once() {
    let none = at_once(wait(waiting::<Try>(&[]), Wait::FirstCompleted));
    assert!(none.done.is_empty() && none.pending.is_empty());
}

#[test]
fn what_is_pending_can_be_had_one_by_one() {
    let gates = gates(3);
    gates[0].open(0);
    let some = at_once(wait(waiting(&gates), Wait::FirstCompleted));
    let mut rest = some.pending.as_completed();
    gates[2].open(2);
    assert_eq!(at_once(rest.next()), Some((2, 2)));
    assert_eq!(rest.len(), 1);
}

#[test]
fn the_losers_of_a_race_are_dropped_before_it_returns() {
    let gates = gates(3);
    let mut first = drive(race(waiting(&gates)));
    first.waits();
    gates[1].open('b');
    gates[0].open('a');
    assert_eq!(first.ready(), 'b');
    assert!(gates.iter().all(Gate::is_dropped));
}

#[test]
fn a_failure_does_not_win_where_a_success_is_asked_for() {
    let gates = gates::<Try>(3);
    let mut first = drive(race_ok(waiting(&gates)));
    first.waits();
    gates[1].open(Err("no"));
    first.waits();
    gates[2].open(Ok(2));
    gates[0].open(Ok(0));
    assert_eq!(first.ready(), Ok(2));
    assert!(gates.iter().all(Gate::is_dropped));
    assert_eq!(panic_of(|| first.poll().is_ready()), "polled again after it was ready");
}

#[test]
fn where_nobody_succeeds_all_errors_come_in_the_order_of_their_futures() {
    let gates = gates::<Try>(3);
    let mut first = drive(race_ok(waiting(&gates)).limit(2));
    first.waits();
    assert_eq!(gates[2].polls(), 0);
    gates[1].open(Err("b"));
    first.waits();
    gates[2].open(Err("c"));
    first.waits();
    gates[0].open(Err("a"));
    assert_eq!(first.ready(), Err(vec!["a", "b", "c"]));
    assert_eq!(at_once(race_ok(waiting::<Try>(&[]))), Err(vec![]));
}

#[test]
fn at_the_deadline_what_is_done_and_what_is_pending_are_given() {
    paused(async {
        let second = Duration::from_secs(1);
        let naps = (1..=3).map(|it| sleep(it * second));
        let some = wait(naps, Wait::All).until(Deadline::after(5 * second / 2)).await;
        assert_eq!((some.done, some.pending.len()), (vec![(0, ()), (1, ())], 1));

        // One that is over already still looks once.
        let none = some.pending.wait(Wait::All).until(Deadline::after(Duration::ZERO)).await;
        assert!(none.done.is_empty());
        let rest = none.pending.wait(Wait::All).until(Deadline::after(second)).await;
        assert_eq!((rest.done, rest.pending.len()), (vec![(2, ())], 0));
    });
}

#[test]
fn what_is_ready_at_the_deadline_is_done() {
    paused(async {
        let gates = gates(2);
        let second = Duration::from_secs(1);
        let mut some = drive(wait(waiting(&gates), Wait::All).until(Deadline::after(second)));
        some.waits();
        gates[1].open('b');
        tokio::time::advance(2 * second).await;
        let some = some.ready();
        assert_eq!((some.done, some.pending.len()), (vec![(1, 'b')], 1));
        assert!(!gates[0].is_dropped());
    });
}

#[test]
fn futures_that_never_rest_do_not_outlast_the_deadline() {
    paused(async {
        let second = Duration::from_secs(1);
        let restless = (0..100).map(|_| async {
            for _ in 0..usize::MAX {
                tokio::task::coop::consume_budget().await;
            }
        });
        let mut some = drive(wait(restless, Wait::All).until(Deadline::after(second)));
        some.waits();
        tokio::time::advance(2 * second).await;
        assert_eq!(some.ready().pending.len(), 100);
    });
}
