//! Wakers that call back in, and that panic; children that wake themselves and each other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

use tidegate_task_group::{gather, gather_settled, race};
use tidegate_test::poll_with;

use super::support::*;

struct Calls<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync> Drop for Calls<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn calls(call: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Calls(call)))
}

#[test]
fn a_waker_may_wake_the_futures_while_it_is_woken_replaced_or_dropped() {
    let children: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let waker = || {
        let children = Arc::clone(&children);
        calls(move || {
            let them = children.lock().unwrap().clone();
            them.into_iter().for_each(Waker::wake);
        })
    };
    let gates = gates::<Result<(), ()>>(3);
    let mut all = Box::pin(gather(waiting(&gates)));
    assert!(poll_with(all.as_mut(), &waker()).is_pending());
    *children.lock().unwrap() = gates.iter().map(|it| it.waker().unwrap()).collect();
    assert!(poll_with(all.as_mut(), &waker()).is_pending(), "which drops the first");
    gates[0].wake();
    gates[1].open(Ok(()));
    assert!(poll_with(all.as_mut(), &waker()).is_pending());
    drop(all);
    gates[2].wake();
}

#[test]
fn a_waker_that_panics_keeps_nobody_from_being_polled() {
    let gates = gates::<Result<u32, ()>>(2);
    let mut all = Box::pin(gather(waiting(&gates)));
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("woken");
        }
    }
    assert!(poll_with(all.as_mut(), &Waker::from(Arc::new(Panics))).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| gates[0].open(Ok(1)))).is_err());
    gates[1].open(Ok(2));
    assert_eq!(at_once(all), Ok(vec![1, 2]));
}

/// Wakes itself with every poll.
async fn restless() {
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    })
    .await;
}

#[test]
fn children_that_wake_themselves_let_others_have_their_turn() {
    let gate = Gate::<()>::new();
    let polls = std::cell::Cell::new(0);
    let counted = async {
        std::future::poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        })
        .await;
    };
    let futures: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + '_>>> =
        vec![Box::pin(counted), Box::pin(restless()), Box::pin(gate.wait())];
    let mut all = drive(race(futures));
    for step in 1..10 {
        let before = all.wakes();
        all.waits();
        assert!(all.wakes() > before, "it asks to be polled again");
        assert!(polls.get() <= 32 * step, "and does not spin");
    }
    gate.open(());
    while all.poll().is_pending() {}
}

#[test]
fn children_that_wake_each_other_all_get_on() {
    let gates = gates::<u32>(2);
    let passes_on = async {
        let first = gates[0].wait().await;
        gates[1].open(first + 1);
        first
    };
    let futures: Vec<std::pin::Pin<Box<dyn Future<Output = u32> + '_>>> =
        vec![Box::pin(gates[1].wait()), Box::pin(passes_on)];
    let mut all = drive(gather_settled(futures));
    all.waits();
    gates[0].open(1);
    assert_eq!(all.ready(), [2, 1]);
}

#[test]
fn a_destructor_may_wake_the_others() {
    struct Wakes(Gate<u32>);
    impl Drop for Wakes {
        fn drop(&mut self) {
            self.0.wake();
        }
    }
    let gates = gates::<u32>(2);
    let holds = |own: usize, other: usize| {
        let (wait, wakes) = (gates[own].wait(), Wakes(gates[other].clone()));
        async move {
            let _wakes = wakes;
            wait.await
        }
    };
    let mut first = drive(race([holds(0, 1), holds(1, 0)]));
    first.waits();
    gates[0].open(1);
    assert_eq!(first.ready(), 1);
}
