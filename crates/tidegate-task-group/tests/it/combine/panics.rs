//! Panics of futures and of their destructors; who is blamed for a wrong call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};
use tidegate_task_group::{
    Wait, as_completed, for_each_concurrent, gather, gather_settled, local_scope, race, wait,
};

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

/// Counts that it is dropped.
struct Counts(Arc<AtomicUsize>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
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
fn a_destructor_that_panics_after_a_panic_keeps_nothing_of_any_other_part() {
    let gates = gates::<Result<(), ()>>(3);
    let with_bomb = |at: usize| {
        let (wait, bomb) = (gates[at].wait(), Bomb);
        async move {
            let value = wait.await;
            std::mem::forget(bomb);
            value
        }
    };
    let panics = |at: usize| {
        let wait = gates[at].wait();
        async move {
            let _ = wait.await;
            panic!("boom")
        }
    };

    // The sink's future holds the bomb; a worker waits, and the stream is asked no more.
    let held = Rc::new(());
    let stream = {
        let held = Rc::clone(&held);
        stream::iter(0..3).map(move |it| (Rc::clone(&held), it).1)
    };
    let work = |it: usize| -> Boxed<'_, usize> {
        match it {
            0 => Box::pin(async { 0 }),
            1 => Box::pin(panics(1)),
            _ => {
                let wait = gates[2].wait();
                Box::pin(async move { wait.await.map_or(0, |()| it) })
            }
        }
    };
    let mut all = drive(for_each_concurrent(stream, 2, work, |_| with_bomb(0)));
    all.waits();
    gates[1].open(Ok(()));
    assert_eq!(panic_of(|| all.poll().is_ready()), "boom");
    assert_eq!(Rc::strong_count(&held), 1);
    assert!(gates.iter().all(Gate::is_left));
}

#[test]
fn a_destructor_that_panics_keeps_no_child_of_a_local_scope() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let counts = || {
        let dropped = Arc::clone(&dropped);
        Counts(dropped)
    };
    let (open, opened) = tokio::sync::oneshot::channel();
    let mut all = drive(local_scope(|scope| {
        let bomb = Bomb;
        let (counts, late) = (counts(), [counts(), counts()]);
        async move {
            let inside = scope.clone();
            drop(scope.spawn(async move {
                let _counts = counts;
                std::future::pending::<()>().await;
            }));
            drop(scope.spawn(async move {
                let _opened = opened.await;
                for it in late {
                    let bomb = Bomb;
                    drop(inside.spawn(async move { drop((it, bomb)) }));
                }
                panic!("boom")
            }));
            std::future::pending::<()>().await;
            std::mem::forget(bomb);
        }
    }));
    all.waits();
    open.send(()).unwrap();
    assert_eq!(panic_of(|| all.poll().is_ready()), "boom");
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
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
