//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.
//!
//! Gates are shut until unlocked here, and probes never time out: nobody needs a timer, and `unlock` is the clock
//! that advances.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tidegate_shim::atomic::{AtomicBool, Ordering};
use tidegate_test::{block_on, poll_once, race, spawn};
use tidegate_time_lock::{
    Closed, Event, KeyedTimeLock, KeyedTimeLockBuilder, PausingSemaphore, Reopen, TimeLock,
};

fn shut(reopen: Reopen) -> TimeLock {
    let gate = TimeLock::builder().reopen(reopen).probe_timeout(Duration::MAX).build();
    gate.lock();
    gate
}

/// A thread that passes and says in which epoch, and whether it was a probe.
fn passer(gate: &TimeLock) -> impl FnOnce() -> (u64, bool) + Send + 'static {
    let gate = gate.clone();
    move || {
        let pass = block_on(gate.acquire()).unwrap();
        let seen = (pass.epoch(), pass.is_probe());
        pass.ok();
        seen
    }
}

#[test]
fn reopening_lets_everybody_pass() {
    race(|| {
        let gate = shut(Reopen::All);
        let waiters = [spawn(passer(&gate)), spawn(passer(&gate))];
        assert!(gate.unlock());
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), (1, false));
        }
        assert_eq!(gate.waiters(), 0);
    });
}

// R1, R2
#[test]
fn a_new_lock_races_the_wake() {
    race(|| {
        let gate = shut(Reopen::All);
        let early = spawn(passer(&gate));
        assert!(gate.unlock());
        let second = gate.lock().epoch;
        let opened = Arc::new(AtomicBool::new(false));
        let late = spawn({
            let (gate, opened) = (gate.clone(), Arc::clone(&opened));
            move || {
                // Polled after the second lock returned: not before the second opening.
                let pass = block_on(gate.acquire()).unwrap();
                assert!(opened.load(Ordering::Acquire), "passed a gate that was shut before");
                assert_eq!(pass.epoch(), second);
            }
        });
        opened.store(true, Ordering::Release);
        assert!(gate.unlock());
        let (epoch, _) = early.join().unwrap();
        assert!(epoch == 1 || epoch == second);
        late.join().unwrap();
        assert_eq!(gate.waiters(), 0);
    });
}

// R8
#[test]
fn a_cancelled_head_hands_on() {
    race(|| {
        let gate = shut(Reopen::All);
        let cancelled = spawn({
            let gate = gate.clone();
            move || {
                let mut acquire = pin!(gate.acquire());
                drop(poll_once(acquire.as_mut()));
            }
        });
        let waiter = spawn(passer(&gate));
        assert!(gate.unlock());
        cancelled.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(gate.waiters(), 0);
    });
}

// R8, R14
#[test]
fn a_dropped_probe_races_a_verdict() {
    race(|| {
        let gate = shut(Reopen::Probe { n: 2 });
        assert!(gate.unlock());
        let (lost, good) = (gate.try_acquire().unwrap(), gate.try_acquire().unwrap());
        assert!(gate.try_acquire().is_err());
        let waiter = spawn(passer(&gate));
        let dropper = spawn(move || drop(lost));
        good.ok();
        dropper.join().unwrap();
        waiter.join().unwrap();
        assert!(!gate.try_acquire().unwrap().is_probe());
    });
}

// C9
#[test]
fn a_lost_probe_is_followed_by_another() {
    race(|| {
        let gate = shut(Reopen::Probe { n: 1 });
        assert!(gate.unlock());
        let probe = gate.try_acquire().unwrap();
        let waiters = [spawn(passer(&gate)), spawn(passer(&gate))];
        drop(probe);
        let seen = waiters.map(|waiter| waiter.join().unwrap());
        let probes = seen.iter().filter(|(_, probe)| *probe).count();
        assert_eq!(probes, 1, "one goes, and its verdict opens the gate for the other");
    });
}

