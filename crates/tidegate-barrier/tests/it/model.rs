//! Random programs, checked step by step against an oracle that is too simple to be wrong.

use std::pin::Pin;
use std::task::Poll;

use proptest::prelude::*;
use tidegate_barrier::{Barrier, Broken, WaitFut};
use tidegate_test::poll_once;

#[derive(Clone, Copy, Debug)]
enum Op {
    Arrive,
    Abort,
    Reset,
    // Looking and going away are steps of their own, so that much may happen between what became of a waiter and its
    // look at it.
    Look(usize),
    Drop(usize),
    Leave(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => Just(Op::Arrive),
        1 => Just(Op::Abort),
        2 => Just(Op::Reset),
        4 => any::<usize>().prop_map(Op::Look),
        2 => any::<usize>().prop_map(Op::Drop),
        1 => any::<usize>().prop_map(Op::Leave),
    ]
}

/// What became of somebody who arrived.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Waits,
    /// With this index.
    Met(usize),
    SentAway,
}

proptest! {
    #[test]
    fn behaves_as_the_oracle(parties in 1..6usize, ops in prop::collection::vec(op(), 0..128)) {
        let barrier = Barrier::new(parties);
        let mut broken = false;
        // In order of arrival.
        let mut fates: Vec<Fate> = Vec::new();
        let mut waits: Vec<Pin<Box<WaitFut<'_>>>> = Vec::new();
        let waiting = |fates: &[Fate]| fates.iter().filter(|it| **it == Fate::Waits).count();

        for op in ops {
            match op {
                Op::Arrive => {
                    let mut wait = Box::pin(barrier.wait());
                    let outcome = poll_once(wait.as_mut());
                    if broken {
                        prop_assert_eq!(outcome, Poll::Ready(Err(Broken)));
                    } else if waiting(&fates) + 1 < parties {
                        prop_assert_eq!(outcome, Poll::Pending, "nobody passes short");
                        fates.push(Fate::Waits);
                        waits.push(wait);
                    } else {
                        let Poll::Ready(Ok(turn)) = outcome else { panic!("it is the last") };
                        prop_assert!(turn.is_leader() && turn.index() == parties - 1);
                        // The others have the indices below, each one of them.
                        let those_who_wait = fates.iter_mut().filter(|it| **it == Fate::Waits);
                        those_who_wait.enumerate().for_each(|(i, it)| *it = Fate::Met(i));
                    }
                }
                Op::Abort | Op::Reset => {
                    broken = matches!(op, Op::Abort);
                    if broken { barrier.abort() } else { barrier.reset() }
                    let those_who_wait = fates.iter_mut().filter(|it| **it == Fate::Waits);
                    those_who_wait.for_each(|it| *it = Fate::SentAway);
                }
                Op::Look(i) | Op::Leave(i) if !waits.is_empty() => {
                    let i = i % waits.len();
                    let wait = waits[i].as_mut();
                    let outcome = match op {
                        Op::Look(_) => poll_once(wait),
                        _ => wait.leave().map_or(Poll::Pending, Poll::Ready),
                    };
                    match fates[i] {
                        Fate::Waits => prop_assert_eq!(outcome, Poll::Pending),
                        Fate::SentAway => prop_assert_eq!(outcome, Poll::Ready(Err(Broken))),
                        Fate::Met(index) => {
                            let Poll::Ready(Ok(turn)) = outcome else { panic!("its round met") };
                            prop_assert_eq!((turn.index(), turn.is_leader()), (index, false));
                        }
                    }
                    if matches!(op, Op::Leave(_)) || outcome.is_ready() {
                        drop(waits.remove(i));
                        fates.remove(i);
                    }
                }
                Op::Drop(i) if !waits.is_empty() => {
                    let i = i % waits.len();
                    drop(waits.remove(i));
                    fates.remove(i);
                }
                Op::Look(_) | Op::Leave(_) | Op::Drop(_) => {}
            }
            prop_assert_eq!(barrier.waiting(), waiting(&fates));
            prop_assert_eq!(barrier.is_broken(), broken);
        }
    }
}
