//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{Member, block_on, crowd, member, pause, spawn};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{cancelled, shield};

use crate::core::Core;
use crate::model::{Child, group, over};

#[expect(dead_code, reason = "shared with races.rs")]
mod model;

// The inside of the crate, which its tests cannot name otherwise; not all of it is modelled.
#[path = "../src/core.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod core;
#[path = "../src/origin.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod origin;
#[path = "../src/panicked.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod panicked;
#[path = "../src/place.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod place;
#[path = "../src/seat.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod seat;
#[path = "../src/signal.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod signal;
#[path = "../src/statistics.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod statistics;
#[path = "../src/turn.rs"]
#[allow(dead_code, unreachable_pub, reason = "not all of it is modelled")]
mod turn;

/// What the core keeps for the printed tree, which is not modelled.
mod tree {
    #[derive(Default)]
    pub(crate) struct Card {
        pub(crate) limit: Option<std::sync::Arc<tidegate_semaphore::Semaphore>>,
    }
}

/// How many there are, of children that owe something.
#[derive(Clone, Default)]
struct Debts(Arc<AtomicUsize>);

impl Debts {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A child that ends after some looks, cleans up when it is cancelled, or waits for ever.
async fn kind(n: usize, debts: Debts) {
    match n % 3 {
        0 => {
            for _ in 0..n {
                pause().await;
            }
        }
        1 => {
            debts.0.fetch_add(1, Ordering::SeqCst);
            cancelled().await;
            shield(pause()).await;
            debts.0.fetch_sub(1, Ordering::SeqCst);
        }
        _ => pending().await,
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

fn child(core: &Arc<Core>, work: impl Future<Output = ()> + Send + 'static) -> Option<Child<Work>> {
    Child::new(core, Box::pin(work))
}

/// Runs a child of a group that is not over.
fn run(child: Option<Child<Work>>) -> Member<()> {
    let child = child.expect("somebody is inside");
    member(async { drop(child.await) })
}

fn children(core: &Arc<Core>, count: usize, debts: &Debts) -> Vec<Member<()>> {
    let children: Vec<_> = (0..count).map(|n| child(core, kind(n, debts.clone()))).collect();
    children.into_iter().map(run).collect()
}

#[test]
fn a_crowd_that_is_cancelled_while_some_are_aborted_ends_and_owes_nothing() {
    crowd(|| {
        let (core, debts) = (group(), Debts::default());
        let members = children(&core, 8, &debts);
        let aborter = spawn({
            let core = Arc::clone(&core);
            move || [1, 2, 7].into_iter().for_each(|id| core.abort(id))
        });
        let canceller = spawn({
            let core = Arc::clone(&core);
            move || core.handle.cancel("enough")
        });
        core.body_ended();
        block_on(over(&core));
        assert_eq!(debts.count(), 0);
        members.into_iter().for_each(|it| it.join());
        aborter.join().unwrap();
        canceller.join().unwrap();
    });
}

#[test]
fn an_abandoned_crowd_holds_the_scope_around_until_the_last_has_ended() {
    crowd(|| {
        let (around, debts) = (Scope::new(), Debts::default());
        let core = around.enter(group);
        let members = children(&core, 6, &debts);
        // Who comes late is refused, or is one of them.
        let late = spawn({
            let (core, debts) = (Arc::clone(&core), debts.clone());
            move || drop(child(&core, kind(1, debts)).map(block_on))
        });
        core.abandon("dropped", true, || ());
        let ended = block_on(around.run(async {}));
        assert!(matches!(ended, Ended::Value(())));
        members.into_iter().for_each(|it| it.join());
        late.join().unwrap();
        assert_eq!((debts.count(), core.len()), (0, 0));
    });
}

#[test]
fn children_that_spawn_children_are_counted_to_the_last() {
    fn link(core: &Arc<Core>, left: usize, done: &Arc<AtomicUsize>) -> Member<()> {
        let (inside, done) = (Arc::clone(core), Arc::clone(done));
        run(child(core, async move {
            pause().await;
            done.fetch_add(1, Ordering::SeqCst);
            if left > 0 {
                drop(link(&inside, left - 1, &done));
            }
        }))
    }

    crowd(|| {
        let (core, done) = (group(), Arc::new(AtomicUsize::new(0)));
        let members: Vec<_> = (0..3).map(|_| link(&core, 3, &done)).collect();
        core.body_ended();
        block_on(over(&core));
        assert_eq!(done.load(Ordering::SeqCst), 12);
        assert!(core.enter().is_none());
        members.into_iter().for_each(|it| it.join());
    });
}

#[test]
fn a_crowd_that_would_not_stop_is_dismissed() {
    crowd(|| {
        let core = group();
        let members: Vec<_> =
            (0..6).map(|_| run(child(&core, async { shield(pending()).await }))).collect();
        let canceller = spawn({
            let core = Arc::clone(&core);
            move || core.handle.cancel("enough")
        });
        core.dismiss();
        core.body_ended();
        block_on(over(&core));
        members.into_iter().for_each(|it| it.join());
        canceller.join().unwrap();
    });
}