// R9
#[test]
fn two_refusals_of_one_herd_shut_once() {
    race(|| {
        let gate = TimeLock::new();
        let herd = [gate.try_acquire().unwrap(), gate.try_acquire().unwrap()];
        let reports = herd.map(|pass| {
            spawn(move || {
                pass.refused(Duration::from_secs(1000));
            })
        });
        for report in reports {
            report.join().unwrap();
        }
        assert_eq!((gate.epoch(), gate.stats().refused, gate.stats().stale), (1, 2, 1));
    });
}

// R1: the word against the lock.
#[test]
fn nobody_slips_through_the_fast_path() {
    race(|| {
        let gate = TimeLock::new();
        let is_shut = Arc::new(AtomicBool::new(false));
        let passers = [(); 2].map(|()| {
            let (gate, is_shut) = (gate.clone(), Arc::clone(&is_shut));
            spawn(move || {
                let before = is_shut.load(Ordering::Acquire);
                if let Ok(pass) = gate.try_acquire() {
                    assert!(!before, "shut before it asked");
                    let after = is_shut.load(Ordering::Acquire);
                    assert!(!(after && pass.is_current()), "shut since, and it does not know");
                }
            })
        });
        gate.lock();
        is_shut.store(true, Ordering::Release);
        for passer in passers {
            passer.join().unwrap();
        }
    });
}

// What was done before the gate was opened is seen by whoever passes it, also by one load.
#[test]
fn a_pass_sees_what_came_before_the_opening() {
    race(|| {
        let gate = shut(Reopen::All);
        let done = Arc::new(AtomicBool::new(false));
        let passer = spawn({
            let (gate, done) = (gate.clone(), Arc::clone(&done));
            move || {
                if gate.try_acquire().is_ok() {
                    // Relaxed: the gate orders it.
                    assert!(done.load(Ordering::Relaxed));
                }
            }
        });
        done.store(true, Ordering::Relaxed);
        assert!(gate.unlock());
        passer.join().unwrap();
    });
}

// R20
#[test]
fn closing_reaches_everybody() {
    race(|| {
        let gate = shut(Reopen::All);
        let waiter = spawn({
            let gate = gate.clone();
            move || assert_eq!(block_on(gate.acquire()).unwrap_err(), Closed)
        });
        let onlooker = spawn({
            let gate = gate.clone();
            move || assert_eq!(block_on(gate.opened()), Err(Closed))
        });
        gate.close();
        waiter.join().unwrap();
        onlooker.join().unwrap();
    });
}

#[test]
fn an_onlooker_is_never_forgotten() {
    race(|| {
        let gate = shut(Reopen::All);
        let onlooker = spawn({
            let gate = gate.clone();
            move || block_on(gate.opened()).unwrap()
        });
        let cancelled = spawn({
            let gate = gate.clone();
            move || assert!(poll_once(pin!(gate.opened())) != std::task::Poll::Ready(Err(Closed)))
        });
        assert!(gate.unlock());
        onlooker.join().unwrap();
        cancelled.join().unwrap();
    });
}

fn semaphore(permits: usize) -> PausingSemaphore {
    let rules = TimeLock::builder().probe_timeout(Duration::MAX);
    PausingSemaphore::builder().permits(permits).gate(rules).build()
}

// P11: one decision about the gate and the permit, with three who want it.
#[test]
fn one_permit_admits_one_while_the_gate_is_open() {
    race(|| {
        let requests = semaphore(1);
        let inside = Arc::new(AtomicBool::new(false));
        let enter = |requests: &PausingSemaphore| {
            let (requests, inside) = (requests.clone(), Arc::clone(&inside));
            move || {
                let mut permit = block_on(requests.acquire()).unwrap();
                assert!(!inside.swap(true, Ordering::Relaxed), "two at once");
                permit.ok();
                inside.store(false, Ordering::Relaxed);
            }
        };
        let others = [spawn(enter(&requests)), spawn(enter(&requests))];
        enter(&requests)();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(requests.permits().in_use, 0);
    });
}

