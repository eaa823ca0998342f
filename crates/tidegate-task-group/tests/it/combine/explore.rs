//! Every future, dropped at every point.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use tidegate_task_group::{
    LocalTask, Wait, as_completed, for_each_concurrent, gather, gather_settled, local_scope, race,
    race_ok, wait,
};
use tidegate_test::{Explorer, Tested, hold, poll_once};

use super::support::*;

type World = Vec<Gate<Result<u32, u32>>>;

/// Four gates that are opened in a crooked order, one of them with a failure, with wakes for nothing in between.
fn nothing_is_left(future: impl for<'w> Fn(&'w World) -> Tested<'w> + 'static) {
    let explorer = Explorer::new(|| gates(4))
        .future(future)
        .step(|gates: &World| gates[2].open(Ok(2)))
        .step(|gates| gates[1].wake())
        .step(|gates| gates[3].open(Err(3)))
        .step(|gates| gates[0].open(Ok(0)))
        .step(|gates| gates[1].open(Ok(1)))
        .check(|gates| {
            for gate in gates {
                assert!(gate.is_left(), "no future outlives the combinator");
                assert!(gate.polls() <= 8);
                gate.wake();
            }
        });
    assert_eq!(explorer.run(), 64 * 7);
}

#[test]
fn whatever_is_dropped_whenever_takes_its_futures_along() {
    nothing_is_left(|gates| hold(gather(waiting(gates))));
    nothing_is_left(|gates| hold(gather(waiting(gates)).limit(2)));
    nothing_is_left(|gates| hold(gather_settled(waiting(gates))));
    nothing_is_left(|gates| hold(gather_settled(waiting(gates)).limit(1)));
    nothing_is_left(|gates| hold(race(waiting(gates))));
    nothing_is_left(|gates| hold(race_ok(waiting(gates))));
    nothing_is_left(|gates| hold(race_ok(waiting(gates)).limit(2)));
    nothing_is_left(|gates| hold(wait(waiting(gates), Wait::FirstCompleted)));
    nothing_is_left(|gates| hold(wait(waiting(gates), Wait::FirstFailed)));
    nothing_is_left(|gates| {
        hold(async {
            let first = wait(waiting(gates), Wait::FirstCompleted).await;
            first.pending.wait(Wait::All).await.done
        })
    });
    nothing_is_left(|gates| {
        hold(async {
            let mut outputs = as_completed(waiting(gates)).limit(3);
            while outputs.next().await.is_some() {}
        })
    });
    nothing_is_left(|gates| {
        hold(async {
            let first = wait(waiting(gates), Wait::FirstFailed).await;
            let mut outputs = first.pending.as_completed();
            while outputs.next().await.is_some() {}
        })
    });
    nothing_is_left(|gates| {
        hold(local_scope(async |scope| {
            let tasks: Vec<_> = waiting(gates).into_iter().map(|it| scope.spawn(it)).collect();
            for task in tasks {
                let _ = task.await;
            }
        }))
    });
    // The body ends first, and children spawn children.
    nothing_is_left(|gates| {
        hold(local_scope(async move |scope| {
            let inner = scope.clone();
            scope.spawn(async move {
                let two = inner.spawn(gates[2].wait()).await;
                inner.spawn(gates[0].wait());
                (two, gates[3].wait().await)
            });
            scope.spawn(gates[1].wait());
        }))
    });
    for limit in [1, 2, 4] {
        nothing_is_left(move |gates| {
            let (work, sink) =
                (|it: &Gate<_>| it.wait(), async |it: Result<u32, u32>| it.map(drop));
            hold(for_each_concurrent(futures_util::stream::iter(gates), limit, work, sink))
        });
    }
    // The sink waits for a gate, too.
    nothing_is_left(|gates| {
        let sink = move |_| {
            let wait = gates[1].wait();
            async move { wait.await.map(drop) }
        };
        hold(for_each_concurrent(
            futures_util::stream::iter([0, 2, 3]),
            2,
            |it| gates[it].wait(),
            sink,
        ))
    });
}

/// A local scope whose first child has a handle elsewhere.
struct Elsewhere {
    gates: World,
    scope: RefCell<Pin<Box<dyn Future<Output = ()>>>>,
    task: Cell<Option<LocalTask<Result<u32, u32>>>>,
    ended: Cell<bool>,
}

impl Elsewhere {
    fn new() -> Self {
        let gates = gates(2);
        let (all, hand) = (gates.clone(), Rc::new(Cell::new(None)));
        let handed = Rc::clone(&hand);
        let mut scope: Pin<Box<dyn Future<Output = ()>>> =
            Box::pin(local_scope(async move |scope| {
                hand.set(Some(scope.spawn(all[0].wait())));
                scope.spawn(all[1].wait());
            }));
        assert!(poll_once(scope.as_mut()).is_pending());
        let task = Cell::new(handed.take());
        Self { gates, scope: RefCell::new(scope), task, ended: Cell::new(false) }
    }

    fn poll(&self) {
        let ended = self.ended.get() || poll_once(self.scope.borrow_mut().as_mut()).is_ready();
        self.ended.set(ended);
    }
}

#[test]
fn a_local_task_that_is_dropped_whenever_leaves_its_child_alone() {
    let explorer = Explorer::new(Elsewhere::new)
        .future(|it| {
            let task = it.task.take().unwrap();
            hold(async { assert_eq!(task.await, Ok(5)) })
        })
        .step(|it| it.gates[0].open(Ok(5)))
        .step(Elsewhere::poll)
        .step(|it| it.gates[1].open(Ok(6)))
        .step(Elsewhere::poll)
        .check(|it| {
            assert!(it.ended.get(), "the scope has ended");
            assert!(it.gates.iter().all(|gate| gate.is_left() && gate.polls() == 2));
        });
    assert_eq!(explorer.run(), 32 * 6);
}
