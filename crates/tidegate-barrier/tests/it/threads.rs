use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tidegate_barrier::{Barrier, Broken};
use tidegate_test::{poll_once, poll_with};

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

/// A waker that holds up whoever wakes it until it is told to go on.
struct HoldsUp(Mutex<Receiver<()>>);

impl Wake for HoldsUp {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().recv().unwrap();
    }
}

#[test]
fn a_thread_whose_round_met_hears_so_though_the_deadline_comes_before_the_wake_up() {
    // As long as it takes for the thread to be in line until the last has arrived.
    for attempt in 0.. {
        let patience = Duration::from_millis(2 << attempt);
        let barrier = Barrier::new(3);
        let (go_on, told) = channel();
        let waker = Waker::from(Arc::new(HoldsUp(Mutex::new(told))));
        // First in line, so that the thread is not woken before this waker lets it.
        let mut first = pin!(barrier.wait());
        assert!(poll_with(first.as_mut(), &waker).is_pending());
        let (heard, met) = thread::scope(|threads| {
            let thread = threads.spawn(|| {
                let heard = barrier.wait_blocking_until(Instant::now() + patience);
                go_on.send(()).unwrap();
                heard
            });
            while barrier.waiting() < 2 && !thread.is_finished() {
                thread::yield_now();
            }
            let met = poll_once(pin!(barrier.wait())).is_ready();
            (thread.join().unwrap(), met)
        });
        if met {
            assert_eq!(heard.map(|it| it.unwrap().index()), Some(1));
            return;
        }
        assert_eq!(heard, None);
    }
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
