//! `as_completed`.

use futures_util::{Stream, StreamExt};
use tidegate_task_group::as_completed;

use super::support::*;

#[test]
fn outputs_come_in_the_order_in_which_the_futures_end_with_their_positions() {
    let gates = gates(3);
    let mut outputs = as_completed(waiting(&gates));
    drive(outputs.next()).waits();
    gates[2].open('c');
    gates[0].open('a');
    assert_eq!(at_once(outputs.next()), Some((2, 'c')));
    assert_eq!(outputs.len(), 2);
    assert_eq!(at_once(outputs.next()), Some((0, 'a')));
    drive(outputs.next()).waits();
    gates[1].open('b');
    assert_eq!(at_once(outputs.next()), Some((1, 'b')));
    assert!(outputs.is_empty());
    assert_eq!(at_once(outputs.next()), None);
    assert_eq!(at_once(outputs.next()), None);
}

#[test]
fn who_stops_waiting_for_the_next_loses_nothing() {
    let gates = gates(2);
    let mut outputs = as_completed(waiting(&gates));
    drive(outputs.next()).waits();
    gates[0].open(1);
    drop(outputs.next());
    assert_eq!(at_once(outputs.next()), Some((0, 1)));
}

#[test]
fn who_leaves_early_drops_the_rest() {
    // trio 25
    let gates = gates(3);
    let mut outputs = as_completed(waiting(&gates)).limit(2);
    drive(outputs.next()).waits();
    gates[0].open(());
    assert!(at_once(outputs.next()).is_some());
    assert_eq!(gates[2].polls(), 0, "nothing is started before it is asked for");
    drop(outputs);
    assert!(gates.iter().all(Gate::is_dropped));
}

#[test]
fn it_is_a_stream_that_knows_its_length() {
    let outputs = as_completed((0..3).map(|it| async move { it }));
    assert_eq!(outputs.size_hint(), (3, Some(3)));
    let all: Vec<_> = at_once(outputs.map(|(_, it)| it).collect());
    assert_eq!(all, [0, 1, 2]);
}
