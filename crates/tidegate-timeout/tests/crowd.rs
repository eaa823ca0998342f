//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{crowd, fidget, give_up, member, pause, poll_with, spawn};
use tidegate_timeout::scope::{Ended, Run, Scope};
use tidegate_timeout::{
    CancelReason, Deadline, ScopeExt, cancel_scope, cancelled, checkpoint, is_stopping,
    move_on_after, shield, stop_requested, timeout,
};
use tokio::runtime::Runtime;
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

/// A scope with three inside, each with two inside.
struct Tree {
    top: Scope,
    middle: Vec<Scope>,
    /// Numbers 2n and 2n + 1 are inside `middle[n]`.
    leaves: Vec<Scope>,
}

impl Tree {
    fn new() -> Self {
        let top = Scope::new();
        let middle: Vec<_> = (0..3).map(|_| top.enter(Scope::new)).collect();
        let leaves = middle.iter().flat_map(|it| [it.enter(Scope::new), it.enter(Scope::new)]);
        let leaves = leaves.collect();
        Self { top, middle, leaves }
    }

    fn all(&self) -> impl Iterator<Item = &Scope> {
        [&self.top].into_iter().chain(&self.middle).chain(&self.leaves)
    }

    /// No guard is left anywhere.
    fn nobody_is_held_up(&self) {
        self.top.handle().cancel("the end");
        for scope in self.all() {
            let mut run = pin!(scope.run(pending::<()>()));
            assert!(poll_with(run.as_mut(), Waker::noop()).is_ready());
        }
    }
}

fn reason<T>(ended: Ended<T>) -> Option<CancelReason> {
    match ended {
        Ended::Value(_) => None,
        Ended::Cancelled(reason) => Some(reason),
        Ended::Panicked(panic) => std::panic::resume_unwind(panic),
    }
}

#[test]
fn in_a_crowd_each_scope_has_one_cause_and_those_inside_have_the_same() {
    crowd(|| {
        let tree = Tree::new();
        let runs: Vec<_> = (0..12)
            .map(|i| {
                let (run, scope) =
                    (tree.leaves[i / 2].run(pending::<()>()), tree.leaves[i / 2].clone());
                member(async move { (reason(fidget(i % 3, run).await), scope.handle().reason()) })
            })
            .collect();
        let cancel = |scope: &Scope, why: &'static str| {
            let handle = scope.handle();
            spawn(move || handle.cancel(why))
        };
        let cancellers = [
            cancel(&tree.middle[0], "its own"),
            cancel(&tree.leaves[2], "a leaf's"),
            cancel(&tree.top, "from the top"),
            cancel(&tree.middle[1], "its own"),
        ];
        let ends: Vec<_> = runs.into_iter().map(|it| it.join()).collect();
        cancellers.into_iter().for_each(|it| it.join().unwrap());

        assert_eq!(tree.top.handle().reason(), Some("from the top".into()));
        assert_eq!(tree.middle[2].handle().reason(), tree.top.handle().reason());
        for (i, (ended, shown)) in ends.into_iter().enumerate() {
            assert!(ended.is_some() && ended == shown, "run {i}: {ended:?} {shown:?}");
            if i / 2 != 2 {
                assert_eq!(ended, tree.middle[i / 4].handle().reason(), "run {i}");
            }
        }
        tree.nobody_is_held_up();
    });
}

