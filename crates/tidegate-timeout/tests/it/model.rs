//! Random programs over a tree of scopes, checked step by step against an oracle that is too simple to be wrong.

use std::future::{Pending, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use proptest::prelude::*;
use tidegate_test::{CountingWaker, poll_with};
use tidegate_timeout::scope::{Ended, Guard, Orphan, Run, Scope};
use tidegate_timeout::{CancelReason, Deadline, checkpoint};
use tokio::runtime::Runtime;
use tokio::time::{Instant, advance};

use crate::support::{ms, paused_runtime};

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A scope inside that one.
    Make(usize),
    Cancel(usize),
    /// The deadline, so many milliseconds from the start; none without.
    Reschedule(usize, Option<u64>),
    Guard(usize),
    Adopt(usize),
    /// The oldest that is left of either.
    Release,
    LetGo,
    /// A future that never ends by itself. Looking at it is a step of its own.
    Run(usize),
    Look(usize),
    GiveUp(usize),
    Checkpoint(usize),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let any = any::<usize>;
    prop_oneof![
        4 => any().prop_map(Op::Make),
        2 => any().prop_map(Op::Cancel),
        3 => (any(), prop::option::of(0..40_u64)).prop_map(|(i, at)| Op::Reschedule(i, at)),
        2 => any().prop_map(Op::Guard),
        1 => any().prop_map(Op::Adopt),
        3 => Just(Op::Release),
        2 => Just(Op::LetGo),
        3 => any().prop_map(Op::Run),
        6 => any().prop_map(Op::Look),
        1 => any().prop_map(Op::GiveUp),
        1 => any().prop_map(Op::Checkpoint),
        3 => (0..10_u64).prop_map(Op::Pass),
    ]
}

/// What a scope is: times are in milliseconds from the start.
#[derive(Clone, Debug, Default)]
struct Node {
    around: Option<usize>,
    deadline: Option<u64>,
    cause: Option<CancelReason>,
    expired: bool,
    /// Guards and orphans.
    held: usize,
}

#[derive(Default)]
struct Oracle {
    now: u64,
    nodes: Vec<Node>,
}

impl Oracle {
    /// From there up.
    fn way_up(&self, i: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(i), |i| self.nodes[*i].around)
    }

    fn has_passed(&self, i: usize) -> bool {
        self.nodes[i].deadline.is_some_and(|at| at <= self.now)
    }

    fn cancel(&mut self, i: usize, reason: &CancelReason) {
        let inside: Vec<_> =
            (0..self.nodes.len()).filter(|it| self.way_up(*it).any(|it| it == i)).collect();
        for it in inside {
            if self.nodes[it].cause.is_none() {
                self.nodes[it].cause = Some(reason.clone());
                // Cut off by a deadline, when its own had passed too.
                self.nodes[it].expired = *reason == CancelReason::Deadline && self.has_passed(it);
            }
        }
    }

    /// The code inside looks at the clock.
    fn checkpoint(&mut self, i: usize) -> Option<CancelReason> {
        if self.nodes[i].cause.is_none() {
            let outermost = self.way_up(i).filter(|it| self.has_passed(*it)).last();
            outermost.into_iter().for_each(|it| self.cancel(it, &CancelReason::Deadline));
        }
        self.nodes[i].cause.clone()
    }

    /// The future that drives the scope is polled: why it ends, if it does.
    fn look(&mut self, i: usize) -> Option<CancelReason> {
        if self.has_passed(i) {
            self.checkpoint(i);
        }
        let held = (0..self.nodes.len())
            .any(|it| self.nodes[it].held > 0 && self.way_up(it).any(|it| it == i));
        self.nodes[i].cause.clone().filter(|_| !held)
    }

    fn ambient(&self, i: usize) -> Option<u64> {
        let cancelled = self.nodes[i].cause.is_some().then_some(self.now);
        self.way_up(i).filter_map(|it| self.nodes[it].deadline).chain(cancelled).min()
    }
}

struct Running {
    node: usize,
    run: Pin<Box<Run<Pending<()>>>>,
    woken: Arc<CountingWaker>,
    waker: Waker,
    /// How often it was woken when it was last looked at.
    seen: Option<usize>,
}

struct World {
    runtime: Runtime,
    start: Instant,
    scopes: Vec<Scope>,
    guards: Vec<(usize, Guard)>,
    orphans: Vec<(usize, Orphan)>,
    runs: Vec<Running>,
    oracle: Oracle,
}

impl World {
    fn new() -> Self {
        let runtime = paused_runtime();
        let start = runtime.block_on(async { Instant::now() });
        let oracle = Oracle { now: 0, nodes: vec![Node::default()] };
        let scopes = vec![Scope::new()];
        Self { runtime, start, scopes, guards: vec![], orphans: vec![], runs: vec![], oracle }
    }

