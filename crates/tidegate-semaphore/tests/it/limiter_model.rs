//! Random programs, checked step by step against an oracle that is too simple to be wrong.

use std::pin::Pin;
use std::task::Poll;

use proptest::prelude::*;
use tidegate_semaphore::{CapacityLimiter, Slot, SlotFut, WaitIdleFut};
use tidegate_test::poll_once;

#[derive(Clone, Copy, Debug)]
enum Op {
    Join,
    TryAcquire,
    GiveBack(usize),
    SetTotal(usize),
    // Looking and giving up are steps of their own, so that a program can cancel a waiter which was granted a slot and
    // has not looked yet.
    Look(usize),
    Cancel(usize),
    WaitIdle,
    LookIdle(usize),
    CancelIdle(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Join),
        2 => Just(Op::TryAcquire),
        4 => any::<usize>().prop_map(Op::GiveBack),
        2 => prop_oneof![6 => 0..5usize, 1 => Just(usize::MAX)].prop_map(Op::SetTotal),
        4 => any::<usize>().prop_map(Op::Look),
        2 => any::<usize>().prop_map(Op::Cancel),
        1 => Just(Op::WaitIdle),
        2 => any::<usize>().prop_map(Op::LookIdle),
        1 => any::<usize>().prop_map(Op::CancelIdle),
    ]
}

/// What a limiter is: a total, a number of slots out, and two lines of those who may have been served.
#[derive(Default)]
struct Oracle {
    total: usize,
    borrowed: usize,
    peak: usize,
    granted: usize,
    line: Vec<bool>,
    idlers: Vec<bool>,
}

impl Oracle {
    /// Whether somebody who comes now is let in.
    fn take(&mut self) -> bool {
        let free = self.waiting() == 0 && self.borrowed < self.total;
        if free {
            self.borrowed += 1;
            self.peak = self.peak.max(self.borrowed);
            self.granted += 1;
        }
        free
    }

    fn give_back(&mut self) {
        self.borrowed -= 1;
        self.serve();
        if self.borrowed == 0 {
            self.idlers.iter_mut().for_each(|it| *it = true);
        }
    }

    /// The one place that grants.
    fn serve(&mut self) {
        for granted in self.line.iter_mut().filter(|it| !**it) {
            if self.borrowed >= self.total {
                break;
            }
            self.borrowed += 1;
            self.peak = self.peak.max(self.borrowed);
            *granted = true;
        }
    }

    fn waiting(&self) -> usize {
        self.line.iter().filter(|granted| !**granted).count()
    }
}

proptest! {
    #[test]
    fn a_limiter_behaves_as_the_oracle(total in 0..5usize, ops in prop::collection::vec(op(), 0..128)) {
        let limiter = CapacityLimiter::new(total);
        let mut oracle = Oracle { total, ..Oracle::default() };
        let mut held: Vec<Slot<'_>> = Vec::new();
        let mut line: Vec<Pin<Box<SlotFut<'_>>>> = Vec::new();
        let mut idlers: Vec<Pin<Box<WaitIdleFut<'_>>>> = Vec::new();

        for op in ops {
            match op {
                Op::Join => {
                    let mut acquire = Box::pin(limiter.acquire());
                    let expected = oracle.take();
                    match poll_once(acquire.as_mut()) {
                        Poll::Ready(slot) => {
                            prop_assert!(expected);
                            held.push(slot);
                        }
                        Poll::Pending => {
                            prop_assert!(!expected);
                            oracle.line.push(false);
                            line.push(acquire);
                        }
                    }
                }
                Op::TryAcquire => {
                    let slot = limiter.try_acquire();
                    prop_assert_eq!(slot.is_some(), oracle.take());
                    held.extend(slot);
                }
                Op::GiveBack(i) if !held.is_empty() => {
                    drop(held.swap_remove(i % held.len()));
                    oracle.give_back();
                }
                Op::SetTotal(total) => {
                    limiter.set_total(total);
                    oracle.total = total;
                    oracle.serve();
                }
                Op::Look(i) if !line.is_empty() => {
                    let i = i % line.len();
                    let outcome = poll_once(line[i].as_mut());
                    prop_assert_eq!(outcome.is_ready(), oracle.line[i]);
                    if let Poll::Ready(slot) = outcome {
                        held.push(slot);
                        oracle.granted += 1;
                        drop(line.remove(i));
                        oracle.line.remove(i);
                    }
                }
                Op::Cancel(i) if !line.is_empty() => {
                    let i = i % line.len();
                    drop(line.remove(i));
                    if oracle.line.remove(i) {
                        oracle.give_back();
                    }
                }
                Op::WaitIdle => {
                    let mut idle = Box::pin(limiter.wait_idle());
                    prop_assert_eq!(poll_once(idle.as_mut()).is_ready(), oracle.borrowed == 0);
                    if oracle.borrowed > 0 {
                        idlers.push(idle);
                        oracle.idlers.push(false);
                    }
                }
                Op::LookIdle(i) if !idlers.is_empty() => {
                    let i = i % idlers.len();
                    let ready = poll_once(idlers[i].as_mut()).is_ready();
                    prop_assert_eq!(ready, oracle.idlers[i]);
                    if ready {
                        drop(idlers.remove(i));
                        oracle.idlers.remove(i);
                    }
                }
                Op::CancelIdle(i) if !idlers.is_empty() => {
                    let i = i % idlers.len();
                    drop(idlers.remove(i));
                    oracle.idlers.remove(i);
                }
                Op::GiveBack(_) | Op::Look(_) | Op::Cancel(_) | Op::LookIdle(_) | Op::CancelIdle(_) => {}
            }
            let it = limiter.statistics();
            prop_assert_eq!(it.total, oracle.total);
            prop_assert_eq!(it.borrowed, oracle.borrowed);
            prop_assert_eq!(it.waiting, oracle.waiting());
            prop_assert_eq!(it.peak, oracle.peak);
            prop_assert_eq!(it.granted, oracle.granted);
            prop_assert_eq!(limiter.borrowed(), oracle.borrowed);
            prop_assert_eq!(limiter.waiters(), oracle.waiting());
            let available = match oracle.total {
                usize::MAX => usize::MAX,
                total => total.saturating_sub(oracle.borrowed),
            };
            prop_assert_eq!(limiter.available(), available);
            let promised = oracle.line.iter().filter(|it| **it).count();
            prop_assert_eq!(held.len() + promised, oracle.borrowed);
        }
    }
}