#[test]
fn in_a_crowd_a_request_to_stop_reaches_everybody_who_stays() {
    crowd(|| {
        let tree = Arc::new(Tree::new());
        let waits: Vec<_> = (0..12)
            .map(|i| {
                let leaf = tree.leaves[i / 2].clone();
                let wait = async move {
                    // In a scope that is made before, while or after they are asked.
                    let own = leaf.enter(Scope::new);
                    let mut stop = pin!(stop_requested());
                    poll_fn(|cx| own.enter(|| stop.as_mut().poll(cx))).await;
                };
                match i % 4 {
                    3 => member(async move { give_up(i % 3, wait).await.is_some() }),
                    fidgets => member(async move {
                        fidget(fidgets, wait).await;
                        true
                    }),
                }
            })
            .collect();
        let ask = |scope: &Scope| {
            let handle = scope.handle();
            spawn(move || handle.request_stop())
        };
        let asks = [ask(&tree.leaves[0]), ask(&tree.middle[1]), ask(&tree.top), ask(&tree.top)];
        for (i, wait) in waits.into_iter().enumerate() {
            assert!(wait.join() || i % 4 == 3);
        }
        asks.into_iter().for_each(|it| it.join().unwrap());
        assert!(tree.all().all(|scope| scope.enter(is_stopping)));
        assert!(tree.all().all(|scope| !scope.handle().is_cancelled()));
        tree.nobody_is_held_up();
    });
}

#[test]
fn in_a_crowd_a_scope_waits_for_every_guard_inside() {
    crowd(|| {
        let tree = Arc::new(Tree::new());
        let open = Arc::new(AtomicUsize::new(tree.leaves.len()));
        // These have theirs before anything is cancelled, and clean up for a while.
        let cleaners: Vec<_> = tree
            .leaves
            .iter()
            .map(|leaf| {
                let (mut guard, open) = (leaf.guard(), Arc::clone(&open));
                member(async move {
                    let why = poll_fn(|cx| guard.poll_cancelled(cx)).await;
                    pause().await;
                    open.fetch_sub(1, Ordering::Relaxed);
                    drop(guard);
                    why
                })
            })
            .collect();
        // These come and go.
        let visitors: Vec<_> = (0..6)
            .map(|i| {
                let tree = Arc::clone(&tree);
                member(async move {
                    let scope = tree.all().nth(i).expect("there are ten").clone();
                    let mut guard = scope.guard();
                    give_up(i % 3, poll_fn(|cx| guard.poll_cancelled(cx))).await;
                    let below = scope.enter(Scope::new);
                    drop((below.guard(), guard));
                    pause().await;
                    drop(below);
                })
            })
            .collect();
        let canceller = spawn({
            let handle = tree.top.handle();
            move || handle.cancel("enough")
        });
        let run = tree.top.run(pending::<()>());
        let top = member({
            let open = Arc::clone(&open);
            async move { (reason(fidget(2, run).await), open.load(Ordering::Relaxed)) }
        });
        assert_eq!(top.join(), (Some("enough".into()), 0), "not before the last guard has gone");
        canceller.join().unwrap();
        cleaners.into_iter().for_each(|it| assert_eq!(it.join(), CancelReason::from("enough")));
        visitors.into_iter().for_each(|it| it.join());
        tree.nobody_is_held_up();
    });
}

/// A runtime that nobody drives: timers can be set in it, and none fires.
fn clock() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// Polls `future` in that runtime. Under a model checker, all threads are in it from the start.
async fn with_timers<F: Future>(_runtime: Arc<Runtime>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        #[cfg(not(tidegate_shuttle))]
        let _inside = _runtime.enter();
        future.as_mut().poll(cx)
    })
    .await
}

fn crowd_with_timers(scenario: impl Fn(&Arc<Runtime>) + Send + Sync + 'static) {
    let runtime = Arc::new(clock());
    let there = Arc::clone(&runtime);
    let _inside = runtime.enter();
    crowd(move || scenario(&there));
}

