//! Random programs with a semaphore against an oracle: a line, two numbers and whether it is shut.

use std::pin::Pin;
use std::task::Poll;

use proptest::prelude::*;
use tidegate_test::poll_once;
use tidegate_time_lock::{PausingSemaphore, Permit, PermitFut, Reopen};

use crate::support::cases;

#[derive(Clone, Copy, Debug)]
enum Op {
    Enter,
    /// Comes back with the place of a permit, which it gives back.
    Again(usize),
    Look(usize),
    Leave(usize),
    Try,
    GiveBack(usize),
    Ok(usize),
    /// Refuses, until somebody unlocks.
    Lock,
    Unlock,
    SetLimit(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let i = 0..8_usize;
    prop_oneof![
        5 => Just(Op::Enter),
        1 => i.clone().prop_map(Op::Again),
        9 => i.clone().prop_map(Op::Look),
        2 => i.clone().prop_map(Op::Leave),
        2 => Just(Op::Try),
        4 => i.clone().prop_map(Op::GiveBack),
        2 => i.prop_map(Op::Ok),
        2 => Just(Op::Lock),
        3 => Just(Op::Unlock),
        1 => (0..4_usize).prop_map(Op::SetLimit),
    ]
}

struct Waiter<'a> {
    future: Pin<Box<PermitFut<'a>>>,
    /// The number that it drew when it joined the line, or had before.
    place: Option<u64>,
}

struct Held {
    permit: Permit,
    place: u64,
    /// Once it has a verdict it has no place.
    told: bool,
}

fn run(permits: usize, program: &[Op]) {
    let requests =
        PausingSemaphore::builder().permits(permits).without_aimd().reopen(Reopen::All).build();
    let (mut limit, mut shut, mut places) = (permits, false, 0_u64);
    let mut waiters: Vec<Waiter<'_>> = Vec::new();
    // Those in line; a waiter with an old place joins it when it is polled.
    let mut joined: Vec<u64> = Vec::new();
    let mut held: Vec<Held> = Vec::new();
    let mut draw = || {
        places += 1;
        places
    };
    for &op in program {
        match op {
            Op::Enter => {
                waiters.push(Waiter { future: Box::pin(requests.acquire()), place: None });
            }
            Op::Again(i) if !held.is_empty() => {
                let Held { permit, place, told } = held.remove(i % held.len());
                let future = Box::pin(requests.acquire_again(permit.requeue()));
                waiters.push(Waiter { future, place: (!told).then_some(place) });
            }
            Op::Look(i) if !waiters.is_empty() => {
                let i = i % waiters.len();
                let place = *waiters[i].place.get_or_insert_with(&mut draw);
                let first = joined.iter().all(|&other| other >= place);
                let may = !shut && first && held.len() < limit;
                match poll_once(waiters[i].future.as_mut()) {
                    Poll::Ready(permit) => {
                        assert!(may, "shut {shut}, first {first}, {} of {limit}", held.len());
                        joined.retain(|&other| other != place);
                        waiters.remove(i);
                        held.push(Held { permit: permit.unwrap(), place, told: false });
                    }
                    Poll::Pending => {
                        assert!(!may, "could have had one");
                        if !joined.contains(&place) {
                            joined.push(place);
                        }
                    }
                }
            }
            Op::Leave(i) if !waiters.is_empty() => {
                let left = waiters.remove(i % waiters.len());
                joined.retain(|&other| Some(other) != left.place);
            }
            Op::Try => {
                let may = !shut && joined.is_empty() && held.len() < limit;
                let permit = requests.try_acquire();
                assert_eq!(permit.is_ok(), may);
                held.extend(permit.ok().map(|permit| Held { permit, place: draw(), told: false }));
            }
            Op::GiveBack(i) if !held.is_empty() => drop(held.remove(i % held.len())),
            Op::Ok(i) if !held.is_empty() => {
                let i = i % held.len();
                held[i].permit.ok();
                held[i].told = true;
            }
            Op::Lock => {
                requests.gate().lock();
                shut = true;
            }
            Op::Unlock => {
                assert_eq!(requests.gate().unlock(), shut);
                shut = false;
            }
            Op::SetLimit(n) => {
                requests.set_limit(n);
                limit = n;
            }
            _ => {}
        }
        assert_eq!(requests.gate().waiters(), joined.len());
        let now = requests.permits();
        assert_eq!((now.in_use, now.limit), (held.len(), limit), "after {op:?}");
    }
    // With room and an open gate everybody gets a permit.
    held.clear();
    requests.set_limit(usize::MAX);
    requests.gate().unlock();
    for _ in 0..waiters.len() {
        waiters.retain_mut(|waiter| poll_once(waiter.future.as_mut()).is_pending());
    }
    assert!(waiters.is_empty(), "{} are left", waiters.len());
    assert_eq!((requests.permits().in_use, requests.gate().waiters()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(1000), ..ProptestConfig::default() })]

    #[test]
    fn a_semaphore_does_what_the_oracle_says(
        permits in 0..4_usize,
        program in proptest::collection::vec(op(), 1..120),
    ) {
        run(permits, &program);
    }
}
