use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tidegate_barrier::{Barrier, Broken};
use tidegate_test::poll_once;

use crate::{arrive, arrive_last};

#[test]
fn threads_meet_tasks() {
    let barrier = Barrier::new(3);
    thread::scope(|threads| {
        let thread = threads.spawn(|| barrier.wait_blocking());
        let mut task = pin!(barrier.wait());
        assert!(poll_once(task.as_mut()).is_pending());
        while barrier.waiting() < 2 {
            thread::yield_now();
        }
        assert!(arrive_last(&barrier).is_leader());
        assert!(thread.join().unwrap().is_ok_and(|it| !it.is_leader()));
        assert!(poll_once(task).is_ready());
    });
}

#[test]
fn a_thread_that_gives_up_takes_its_arrival_back() {
    let barrier = Barrier::new(2);
    let soon = Instant::now() + Duration::from_millis(2);
    assert_eq!(barrier.wait_blocking_until(soon), None);
    assert_eq!(barrier.wait_blocking_until(Instant::now()), None);
    assert_eq!((barrier.waiting(), barrier.is_broken()), (0, false));
    // The last does not wait, so it is never too late.
    let _wait = arrive(&barrier);
    assert!(barrier.wait_blocking_until(Instant::now()).unwrap().unwrap().is_leader());
    barrier.abort();
    assert_eq!(barrier.wait_blocking_until(Instant::now()), Some(Err(Broken)));
}

#[test]
fn an_abort_wakes_a_thread() {
    let barrier = Barrier::new(2);
    thread::scope(|threads| {
        let thread = threads.spawn(|| barrier.wait_blocking());
        while barrier.waiting() < 1 {
            thread::yield_now();
        }
        barrier.abort();
        assert_eq!(thread.join().unwrap(), Err(Broken));
    });
}

// Stress: rounds of three, while a fourth thread comes and goes.
#[test]
fn threads_that_give_up_at_random_never_let_a_round_pass_short() {
    const ROUNDS: usize = 300;
    const PARTIES: usize = 3;
    let barrier = Barrier::new(PARTIES);
    let (turns, sum) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |index: usize| {
        sum.fetch_add(index, Ordering::Relaxed);
        turns.fetch_add(1, Ordering::Relaxed)
    };
    thread::scope(|threads| {
        for _ in 0..PARTIES {
            threads.spawn(|| {
                while let Ok(turn) = barrier.wait_blocking() {
                    if count(turn.index()) > ROUNDS * PARTIES {
                        barrier.abort();
                    }
                }
            });
        }
        threads.spawn(|| {
            while !barrier.is_broken() {
                if let Some(Ok(turn)) = barrier.wait_blocking_until(Instant::now()) {
                    count(turn.index());
                }
            }
        });
    });
    // What each round handed out, all of it was seen: nobody was dropped with a turn.
    let turns = turns.into_inner();
    assert_eq!(turns % PARTIES, 0);
    assert_eq!(sum.into_inner(), turns / PARTIES * (PARTIES * (PARTIES - 1) / 2));
}