    fn at(&self, at: Option<u64>) -> Deadline {
        at.map_or(Deadline::NEVER, |at| Deadline::at(self.start + ms(at)))
    }

    fn step(&mut self, index: usize, op: Op) {
        let scope = |i: usize| i % self.scopes.len();
        match op {
            Op::Make(i) => {
                let around = scope(i);
                self.scopes.push(self.scopes[around].enter(Scope::new));
                let cause = self.oracle.nodes[around].cause.clone();
                self.oracle.nodes.push(Node { around: Some(around), cause, ..Node::default() });
            }
            Op::Cancel(i) => {
                let i = scope(i);
                let reason = CancelReason::from(index.to_string());
                self.scopes[i].handle().cancel(reason.clone());
                self.oracle.cancel(i, &reason);
            }
            Op::Reschedule(i, at) => {
                let i = scope(i);
                self.scopes[i].handle().reschedule(self.at(at));
                if self.oracle.nodes[i].cause.is_none() {
                    self.oracle.nodes[i].deadline = at;
                }
            }
            Op::Guard(i) => {
                let i = scope(i);
                self.guards.push((i, self.scopes[i].guard()));
                self.oracle.nodes[i].held += 1;
            }
            Op::Adopt(i) => {
                let i = scope(i);
                self.orphans.push((i, self.scopes[i].adopt()));
                self.oracle.nodes[i].held += 1;
            }
            Op::Release if !self.guards.is_empty() => {
                let (i, guard) = self.guards.remove(0);
                drop(guard);
                self.oracle.nodes[i].held -= 1;
            }
            Op::LetGo if !self.orphans.is_empty() => {
                let (i, orphan) = self.orphans.remove(0);
                drop(orphan);
                self.oracle.nodes[i].held -= 1;
            }
            Op::Run(i) => {
                let node = scope(i);
                let (woken, waker) = CountingWaker::new();
                let run = Box::pin(self.scopes[node].run(pending()));
                self.runs.push(Running { node, run, woken, waker, seen: None });
            }
            Op::Look(i) if !self.runs.is_empty() => self.look(i % self.runs.len()),
            Op::GiveUp(i) if !self.runs.is_empty() => {
                let Running { run, waker, woken, .. } = self.runs.remove(i % self.runs.len());
                drop((run, waker));
                assert_eq!(Arc::strong_count(&woken), 1, "a waker is left");
            }
            Op::Checkpoint(i) => {
                let i = scope(i);
                let _inside = self.runtime.enter();
                let looked = self.scopes[i].enter(checkpoint).err().map(|it| it.reason());
                assert_eq!(looked, self.oracle.checkpoint(i), "checkpoint in {i}");
            }
            Op::Pass(n) => {
                self.runtime.block_on(advance(ms(n)));
                self.oracle.now += n;
            }
            Op::Release | Op::LetGo | Op::Look(_) | Op::GiveUp(_) => {}
        }
    }

    fn look(&mut self, i: usize) {
        let running = &mut self.runs[i];
        let _inside = self.runtime.enter();
        let polled = poll_with(running.run.as_mut(), &running.waker);
        let expected = self.oracle.look(running.node);
        let woken = running.woken.count();
        match polled {
            Poll::Pending => {
                assert_eq!(expected, None, "the run in {} ends", running.node);
                running.seen = Some(woken);
            }
            Poll::Ready(Ended::Cancelled(reason)) => {
                assert_eq!(Some(reason), expected, "the run in {}", running.node);
                assert!(running.seen.is_none_or(|seen| seen < woken), "it was woken for that");
                drop(self.runs.remove(i));
            }
            Poll::Ready(other) => panic!("{other:?}"),
        }
    }

    fn check(&self) {
        let _inside = self.runtime.enter();
        for (i, (scope, node)) in self.scopes.iter().zip(&self.oracle.nodes).enumerate() {
            let handle = scope.handle();
            assert_eq!(handle.reason(), node.cause, "{i}: why");
            assert_eq!(handle.is_cancelled(), node.cause.is_some(), "{i}: whether");
            assert_eq!(handle.expired(), node.expired, "{i}: expired()");
            assert_eq!(handle.deadline(), self.at(node.deadline), "{i}: its deadline");
            let ambient = scope.enter(Deadline::ambient);
            assert_eq!(ambient, self.at(self.oracle.ambient(i)), "{i}: the deadline around");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_of_scopes_is_as_simple_as_it_says(ops in prop::collection::vec(op(), 1..60)) {
        let mut world = World::new();
        for (index, op) in ops.into_iter().enumerate() {
            world.step(index, op);
            world.check();
        }
        // In the end all go, and whoever waits is told.
        world.guards.clear();
        world.orphans.clear();
        world.oracle.nodes.iter_mut().for_each(|it| it.held = 0);
        world.step(usize::MAX, Op::Cancel(0));
        while !world.runs.is_empty() {
            world.look(0);
        }
    }
}