// A permit that comes back, an opening and one who gives up: nobody is left asleep.
#[test]
fn a_permit_that_comes_back_races_the_opening() {
    race(|| {
        let requests = semaphore(1);
        let held = requests.try_acquire().unwrap();
        requests.gate().lock();
        let waiter = spawn({
            let requests = requests.clone();
            move || drop(block_on(requests.acquire()).unwrap())
        });
        let back = spawn(move || drop(held));
        {
            let mut cancelled = pin!(requests.acquire());
            drop(poll_once(cancelled.as_mut()));
        }
        assert!(requests.gate().unlock());
        back.join().unwrap();
        waiter.join().unwrap();
        assert_eq!((requests.permits().in_use, requests.gate().waiters()), (0, 0));
    });
}

// Nobody gets a permit after a refusal was reported, whoever comes at that moment.
#[test]
fn a_refusal_races_those_who_come() {
    race(|| {
        let requests = semaphore(3);
        let known = Arc::new(AtomicBool::new(false));
        let mut refused = requests.try_acquire().unwrap();
        let others = [(); 2].map(|()| {
            let (requests, known) = (requests.clone(), Arc::clone(&known));
            spawn(move || {
                let before = known.load(Ordering::Acquire);
                if let Ok(permit) = requests.try_acquire() {
                    assert!(!before, "sent while the server was known to refuse");
                    drop(permit);
                }
            })
        });
        refused.refused(Duration::from_secs(1000));
        known.store(true, Ordering::Release);
        for other in others {
            other.join().unwrap();
        }
        drop(refused);
        assert_eq!((requests.permits().in_use, requests.gate().epoch()), (0, 1));
    });
}

fn keys() -> KeyedTimeLock<u32> {
    // So few that all are behind one lock: which of several is drawn by lot, and a model has to be the same each time.
    KeyedTimeLockBuilder::new().capacity(16).template(TimeLock::builder()).build()
}

// A key that is forgotten the moment somebody shuts it.
#[test]
fn a_key_is_not_forgotten_while_it_is_shut() {
    race(|| {
        let keys = keys();
        let passer = spawn({
            let keys = keys.clone();
            // The last who uses it lets it go.
            move || drop(poll_once(pin!(keys.acquire(&1))))
        });
        let other = spawn({
            let keys = keys.clone();
            move || drop(poll_once(pin!(keys.acquire(&1))))
        });
        keys.gate(&1).lock();
        passer.join().unwrap();
        other.join().unwrap();
        assert_eq!((keys.len(), keys.locked().len()), (1, 1));
    });
}

#[test]
fn a_merge_loses_nobody_and_no_pause() {
    race(|| {
        let keys = keys();
        keys.gate(&1).lock();
        let waiter = spawn({
            let keys = keys.clone();
            move || block_on(keys.acquire(&1)).unwrap().ok()
        });
        let back = spawn({
            let keys = keys.clone();
            move || keys.merge(&2, &1)
        });
        keys.merge(&1, &2);
        back.join().unwrap();
        assert!(keys.gate(&1).is_locked() && keys.gate(&2).is_locked());
        assert!(keys.gate(&2).unlock());
        waiter.join().unwrap();
    });
}

// Told after the lock, heard nevertheless, and also if another listener leaves.
#[test]
fn no_listener_sleeps_through_an_event() {
    race(|| {
        let gate = TimeLock::new();
        let (mut listener, leaver) = (gate.events(), gate.events());
        let listener = spawn(move || assert_eq!(block_on(listener.next()), Some(Event::Closed)));
        let leaver = spawn(move || drop(leaver));
        gate.close();
        listener.join().unwrap();
        leaver.join().unwrap();
    });
}

// The last handle goes while somebody begins to listen, and others go.
#[test]
fn no_listener_sleeps_through_the_end() {
    race(|| {
        let gate = TimeLock::new();
        let other = gate.clone();
        let mut listener = gate.events();
        let listener = spawn(move || assert_eq!(block_on(listener.next()), None));
        let other = spawn(move || drop(other));
        drop(gate);
        listener.join().unwrap();
        other.join().unwrap();
    });
}