#[test]
fn in_a_crowd_deadlines_that_move_are_the_same_for_everybody_in_the_end() {
    crowd(|| {
        let tree = Tree::new();
        let now = Instant::now();
        let at = |hours: u32| Deadline::at(now + HOUR * hours);
        let movers: Vec<_> = [(0, 9), (1, 5), (0, 8), (2, 12), (4, 6), (1, 7), (5, 11), (9, 3)]
            .map(|(scope, hours)| {
                let handle = tree.all().nth(scope).expect("there are ten").handle();
                let deadline = at(hours);
                spawn(move || handle.reschedule(deadline))
            })
            .into();
        let middle = tree.middle[0].clone();
        let made = spawn(move || middle.enter(Scope::new).enter(Scope::new)).join().unwrap();
        movers.into_iter().for_each(|it| it.join().unwrap());
        let (top, middle) = (tree.top.handle().deadline(), tree.middle[0].handle().deadline());
        assert!([at(8), at(9)].contains(&top) && [at(5), at(7)].contains(&middle));
        for (i, leaf) in tree.leaves.iter().enumerate() {
            let around = [top, tree.middle[i / 2].handle().deadline(), leaf.handle().deadline()];
            assert_eq!(leaf.enter(Deadline::ambient), around.into_iter().min().unwrap(), "{i}");
        }
        assert_eq!(made.enter(Deadline::ambient), middle);
    });
}

#[test]
fn in_a_crowd_a_deadline_that_has_passed_ends_all_that_rely_on_it() {
    crowd_with_timers(|runtime| {
        let tree = Tree::new();
        let past = Instant::now();
        tree.top.handle().reschedule(Deadline::at(past + HOUR));
        let runs: Vec<_> = (0..6)
            .map(|i| {
                // Looser than what is around, tighter, and without one.
                let inside = timeout(HOUR * 2, move_on_after(HOUR / 2, pending::<()>()));
                let run = tree.leaves[i].run(inside);
                member(with_timers(Arc::clone(runtime), fidget(i % 3, run)))
            })
            .collect();
        let top = member(with_timers(Arc::clone(runtime), tree.top.run(pending::<()>())));
        let mover = spawn({
            let handle = tree.top.handle();
            move || handle.reschedule(Deadline::at(past))
        });
        let others: Vec<_> = tree
            .middle
            .iter()
            .map(|it| {
                let handle = it.handle();
                spawn(move || handle.reschedule(Deadline::at(past + HOUR * 3)))
            })
            .collect();
        assert_eq!(reason(top.join()), Some(CancelReason::Deadline));
        for run in runs {
            assert_eq!(reason(run.join()), Some(CancelReason::Deadline));
        }
        mover.join().unwrap();
        others.into_iter().for_each(|it| it.join().unwrap());
        assert!(tree.top.handle().expired());
        tree.nobody_is_held_up();
    });
}

#[test]
fn in_a_crowd_scopes_of_all_kinds_come_and_go() {
    crowd_with_timers(|runtime| {
        let top = Scope::new();
        let members: Vec<_> = (0..10)
            .map(|i| {
                let scope = top.clone();
                let body = async move {
                    match i % 5 {
                        0 => drop(timeout(HOUR, give_up(i, cancelled())).await),
                        1 => drop(
                            cancel_scope(async |own| {
                                own.cancel("its own");
                                cancelled().await
                            })
                            .await,
                        ),
                        2 => _ = move_on_after(HOUR, shield(pause())).await,
                        3 => drop(give_up(i % 3, Run::new(cancelled())).await),
                        _ => drop(scope.enter(Scope::new).run(pause()).await),
                    }
                    cancelled().await;
                    checkpoint().is_err()
                };
                let inside = top.enter(|| body.in_current_scope());
                member(with_timers(Arc::clone(runtime), fidget(i % 2, inside)))
            })
            .collect();
        let canceller = spawn({
            let handle = top.handle();
            move || handle.cancel("enough")
        });
        let run = member(with_timers(Arc::clone(runtime), top.run(pending::<()>())));
        assert_eq!(reason(run.join()), Some("enough".into()));
        canceller.join().unwrap();
        assert_eq!(
            members.into_iter().map(|it| it.join()).filter(|cancelled| *cancelled).count(),
            10
        );
        let mut again = pin!(top.run(pending::<()>()));
        assert!(matches!(poll_with(again.as_mut(), Waker::noop()), Poll::Ready(_)));
    });
}
