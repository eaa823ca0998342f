//! Random programs, checked step by step against an oracle that is too simple to be wrong.

use std::task::Poll;

use proptest::prelude::*;
use tidegate_lock::{Barging, Fifo, Lock, LockGuard, Policy};
use tidegate_test::poll_once;

use crate::line::Waiting;

#[derive(Clone, Copy, Debug)]
enum Op {
    Join,
    TryLock,
    GiveBack,
    // Looking and giving up are steps of their own, so that a program can cancel a waiter which was handed the lock and
    // has not looked yet.
    Look(usize),
    Cancel(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Join),
        2 => Just(Op::TryLock),
        4 => Just(Op::GiveBack),
        4 => any::<usize>().prop_map(Op::Look),
        2 => any::<usize>().prop_map(Op::Cancel),
    ]
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Waiter {
    /// Was handed the lock.
    granted: bool,
    /// Was told that the lock is free, and has not looked since.
    told: bool,
    lost: usize,
}

/// What a lock is: held or not, promised or not, and a line.
#[derive(Default)]
struct Oracle {
    barging: bool,
    locked: bool,
    promised: bool,
    line: Vec<Waiter>,
}

impl Oracle {
    fn first(&mut self) -> Option<&mut Waiter> {
        self.line.iter_mut().find(|it| !it.granted)
    }

    fn waiting(&self) -> usize {
        self.line.iter().filter(|it| !it.granted).count()
    }

    fn is_to_be_had(&self) -> bool {
        !self.locked && if self.barging { !self.promised } else { self.waiting() == 0 }
    }

    fn give_back(&mut self) {
        let (barging, promised) = (self.barging, self.promised);
        match self.first() {
            None => (self.locked, self.promised) = (false, false),
            Some(it) if barging && !promised => {
                it.told = true;
                self.locked = false;
            }
            Some(it) => {
                it.granted = true;
                self.promised = false;
            }
        }
    }

    /// Whether the look of the waiter at `i` ends its wait.
    fn look(&mut self, i: usize) -> bool {
        let told = std::mem::take(&mut self.line[i].told);
        if self.line[i].granted {
            return true;
        }
        if self.barging && self.is_to_be_had() {
            self.locked = true;
            return true;
        }
        if told {
            self.promised = true;
            self.line[i].lost += 1;
            assert!(self.line[i].lost <= 1, "nobody loses two races");
        }
        false
    }

    fn cancel(&mut self, i: usize) {
        let gone = self.line.remove(i);
        if gone.granted {
            return self.give_back();
        }
        let locked = self.locked;
        match self.first() {
            None => self.promised = false,
            Some(next) if !locked => next.told = true,
            Some(_) => {}
        }
    }
}

fn behaves_as_the_oracle<P: Policy>(ops: Vec<Op>, barging: bool) -> Result<(), TestCaseError> {
    let lock = Lock::<_, P>::with_policy(0_usize);
    let mut entries = 0;
    let mut oracle = Oracle { barging, ..Oracle::default() };
    let mut held: Option<LockGuard<'_, usize, P>> = None;
    let mut line: Vec<Waiting<'_, usize, P>> = Vec::new();
    let mut enter = |held: &mut Option<LockGuard<'_, usize, P>>| {
        let guard = held.as_mut().expect("just taken");
        entries += 1;
        **guard += 1;
        assert_eq!(**guard, entries);
    };

    for op in ops {
        match op {
            Op::Join => {
                let mut future = Box::pin(lock.lock());
                match poll_once(future.as_mut()) {
                    Poll::Ready(guard) => {
                        prop_assert!(oracle.is_to_be_had());
                        oracle.locked = true;
                        prop_assert!(held.replace(guard).is_none());
                        enter(&mut held);
                    }
                    Poll::Pending => {
                        prop_assert!(!oracle.is_to_be_had());
                        oracle.line.push(Waiter::default());
                        line.push(future);
                    }
                }
            }
            Op::TryLock => {
                let guard = lock.try_lock();
                prop_assert_eq!(guard.is_some(), oracle.is_to_be_had());
                if guard.is_some() {
                    oracle.locked = true;
                    prop_assert!(held.is_none());
                    held = guard;
                    enter(&mut held);
                }
            }
            Op::GiveBack => {
                if held.take().is_some() {
                    oracle.give_back();
                }
            }
            Op::Look(i) if !line.is_empty() => {
                let i = i % line.len();
                let outcome = poll_once(line[i].as_mut());
                prop_assert_eq!(outcome.is_ready(), oracle.look(i));
                if let Poll::Ready(guard) = outcome {
                    prop_assert!(held.replace(guard).is_none());
                    enter(&mut held);
                    drop(line.remove(i));
                    oracle.line.remove(i);
                }
            }
            Op::Cancel(i) if !line.is_empty() => {
                let i = i % line.len();
                drop(line.remove(i));
                oracle.cancel(i);
            }
            Op::Look(_) | Op::Cancel(_) => {}
        }
        prop_assert_eq!(lock.is_locked(), oracle.locked);
        prop_assert_eq!(lock.waiters(), oracle.waiting());
    }

    // Whatever was done, everybody who stays has the lock in the end.
    drop(held);
    while let Some(i) = (0..line.len()).find(|&i| poll_once(line[i].as_mut()).is_ready()) {
        drop(line.remove(i));
    }
    prop_assert!(line.is_empty());
    prop_assert!(lock.try_lock().is_some());
    Ok(())
}

proptest! {
    #[test]
    fn a_fair_lock_behaves_as_the_oracle(ops in prop::collection::vec(op(), 0..96)) {
        behaves_as_the_oracle::<Fifo>(ops, false)?;
    }

    #[test]
    fn a_barging_lock_behaves_as_the_oracle(ops in prop::collection::vec(op(), 0..96)) {
        behaves_as_the_oracle::<Barging>(ops, true)?;
    }
}
