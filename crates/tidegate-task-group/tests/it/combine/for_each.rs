//! `for_each_concurrent`.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt, stream};
use tidegate_task_group::for_each_concurrent;

use super::support::*;
use crate::support::blamed;

/// A stream of the numbers below a bound, that counts how many were asked for.
pub(crate) struct Numbers<'a>(pub(crate) &'a Cell<usize>, pub(crate) usize);

impl Stream for Numbers<'_> {
    type Item = usize;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<usize>> {
        let next = self.0.get();
        if next == self.1 {
            return Poll::Ready(None);
        }
        self.0.set(next + 1);
        Poll::Ready(Some(next))
    }
}

#[test]
fn outputs_reach_the_sink_one_at_a_time_in_the_order_in_which_the_work_ends() {
    let (work, sinks) = (gates::<usize>(3), gates::<Result<(), ()>>(3));
    let taken = RefCell::new(Vec::new());
    let mut all = drive(for_each_concurrent(
        stream::iter(0..3),
        3,
        |it| work[it].wait(),
        |it| {
            taken.borrow_mut().push(it);
            sinks[it].wait()
        },
    ));
    all.waits();
    work[2].open(2);
    work[0].open(0);
    all.waits();
    assert_eq!(*taken.borrow(), [2]);
    sinks[2].open(Ok(()));
    all.waits();
    assert_eq!(*taken.borrow(), [2, 0]);
    work[1].open(1);
    sinks[0].open(Ok(()));
    all.waits();
    sinks[1].open(Ok(()));
    assert_eq!(all.ready(), Ok(()));
    assert_eq!(*taken.borrow(), [2, 0, 1]);
}

#[test]
fn a_slow_sink_slows_the_stream_down() {
    let (asked, sink) = (Cell::new(0), Gate::<Result<(), ()>>::new());
    let stream = Numbers(&asked, 100);
    let mut all = drive(for_each_concurrent(stream, 3, |it| async move { it }, |_| sink.wait()));
    all.waits();
    assert_eq!(asked.get(), 4, "three that wait for the sink, and one in it");
    all.waits();
    assert_eq!(asked.get(), 4);
    sink.open(Ok(()));
    all.waits();
    assert_eq!(asked.get(), 5);
}

#[test]
fn no_more_than_the_limit_are_worked_on() {
    let (asked, work) = (Cell::new(0), gates::<()>(6));
    let stream = Numbers(&asked, 6);
    let mut all = drive(for_each_concurrent(
        stream,
        2,
        |it| work[it].wait(),
        |()| std::future::ready(Ok::<_, ()>(())),
    ));
    for (ended, gate) in work.iter().enumerate() {
        all.waits();
        assert_eq!(asked.get(), (ended + 2).min(6));
        gate.open(());
    }
    assert_eq!(all.ready(), Ok(()));
}

#[test]
fn an_empty_stream_is_over_at_once() {
    let none = for_each_concurrent(
        stream::iter(0..0),
        1,
        |it| async move { it },
        |_| async { Ok::<_, ()>(()) },
    );
    assert_eq!(at_once(none), Ok(()));
}

#[test]
fn a_sink_that_fails_drops_the_rest_before_it_returns() {
    let work = gates::<usize>(3);
    let alive = std::rc::Rc::new(());
    let stream = {
        let alive = alive.clone();
        stream::iter(0..100).map(move |it| (alive.clone(), it).1)
    };
    let mut all = drive(for_each_concurrent(
        stream,
        3,
        |it: usize| work[it % 3].wait(),
        async |it| if it == 1 { Err("full") } else { Ok(()) },
    ));
    all.waits();
    work[0].open(0);
    work[1].open(1);
    work[2].open(2);
    assert_eq!(all.ready(), Err("full"));
    assert!(work.iter().all(Gate::is_dropped));
    assert_eq!(std::rc::Rc::strong_count(&alive), 1);
    assert_eq!(panic_of(|| all.poll().is_ready()), "polled again after it was ready");
}

#[test]
fn a_panic_in_any_part_drops_the_rest() {
    fn dies(in_stream: bool, in_work: bool, in_sink: bool) {
        let boom = |it| {
            if it {
                panic!("boom")
            }
        };
        let gates = gates::<()>(2);
        let stream = stream::iter(0..4).map(|it| {
            boom(in_stream && it == 2);
            it
        });
        let work = |it: usize| {
            let wait = gates.get(it).map(Gate::wait);
            async move {
                if let Some(wait) = wait {
                    wait.await;
                }
                boom(in_work);
            }
        };
        let sink = async |()| {
            boom(in_sink);
            Ok::<_, ()>(())
        };
        let mut all = drive(for_each_concurrent(stream, 2, work, sink));
        all.waits();
        gates[0].open(());
        assert_eq!(panic_of(|| all.poll().is_ready()), "boom");
        assert!(gates.iter().all(Gate::is_dropped));
    }
    dies(true, false, false);
    dies(false, true, false);
    dies(false, false, true);
}

#[test]
fn sixteen_thousand_workers_that_are_woken_one_at_a_time_are_polled_twice_each() {
    const MANY: usize = 16_000;
    let work = gates::<()>(MANY);
    let sunk = Cell::new(0);
    let mut all = drive(for_each_concurrent(
        stream::iter(0..MANY),
        MANY,
        |it| work[it].wait(),
        async |()| {
            sunk.set(sunk.get() + 1);
            Ok::<_, ()>(())
        },
    ));
    let mut polls = 0;
    while work[MANY - 1].polls() == 0 {
        all.waits();
        polls += 1;
    }
    assert!(polls < 20, "{polls}");
    for step in 1..=MANY {
        work[step * 7919 % MANY].open(());
        assert_eq!(all.poll().is_ready(), step == MANY);
    }
    assert_eq!(sunk.get(), MANY);
    assert!(work.iter().all(|it| it.polls() == 2));
}

#[test]
fn workers_that_never_rest_do_not_keep_the_stream_from_being_asked() {
    let asked = Cell::new(0);
    let mut all = drive(for_each_concurrent(
        Numbers(&asked, 1000),
        50,
        |_| {
            std::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            })
        },
        async |()| Ok::<_, ()>(()),
    ));
    for _ in 0..60 {
        let before = all.wakes();
        all.waits();
        assert!(all.wakes() > before);
    }
    assert_eq!(asked.get(), 50);
}

#[test]
#[rustfmt::skip]
fn whoever_sets_a_limit_of_zero_is_blamed() {
    let place = blamed("limit of zero", || for_each_concurrent(stream::iter(0..1), 0, |it| async move { it }, |_| async { Ok::<_, ()>(()) }));
    assert_eq!(place, (file!().to_owned(), line!() - 1));
}
