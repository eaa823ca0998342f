//! Random programs, checked step by step against an oracle that is too simple to be wrong.

use std::pin::Pin;
use std::task::Poll;

use proptest::prelude::*;
use tidegate_semaphore::{AcquireFut, Permit, Semaphore};
use tidegate_test::poll_once;

#[derive(Clone, Copy, Debug)]
enum Op {
    Join(usize),
    TryAcquire(usize),
    Add(usize),
    GiveBack(usize),
    Split(usize),
    // Looking and giving up are steps of their own, so that a program can cancel a waiter which was granted a permit
    // and has not looked yet.
    Look(usize),
    Cancel(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1..4usize).prop_map(Op::Join),
        2 => (1..4usize).prop_map(Op::TryAcquire),
        1 => (0..3usize).prop_map(Op::Add),
        4 => any::<usize>().prop_map(Op::GiveBack),
        1 => any::<usize>().prop_map(Op::Split),
        4 => any::<usize>().prop_map(Op::Look),
        2 => any::<usize>().prop_map(Op::Cancel),
    ]
}

/// What a semaphore is: some free permits, and a line of waiters that may have been granted theirs.
struct Oracle {
    free: usize,
    line: Vec<(usize, bool)>,
}

impl Oracle {
    fn add(&mut self, n: usize) {
        self.free += n;
        for (need, granted) in self.line.iter_mut().filter(|(_, granted)| !granted) {
            if *need > self.free {
                break;
            }
            self.free -= *need;
            *granted = true;
        }
    }

    fn waiting(&self) -> usize {
        self.line.iter().filter(|(_, granted)| !granted).count()
    }
}

proptest! {
    #[test]
    fn behaves_as_the_oracle(start in 0..5usize, ops in prop::collection::vec(op(), 0..96)) {
        let semaphore = Semaphore::new(start);
        let mut total = start;
        let mut oracle = Oracle { free: start, line: Vec::new() };
        let mut held: Vec<Permit<'_>> = Vec::new();
        let mut line: Vec<Pin<Box<AcquireFut<'_>>>> = Vec::new();

        for op in ops {
            match op {
                Op::Join(n) => {
                    let mut acquire = Box::pin(semaphore.acquire_many(n));
                    let free = oracle.waiting() == 0 && n <= oracle.free;
                    match poll_once(acquire.as_mut()) {
                        Poll::Ready(permit) => {
                            prop_assert!(free);
                            oracle.free -= n;
                            held.push(permit.unwrap());
                        }
                        Poll::Pending => {
                            prop_assert!(!free);
                            oracle.line.push((n, false));
                            line.push(acquire);
                        }
                    }
                }
                Op::TryAcquire(n) => {
                    let permit = semaphore.try_acquire_many(n);
                    prop_assert_eq!(permit.is_some(), oracle.waiting() == 0 && n <= oracle.free);
                    oracle.free -= permit.as_ref().map_or(0, Permit::count);
                    held.extend(permit);
                }
                Op::Add(n) => {
                    semaphore.add_permits(n);
                    total += n;
                    oracle.add(n);
                }
                Op::GiveBack(i) if !held.is_empty() => {
                    let permit = held.swap_remove(i % held.len());
                    let n = permit.count();
                    drop(permit);
                    oracle.add(n);
                }
                Op::Split(i) if !held.is_empty() => {
                    let i = i % held.len();
                    let half = held[i].count() / 2;
                    let half = held[i].split(half).unwrap();
                    held.push(half);
                }
                Op::Look(i) if !line.is_empty() => {
                    let i = i % line.len();
                    let outcome = poll_once(line[i].as_mut());
                    prop_assert_eq!(outcome.is_ready(), oracle.line[i].1);
                    if let Poll::Ready(permit) = outcome {
                        held.push(permit.unwrap());
                        drop(line.remove(i));
                        oracle.line.remove(i);
                    }
                }
                Op::Cancel(i) if !line.is_empty() => {
                    let i = i % line.len();
                    drop(line.remove(i));
                    let (n, granted) = oracle.line.remove(i);
                    oracle.add(if granted { n } else { 0 });
                }
                Op::GiveBack(_) | Op::Split(_) | Op::Look(_) | Op::Cancel(_) => {}
            }
            prop_assert_eq!(semaphore.available_permits(), oracle.free);
            prop_assert_eq!(semaphore.waiters(), oracle.waiting());
            let promised: usize = oracle.line.iter().filter(|it| it.1).map(|it| it.0).sum();
            let in_hands: usize = held.iter().map(Permit::count).sum();
            prop_assert_eq!(oracle.free + promised + in_hands, total);
        }
    }
}
