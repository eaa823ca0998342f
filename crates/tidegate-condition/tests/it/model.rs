//! Random programs, checked step by step against an oracle that is too simple to be wrong.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::Poll;

use proptest::prelude::*;
use tidegate_condition::{Condition, WaitFut};
use tidegate_lock::{Lock, LockFut, LockGuard};
use tidegate_test::poll_once;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Somebody comes for the lock.
    Come,
    /// Whoever holds the lock begins to wait.
    Wait,
    /// Whoever holds the lock gives it back.
    Release,
    Notify(usize),
    NotifyAll,
    // Looking and going away are steps of their own, so that much may happen between what became of a waiter and its
    // look at it.
    Look(usize),
    Drop(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Come),
        6 => Just(Op::Wait),
        2 => Just(Op::Release),
        3 => (0..4usize).prop_map(Op::Notify),
        1 => Just(Op::NotifyAll),
        12 => any::<usize>().prop_map(Op::Look),
        3 => any::<usize>().prop_map(Op::Drop),
    ]
}

enum Somebody<'a> {
    Locks(Pin<Box<LockFut<'a, ()>>>),
    Waits(Pin<Box<WaitFut<'a, 'a, ()>>>),
    Holds(LockGuard<'a, ()>),
}

impl<'a> Somebody<'a> {
    /// One look; whether it holds the lock now.
    fn look(&mut self) -> bool {
        let polled: Poll<LockGuard<'a, ()>> = match self {
            Self::Locks(it) => poll_once(it.as_mut()),
            Self::Waits(it) => poll_once(it.as_mut()),
            Self::Holds(_) => return true,
        };
        let Poll::Ready(guard) = polled else { return false };
        *self = Self::Holds(guard);
        true
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// Has not looked yet; with the lock, if it is to wait.
    New,
    InCondition,
    InLine,
    Granted,
    Holds,
}

/// What should be.
#[derive(Default)]
struct Oracle {
    locked: bool,
    line: Vec<usize>,
    condition: Vec<usize>,
    places: BTreeMap<usize, Place>,
    /// Those who were notified alone and have not looked at the lock in their hands.
    alone: Vec<usize>,
}

impl Oracle {
    fn unlock(&mut self) {
        if self.line.is_empty() {
            self.locked = false;
        } else {
            self.places.insert(self.line.remove(0), Place::Granted);
        }
    }

    fn notify(&mut self, n: usize, alone: bool) {
        for who in self.condition.drain(..n.min(self.condition.len())) {
            self.places.insert(who, Place::InLine);
            self.line.push(who);
            if alone {
                self.alone.push(who);
            }
        }
    }

    fn look(&mut self, who: usize, waits: bool) -> bool {
        let place = match self.places[&who] {
            Place::New if waits => {
                self.condition.push(who);
                self.places.insert(who, Place::InCondition);
                self.unlock();
                return false;
            }
            Place::New if self.locked || !self.line.is_empty() => {
                self.line.push(who);
                Place::InLine
            }
            Place::InLine if !self.locked && self.line[0] == who => {
                self.line.remove(0);
                Place::Holds
            }
            Place::New | Place::Granted | Place::Holds => Place::Holds,
            stays => stays,
        };
        self.places.insert(who, place);
        if place == Place::Holds {
            self.locked = true;
            self.alone.retain(|it| *it != who);
        }
        place == Place::Holds
    }

    fn leave(&mut self, who: usize, waits: bool) {
        let place = self.places.remove(&who).expect("it is there");
        match place {
            Place::InCondition => self.condition.retain(|it| *it != who),
            Place::InLine => self.line.retain(|it| *it != who),
            Place::Granted | Place::Holds => self.unlock(),
            Place::New if waits => self.unlock(),
            Place::New => {}
        }
        if self.alone.contains(&who) {
            self.alone.retain(|it| *it != who);
            self.notify(1, true);
        }
    }
}

proptest! {
    #[test]
    fn lock_and_condition_behave_as_the_oracle(ops in prop::collection::vec(op(), 0..160)) {
        let (lock, condition) = (Lock::new(()), Condition::new());
        let mut oracle = Oracle::default();
        let mut people: BTreeMap<usize, Somebody<'_>> = BTreeMap::new();
        let mut next = 0;
        let holder = |oracle: &Oracle| {
            let mut holders = oracle.places.iter().filter(|(_, it)| **it == Place::Holds);
            let holder = holders.next().map(|(who, _)| *who);
            assert!(holders.next().is_none(), "one at a time");
            holder
        };
        for op in ops {
            match op {
                Op::Come => {
                    people.insert(next, Somebody::Locks(Box::pin(lock.lock())));
                    oracle.places.insert(next, Place::New);
                    next += 1;
                }
                Op::Wait => if let Some(who) = holder(&oracle) {
                    let Some(Somebody::Holds(guard)) = people.remove(&who) else { panic!("{who}") };
                    people.insert(who, Somebody::Waits(Box::pin(condition.wait(guard))));
                    oracle.places.insert(who, Place::New);
                },
                Op::Release => if let Some(who) = holder(&oracle) {
                    oracle.leave(who, false);
                    people.remove(&who);
                },
                Op::Notify(n) => {
                    condition.notify(n);
                    oracle.notify(n, true);
                }
                Op::NotifyAll => {
                    condition.notify_all();
                    oracle.notify(usize::MAX, false);
                }
                Op::Look(i) if !people.is_empty() => {
                    let (who, it) = people.iter_mut().nth(i % oracle.places.len()).expect("one");
                    let waits = matches!(it, Somebody::Waits(_));
                    prop_assert_eq!(it.look(), oracle.look(*who, waits), "{}", who);
                }
                Op::Drop(i) if !people.is_empty() => {
                    let who = *people.keys().nth(i % people.len()).expect("one");
                    let it = people.remove(&who).expect("it is there");
                    oracle.leave(who, matches!(it, Somebody::Waits(_)));
                    drop(it);
                }
                Op::Look(_) | Op::Drop(_) => {}
            }
            prop_assert_eq!(condition.waiters(), oracle.condition.len());
            prop_assert_eq!(lock.waiters(), oracle.line.len());
            prop_assert_eq!(lock.is_locked(), oracle.locked);
        }
    }
}
