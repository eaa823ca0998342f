//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tidegate_barrier::{Barrier, BarrierTurn, Broken, WaitOwnedFut};
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{block_on, poll_once, race, spawn};

type Outcome = Result<BarrierTurn, Broken>;

/// Arrives and is to wait.
fn arrive(barrier: &Arc<Barrier>) -> Pin<Box<WaitOwnedFut>> {
    let mut wait = Box::pin(Arc::clone(barrier).wait_owned());
    assert!(poll_once(wait.as_mut()).is_pending());
    wait
}

/// Arrives, and comes back with the future if it has to wait.
fn come(barrier: &Arc<Barrier>) -> Result<Outcome, Pin<Box<WaitOwnedFut>>> {
    let mut wait = Box::pin(Arc::clone(barrier).wait_owned());
    match poll_once(wait.as_mut()) {
        Poll::Ready(outcome) => Ok(outcome),
        Poll::Pending => Err(wait),
    }
}

fn look(mut wait: Pin<Box<WaitOwnedFut>>) -> Poll<Outcome> {
    poll_once(wait.as_mut())
}

fn index(outcome: Poll<Outcome>) -> usize {
    match outcome {
        Poll::Ready(Ok(turn)) => turn.index(),
        other => panic!("its round has met, not {other:?}"),
    }
}

#[test]
fn three_meet_and_what_each_did_before_has_happened_for_all() {
    race(|| {
        // Relaxed on purpose: only the barrier orders the writes before the reads, and loom lets a read see an old
        // value wherever nothing does.
        let shared = Arc::new((Barrier::new(3), [(); 3].map(|()| AtomicUsize::new(0))));
        let meet = |who: usize, shared: &(Barrier, [AtomicUsize; 3])| {
            shared.1[who].store(1, Ordering::Relaxed);
            let turn = block_on(shared.0.wait()).unwrap();
            for other in &shared.1 {
                assert_eq!(other.load(Ordering::Relaxed), 1);
            }
            assert_eq!(turn.is_leader(), turn.index() == 2);
            1 << turn.index()
        };
        let others: Vec<_> = (0..2)
            .map(|who| {
                let shared = Arc::clone(&shared);
                spawn(move || meet(who, &shared))
            })
            .collect();
        let mine = meet(2, &shared);
        let all = others.into_iter().fold(mine, |all, it| all + it.join().unwrap());
        assert_eq!(all, 0b111, "each index once");
        assert_eq!(shared.0.waiting(), 0);
    });
}

// B-B4, reuse across generations: the fast one is back before the slow one has looked.
#[test]
fn two_meet_again_and_again() {
    race(|| {
        let barrier = Arc::new(Barrier::new(2));
        let meet_twice = |barrier: Arc<Barrier>| {
            let first = block_on(barrier.wait()).unwrap().index();
            let second = block_on(barrier.wait()).unwrap().index();
            (first, second)
        };
        let other = spawn({
            let barrier = Arc::clone(&barrier);
            move || meet_twice(barrier)
        });
        let mine = meet_twice(Arc::clone(&barrier));
        let other = other.join().unwrap();
        assert_eq!((mine.0 + other.0, mine.1 + other.1), (1, 1));
    });
}

// 3, "exactly at trip": it has left and the last is not the last, or it has not and both pass.
#[test]
fn one_leaves_while_the_last_arrives_and_nobody_passes_alone() {
    race(|| {
        let barrier = Arc::new(Barrier::new(2));
        let mut early = arrive(&barrier);
        let leaver = spawn(move || early.as_mut().leave());
        let late = come(&barrier);
        match (leaver.join().unwrap(), late) {
            (None, Err(late)) => {
                let last = spawn({
                    let barrier = Arc::clone(&barrier);
                    move || block_on(barrier.wait()).unwrap().index()
                });
                assert_eq!(block_on(late).unwrap().index() + last.join().unwrap(), 1);
            }
            (Some(Ok(early)), Ok(Ok(late))) => assert_eq!((early.index(), late.index()), (0, 1)),
            (early, late) => panic!("{early:?} and {late:?}"),
        }
        assert_eq!(barrier.waiting(), 0);
    });
}

