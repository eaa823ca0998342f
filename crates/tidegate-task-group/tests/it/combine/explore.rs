//! Every future, dropped at every point.

use tidegate_task_group::{
    Wait, as_completed, for_each_concurrent, gather, gather_settled, race, wait,
};
use tidegate_test::{Explorer, Tested, hold};

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
