//! Many futures: what is polled how often.

use tidegate_task_group::{Wait, as_completed, gather, gather_settled, race, wait};

use super::support::*;

const MANY: usize = 16_000;

/// Opens the gates one at a time, far apart from one another, and polls after each.
fn one_at_a_time<F: Future>(gates: &[Gate<Result<usize, ()>>], future: F) -> F::Output {
    let mut all = drive(future);
    all.waits();
    for step in 1..=gates.len() {
        let at = step * 7919 % gates.len();
        gates[at].open(Ok(at));
        if step < gates.len() {
            all.waits();
        }
        assert_eq!(all.wakes(), step, "one wake each");
    }
    let output = all.ready();
    assert!(gates.iter().all(|it| it.polls() == 2), "at first, and when woken");
    output
}

#[test]
fn sixteen_thousand_futures_that_are_woken_one_at_a_time_are_polled_twice_each() {
    let gathered = gates(MANY);
    let all = one_at_a_time(&gathered, gather(waiting(&gathered)));
    assert!(all.unwrap().into_iter().eq(0..MANY));

    let settled = gates(MANY);
    let all = one_at_a_time(&settled, gather_settled(waiting(&settled)));
    assert!(all.into_iter().map(Result::unwrap).eq(0..MANY));

    let waited = gates(MANY);
    let all = one_at_a_time(&waited, wait(waiting(&waited), Wait::FirstFailed));
    assert_eq!((all.done.len(), all.pending.len()), (MANY, 0));

    let streamed = gates(MANY);
    let mut outputs = as_completed(waiting(&streamed));
    let counted = async {
        let mut count = 0;
        while outputs.next().await.is_some() {
            count += 1;
        }
        count
    };
    assert_eq!(one_at_a_time(&streamed, counted), MANY);
}

#[test]
fn sixteen_thousand_losers_are_polled_once() {
    let gates = gates(MANY);
    let mut first = drive(race(waiting(&gates)));
    first.waits();
    gates[MANY / 2].open('x');
    assert_eq!(first.ready(), 'x');
    assert_eq!(gates.iter().map(Gate::polls).sum::<usize>(), MANY + 1);
    assert!(gates.iter().all(Gate::is_dropped));
}

#[test]
fn who_is_woken_for_nothing_is_polled_once_more_and_nobody_else_is() {
    let gates = gates::<Result<(), ()>>(100);
    let mut all = drive(gather(waiting(&gates)));
    all.waits();
    gates[7].wake();
    gates[7].wake();
    assert_eq!(all.wakes(), 1);
    all.waits();
    all.waits();
    assert_eq!((gates[7].polls(), gates[8].polls()), (2, 1));
}

#[test]
fn a_waker_of_one_who_has_ended_reaches_nobody_who_came_after() {
    let gates = gates::<Result<(), ()>>(3);
    let mut all = drive(gather(waiting(&gates)).limit(1));
    all.waits();
    let late = gates[0].waker().unwrap();
    gates[0].open(Ok(()));
    all.waits();
    let wakes = all.wakes();
    late.wake();
    assert_eq!(all.wakes(), wakes);
    all.waits();
    assert_eq!(gates[1].polls(), 1);
}

#[test]
fn one_who_was_woken_twice_and_ends_leaves_no_turn_to_whoever_takes_its_place() {
    let gates = gates::<Result<(), ()>>(2);
    let woken_while_it_ends = {
        let gate = gates[0].clone();
        let mut wait = gate.wait();
        std::future::poll_fn(move |cx| {
            let polled = std::pin::Pin::new(&mut wait).poll(cx);
            if polled.is_ready() {
                cx.waker().wake_by_ref();
            }
            polled
        })
    };
    let second = gates[1].wait();
    let futures: Vec<std::pin::Pin<Box<dyn Future<Output = _>>>> =
        vec![Box::pin(woken_while_it_ends), Box::pin(second)];
    let mut all = drive(gather(futures).limit(1));
    all.waits();
    gates[0].open(Ok(()));
    all.waits();
    all.waits();
    assert_eq!(gates[1].polls(), 1);
}