// 18, 20, B-B1: more waiters than are woken at a time, one of which leaves while the last arrives.
#[test]
fn indices_are_unique_when_one_leaves_while_the_round_meets() {
    race(|| {
        let barrier = Arc::new(Barrier::new(4));
        let [mut first, second, third] = [(); 3].map(|()| arrive(&barrier));
        let leaver = spawn(move || first.as_mut().leave());
        let arrives = spawn({
            let barrier = Arc::clone(&barrier);
            move || come(&barrier)
        });
        let mut second = second;
        let early = poll_once(second.as_mut());
        let (left, arrived) = (leaver.join().unwrap(), arrives.join().unwrap());
        let (first, last) = match (left, arrived) {
            (Some(first), Ok(last)) => (Poll::Ready(first), Poll::Ready(last)),
            (None, Err(late)) => {
                assert!(early.is_pending());
                let Ok(last) = come(&barrier) else { panic!("four are there") };
                (look(late), Poll::Ready(last))
            }
            (left, arrived) => panic!("{left:?} and {arrived:?}"),
        };
        let second = if early.is_ready() { early } else { look(second) };
        let all = [first, second, look(third), last].map(|it| 1 << index(it));
        assert_eq!(all.iter().sum::<usize>(), 0b1111);
    });
}

// 18, 19: who arrives between two batches belongs to the next round.
#[test]
fn who_comes_while_a_round_is_woken_waits_for_the_next() {
    race(|| {
        let barrier = Arc::new(Barrier::new(4));
        let waits = [(); 3].map(|()| arrive(&barrier));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                spawn(move || come(&barrier))
            })
            .collect();
        let outcomes: Vec<_> = others.into_iter().map(|it| it.join().unwrap()).collect();
        assert_eq!(waits.map(|it| index(look(it))), [0, 1, 2]);
        let mut next = 0;
        for outcome in outcomes {
            match outcome {
                Ok(outcome) => assert!(outcome.unwrap().is_leader()),
                Err(wait) => {
                    next += 1;
                    assert_eq!(barrier.waiting(), 1);
                    assert!(look(wait).is_pending());
                }
            }
        }
        assert_eq!((next, barrier.waiting()), (1, 0));
    });
}

// 24, B-B2: all of a round agree whether it met.
#[test]
fn a_round_meets_or_is_called_off_and_all_of_it_agree() {
    let ends: [fn(&Barrier); 2] = [Barrier::reset, Barrier::abort];
    for end in ends {
        race(move || {
            let barrier = Arc::new(Barrier::new(4));
            let waits = [(); 3].map(|()| arrive(&barrier));
            let ends = spawn({
                let barrier = Arc::clone(&barrier);
                move || end(&barrier)
            });
            let last = spawn({
                let barrier = Arc::clone(&barrier);
                move || come(&barrier)
            });
            ends.join().unwrap();
            let met = match last.join().unwrap() {
                Ok(outcome) => outcome.is_ok(),
                Err(wait) => {
                    assert_eq!((barrier.waiting(), barrier.is_broken()), (1, false));
                    assert!(look(wait).is_pending(), "it came after the reset");
                    false
                }
            };
            for wait in waits {
                match look(wait) {
                    Poll::Ready(outcome) => assert_eq!(outcome.is_ok(), met),
                    Poll::Pending => panic!("it met or was called off"),
                }
            }
            assert_eq!(barrier.waiting(), 0);
        });
    }
}

#[test]
fn an_abort_is_seen_by_who_waits_and_by_who_comes() {
    race(|| {
        let barrier = Arc::new(Barrier::new(3));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                spawn(move || assert_eq!(block_on(barrier.wait()), Err(Broken)))
            })
            .collect();
        barrier.abort();
        others.into_iter().for_each(|it| it.join().unwrap());
        assert!(barrier.is_broken());
    });
}

#[test]
fn what_happened_before_it_was_broken_or_mended_has_happened_for_all_who_see_it() {
    for mended in [false, true] {
        race(move || {
            let shared = Arc::new((Barrier::new(2), AtomicUsize::new(0)));
            if mended {
                shared.0.abort();
            }
            let changes = spawn({
                let shared = Arc::clone(&shared);
                move || {
                    // Relaxed on purpose, as above.
                    shared.1.store(7, Ordering::Relaxed);
                    if mended { shared.0.reset() } else { shared.0.abort() }
                }
            });
            // In line for a moment, or sent away: the word changes hands meanwhile.
            let comes = spawn({
                let shared = Arc::clone(&shared);
                move || _ = poll_once(std::pin::pin!(shared.0.wait()))
            });
            if shared.0.is_broken() != mended {
                assert_eq!(shared.1.load(Ordering::Relaxed), 7);
            }
            changes.join().unwrap();
            comes.join().unwrap();
        });
    }
}
