//! `gather` and `gather_settled`.

use tidegate_task_group::{gather, gather_settled};

use super::support::*;
use crate::support::paused;

type Try = Result<u32, &'static str>;

#[test]
fn values_come_in_the_order_of_their_futures_whatever_the_order_in_which_they_end() {
    let gates = gates::<Try>(3);
    let mut all = drive(gather(waiting(&gates)));
    all.waits();
    for at in [1, 2] {
        gates[at].open(Ok(at as u32));
        all.waits();
    }
    gates[0].open(Ok(0));
    assert_eq!(all.ready(), Ok(vec![0, 1, 2]));
}

#[test]
fn nothing_to_gather_is_gathered_at_once() {
    assert_eq!(at_once(gather(waiting::<Try>(&[]))), Ok(vec![]));
    assert_eq!(at_once(gather_settled(waiting::<Try>(&[]))), vec![]);
}

#[test]
fn the_first_failure_drops_the_rest_before_it_returns() {
    let gates = gates::<Try>(4);
    let mut all = drive(gather(waiting(&gates)).limit(3));
    all.waits();
    gates[1].open(Err("no"));
    gates[2].open(Err("too late"));
    assert_eq!(all.ready(), Err("no"));
    assert!(gates.iter().all(Gate::is_dropped));
    assert_eq!((gates[0].polls(), gates[2].polls(), gates[3].polls()), (1, 1, 0));
}

#[test]
fn values_that_are_there_go_with_the_first_failure() {
    let value = std::rc::Rc::new(());
    let gates = gates::<Result<std::rc::Rc<()>, ()>>(2);
    let mut all = drive(gather(waiting(&gates)));
    all.waits();
    gates[0].open(Ok(value.clone()));
    all.waits();
    gates[1].open(Err(()));
    assert!(all.ready().is_err());
    assert_eq!(std::rc::Rc::strong_count(&value), 1);
}

#[test]
fn a_failure_is_an_output_like_any_other_for_one_who_wants_all() {
    let gates = gates::<Try>(3);
    let mut all = drive(gather_settled(waiting(&gates)));
    all.waits();
    gates[1].open(Err("no"));
    all.waits();
    gates[2].open(Ok(2));
    gates[0].open(Ok(0));
    assert_eq!(all.ready(), [Ok(0), Err("no"), Ok(2)]);
}

#[test]
fn a_limit_lets_so_many_run_and_the_next_start_in_order() {
    let gates = gates::<Try>(5);
    let mut all = drive(gather(waiting(&gates)).limit(2));
    let polled = || gates.iter().map(Gate::polls).collect::<Vec<_>>();
    all.waits();
    assert_eq!(polled(), [1, 1, 0, 0, 0]);
    gates[1].open(Ok(1));
    all.waits();
    assert_eq!(polled(), [1, 2, 1, 0, 0]);
    gates[0].open(Ok(0));
    gates[2].open(Ok(2));
    all.waits();
    assert_eq!(polled(), [2, 2, 2, 1, 1]);
    gates[3].open(Ok(3));
    gates[4].open(Ok(4));
    assert_eq!(all.ready(), Ok(vec![0, 1, 2, 3, 4]));
}

#[test]
fn who_is_cancelled_cancels_what_it_gathers() {
    // B-A1
    let gates = gates::<Try>(3);
    let mut all = drive(gather(waiting(&gates)));
    all.waits();
    gates[0].open(Ok(1));
    drop(all);
    assert!(gates.iter().all(Gate::is_dropped));
}

#[test]
fn what_has_ended_is_delivered_although_the_deadline_is_over() {
    // B-A2
    paused(async {
        let second = std::time::Duration::from_secs(1);
        let gates = gates::<Try>(3);
        let mut all = drive(tidegate_timeout::timeout(second, gather(waiting(&gates))));
        all.waits();
        gates.iter().for_each(|it| it.open(Ok(1)));
        tokio::time::advance(2 * second).await;
        assert_eq!(all.ready().unwrap(), Ok(vec![1, 1, 1]));
    });
}

#[test]
fn who_is_polled_by_a_thousand_tasks_keeps_the_waker_of_the_last() {
    // B-A3: nothing grows with the number of those who came and went.
    let gates = gates::<Try>(1);
    let mut all = Box::pin(gather(waiting(&gates)));
    let tasks: Vec<_> = (0..1000).map(|_| tidegate_test::CountingWaker::new()).collect();
    for (_, waker) in &tasks {
        assert!(tidegate_test::poll_with(all.as_mut(), waker).is_pending());
    }
    assert_eq!(gates[0].polls(), 1);
    gates[0].open(Ok(1));
    let woken: Vec<_> = tasks.iter().map(|(count, _)| count.count()).collect();
    assert_eq!((woken[..999].iter().sum::<usize>(), woken[999]), (0, 1));
    for (count, waker) in tasks {
        drop(waker);
        assert_eq!(std::sync::Arc::strong_count(&count), 1, "nobody has it");
    }
}

#[test]
fn who_has_failed_waits_for_nobody_any_more() {
    // B-A4
    let gates = gates::<Try>(3);
    let mut all = drive(gather(waiting(&gates)));
    all.waits();
    gates[0].open(Err("no"));
    assert!(all.ready().is_err());
    let wakes = all.wakes();
    gates.iter().for_each(|it| it.wake());
    assert_eq!(all.wakes(), wakes);
}
