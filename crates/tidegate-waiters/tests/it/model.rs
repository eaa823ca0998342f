//! Random programs, checked step by step against an oracle that is too simple to be wrong.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Poll;

use proptest::prelude::*;
use tidegate_test::poll_once;
use tidegate_waiters::{Acquire, Borrowed, Gate};

#[derive(Clone, Copy, Debug)]
enum Op {
    Join(usize),
    TryAcquire(usize),
    Release(usize),
    Forget(usize),
    Close,
    // Looking and giving up are steps of their own, so that a program can cancel a waiter which was granted its
    // turn and has not looked yet.
    Look(usize),
    Cancel(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..4usize).prop_map(Op::Join),
        3 => (0..3usize).prop_map(Op::TryAcquire),
        5 => (0..4usize).prop_map(Op::Release),
        1 => (0..3usize).prop_map(Op::Forget),
        1 => Just(Op::Close),
        6 => any::<usize>().prop_map(Op::Look),
        4 => any::<usize>().prop_map(Op::Cancel),
    ]
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Waiting,
    Granted,
    Closed,
}

/// What a gate is: free permits, and a row of waiters with what has become of each.
#[derive(Default)]
struct Oracle {
    free: usize,
    closed: bool,
    line: VecDeque<(usize, Fate)>,
}

impl Oracle {
    fn serve(&mut self) {
        for (need, fate) in &mut self.line {
            if *fate == Fate::Waiting {
                if *need > self.free {
                    break;
                }
                self.free -= *need;
                *fate = Fate::Granted;
            }
        }
    }

    fn waiting(&self) -> usize {
        self.line.iter().filter(|(_, fate)| *fate == Fate::Waiting).count()
    }
}

type Waiting<'g> = Pin<Box<Acquire<Borrowed<'g, tidegate_waiters::Permits>>>>;

proptest! {
    #[test]
    fn behaves_as_the_oracle(start in 0..4usize, ops in prop::collection::vec(op(), 0..64)) {
        let gate = Gate::new(start);
        let mut oracle = Oracle { free: start, ..Oracle::default() };
        let mut line: Vec<Waiting<'_>> = Vec::new();

        for op in ops {
            match op {
                Op::Join(need) => {
                    let mut acquire = Box::pin(gate.acquire(need));
                    let expected = if oracle.closed {
                        Poll::Ready(None)
                    } else if need == 0 || oracle.waiting() == 0 && need <= oracle.free {
                        oracle.free -= need;
                        Poll::Ready(Some(need))
                    } else {
                        Poll::Pending
                    };
                    prop_assert_eq!(poll_once(acquire.as_mut()), expected);
                    if expected.is_pending() {
                        oracle.line.push_back((need, Fate::Waiting));
                        line.push(acquire);
                    }
                }
                Op::TryAcquire(n) => {
                    let expected = !oracle.closed && oracle.waiting() == 0 && n <= oracle.free;
                    prop_assert_eq!(gate.try_acquire(n), expected);
                    oracle.free -= if expected { n } else { 0 };
                }
                Op::Release(n) => {
                    gate.release(n);
                    oracle.free += n;
                    oracle.serve();
                }
                Op::Forget(n) => {
                    let expected = n.min(oracle.free);
                    prop_assert_eq!(gate.forget(n), expected);
                    oracle.free -= expected;
                }
                Op::Close => {
                    gate.close();
                    oracle.closed = true;
                    for (_, fate) in &mut oracle.line {
                        if *fate == Fate::Waiting {
                            *fate = Fate::Closed;
                        }
                    }
                }
                Op::Look(i) if !line.is_empty() => {
                    let i = i % line.len();
                    let expected = match oracle.line[i].1 {
                        Fate::Waiting => Poll::Pending,
                        Fate::Granted => Poll::Ready(Some(oracle.line[i].0)),
                        Fate::Closed => Poll::Ready(None),
                    };
                    prop_assert_eq!(poll_once(line[i].as_mut()), expected);
                    if expected.is_ready() {
                        drop(line.remove(i));
                        oracle.line.remove(i);
                    }
                }
                Op::Cancel(i) if !line.is_empty() => {
                    let i = i % line.len();
                    drop(line.remove(i));
                    let (need, fate) = oracle.line.remove(i).unwrap();
                    oracle.free += if fate == Fate::Granted { need } else { 0 };
                    oracle.serve();
                }
                Op::Look(_) | Op::Cancel(_) => {}
            }
            prop_assert_eq!(gate.available(), oracle.free);
            prop_assert_eq!(gate.waiters(), oracle.waiting());
        }
    }
}
