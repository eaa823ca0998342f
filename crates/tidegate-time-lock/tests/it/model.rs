//! Random programs against an oracle: a sorted list, a phase and a clock.

use std::pin::Pin;
use std::time::Duration;

use proptest::prelude::*;
use tidegate_test::poll_once;
use tidegate_time_lock::{
    Acquire, Pass, Policy, Rate, Reopen, State, TimeLock, TryAcquireError, Until,
};
use tokio::time::{Instant, advance};

use crate::support::{cases, ms};

#[derive(Clone, Copy, Debug)]
enum Op {
    LockFor(u64, Policy),
    Lock,
    /// So many more, then nobody for so long.
    Allow(u64, u64),
    Unlock,
    UnlockNow,
    /// With the current epoch, or the one before.
    UnlockIf(bool),
    /// A new waiter, not polled yet.
    Enter,
    /// Polls one of the waiters.
    Look(usize),
    /// Drops one of the waiters.
    Leave(usize),
    Try,
    /// Reports on one of the passes.
    Ok(usize),
    Refused(usize, Option<u64>),
    Unknown(usize),
    /// Comes back with the place of one of the passes.
    Again(usize),
    Advance(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let policy = prop_oneof![Just(Policy::Extend), Just(Policy::KeepFirst), Just(Policy::Replace)];
    let i = 0..8_usize;
    prop_oneof![
        2 => (0..60_u64, policy).prop_map(|(pause, policy)| Op::LockFor(pause, policy)),
        1 => Just(Op::Lock),
        2 => (0..5_u64, 0..80_u64).prop_map(|(n, time)| Op::Allow(n, time)),
        2 => Just(Op::Unlock),
        1 => Just(Op::UnlockNow),
        1 => any::<bool>().prop_map(Op::UnlockIf),
        5 => Just(Op::Enter),
        9 => i.clone().prop_map(Op::Look),
        2 => i.clone().prop_map(Op::Leave),
        2 => Just(Op::Try),
        2 => i.clone().prop_map(Op::Ok),
        2 => (i.clone(), proptest::option::of(0..60_u64)).prop_map(|(i, after)| Op::Refused(i, after)),
        2 => i.clone().prop_map(Op::Unknown),
        2 => i.prop_map(Op::Again),
        4 => (1..40_u64).prop_map(Op::Advance),
        1 => (500..3000_u64).prop_map(Op::Advance),
    ]
}

/// A place in line: the epoch and number at which it was taken; a pass without a number comes last in its epoch.
type Place = (u64, u64);

struct Waiter<'a> {
    future: Pin<Box<Acquire<'a>>>,
    place: Option<Place>,
    /// When it joined the line, if it has: among equal places, first come, first served.
    joined: Option<u64>,
}

struct Given {
    pass: Pass,
    epoch: u64,
    place: Place,
    /// Its number, and when it went.
    probe: Option<Probe>,
    number: u64,
}

type Probe = (u64, Instant);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Open,
    Shut(Option<Instant>),
    /// Since the first probe that was dropped.
    Probing(Option<Instant>),
}

/// What a gate with `Reopen::All` or `Reopen::Probe` ought to do.
struct Oracle {
    probes: Option<usize>,
    phase: Phase,
    epoch: u64,
    strikes: u32,
    /// So many may pass yet, until then.
    quota: Option<(u64, Instant)>,
    /// The passes that were counted since it was last said how many.
    counted: Vec<u64>,
}

const GRACE: Duration = Duration::from_secs(1);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
const MIN_PAUSE: Duration = Duration::from_millis(5);
const BASE: Duration = Duration::from_millis(10);
const CAP: Duration = Duration::from_millis(50);

impl Oracle {
    fn catch_up(&mut self, now: Instant, out: &[Probe]) {
        self.quota = self.quota.filter(|&(_, until)| now < until);
        if let Phase::Shut(Some(until)) = self.phase {
            if now >= until {
                self.reopen();
            }
        }
        if let Phase::Probing(Some(first)) = self.phase {
            if out.is_empty() && now >= first + GRACE {
                self.phase = Phase::Open;
            }
        }
    }

    fn reopen(&mut self) {
        self.phase = match self.probes {
            Some(_) => Phase::Probing(None),
            None => Phase::Open,
        };
    }

    fn shut(&mut self, until: Option<Instant>, policy: Policy, now: Instant) {
        match self.phase {
            Phase::Shut(old) => {
                let later = match (old, until) {
                    (None, _) => false,
                    (Some(_), None) => true,
                    (Some(old), Some(new)) => new > old,
                };
                if policy == Policy::Replace || policy == Policy::Extend && later {
                    self.phase = Phase::Shut(until);
                }
            }
            _ if until.is_some_and(|until| until <= now) => {}
            _ => {
                self.phase = Phase::Shut(until);
                self.epoch += 1;
                self.quota = self.quota.filter(|&(left, _)| left > 0);
            }
        }
    }
}

impl Oracle {
    fn allow(&mut self, n: u64, until: Instant, now: Instant) {
        if until <= now {
            return;
        }
        let (left, until) = match self.quota {
            Some((left, before)) => (left.min(n), until.max(before)),
            None => (n, until),
        };
        if self.quota.is_none_or(|(before, _)| left < before) {
            self.counted.clear();
        }
        self.quota = Some((left, until)).filter(|_| left > 0);
        if left == 0 {
            self.shut(Some(until), Policy::Extend, now);
        }
    }

    /// Somebody wants to pass, before whom there is nobody: if nothing is left of a quota, that shuts the gate.
    fn is_used_up(&mut self, now: Instant) -> bool {
        match (self.phase, self.quota) {
            (Phase::Open | Phase::Probing(_), Some((0, until))) => {
                self.shut(Some(until), Policy::Extend, now);
                true
            }
            _ => false,
        }
    }
}

/// Runs a program on a gate and, where there is one, the oracle.
async fn run(reopen: Reopen, program: &[Op]) {
    let gate = TimeLock::builder()
        .reopen(reopen)
        .probe_timeout(PROBE_TIMEOUT)
        .probe_grace(GRACE)
        .min_pause(MIN_PAUSE)
        .backoff(BASE, CAP)
        .build();
    let probes = match reopen {
        Reopen::Probe { n } => Some(n as usize),
        _ => None,
    };
    let mut oracle = match reopen {
        Reopen::All | Reopen::Probe { .. } => Some(Oracle {
            probes,
            phase: Phase::Open,
            epoch: 0,
            strikes: 0,
            quota: None,
            counted: Vec::new(),
        }),
        _ => None,
    };
    let mut waiters: Vec<Waiter<'_>> = Vec::new();
    let mut passes: Vec<Given> = Vec::new();
    // When the probes went that are out and not given up, of the current epoch.
    let mut out: Vec<Probe> = Vec::new();
    let mut numbers = 0;

    for &op in program {
        let now = Instant::now();
        let was_shut = gate.is_locked();
        let epoch = gate.epoch();
        let simple = is_simply_open(&gate);
        if let Some(oracle) = &mut oracle {
            oracle.catch_up(now, &out);
        }
        match op {
            Op::LockFor(pause, policy) => {
                let shut = gate.lock_with(Until::For(ms(pause)), policy, "model");
                if let Some(oracle) = &mut oracle {
                    oracle.shut(Some(now + ms(pause)), policy, now);
                    oracle.catch_up(now, &out);
                    assert_eq!(shut.epoch, oracle.epoch);
                }
            }
            Op::Lock => {
                gate.lock();
                if let Some(oracle) = &mut oracle {
                    oracle.shut(None, Policy::Extend, now);
                }
            }
            Op::Allow(n, time) => {
                let shut = gate.allow(n, now + ms(time));
                if let Some(oracle) = &mut oracle {
                    oracle.allow(n, now + ms(time), now);
                    assert_eq!((shut.epoch, gate.snapshot().quota), (oracle.epoch, oracle.quota));
                }
            }
            Op::Unlock | Op::UnlockIf(true) => {
                let opened = match op {
                    Op::Unlock => gate.unlock(),
                    _ => gate.unlock_if(epoch),
                };
                assert_eq!(opened, was_shut);
                if let (Some(oracle), true) = (&mut oracle, opened) {
                    oracle.reopen();
                }
            }
            Op::UnlockIf(false) => assert!(!gate.unlock_if(epoch.wrapping_sub(1))),
            Op::UnlockNow => {
                gate.unlock_now();
                if let Some(oracle) = &mut oracle {
                    (oracle.phase, oracle.quota) = (Phase::Open, None);
                }
            }
            Op::Enter => {
                waiters.push(Waiter { future: Box::pin(gate.acquire()), place: None, joined: None })
            }
            Op::Again(i) if !passes.is_empty() => {
                let given = passes.remove(i % passes.len());
                // It was not used: as if it had never been out.
                out.retain(|&probe| Some(probe) != given.probe);
                if let Some(Oracle { quota: Some((left, _)), counted, .. }) = &mut oracle {
                    *left += u64::from(counted.contains(&given.number));
                }
                waiters.push(Waiter {
                    future: Box::pin(gate.acquire_again(given.pass.requeue())),
                    place: Some(given.place),
                    joined: None,
                });
            }
            Op::Look(i) if !waiters.is_empty() => {
                let i = i % waiters.len();
                look(&gate, &mut oracle, &mut waiters, i, &mut passes, &mut out, &mut numbers);
            }
            Op::Leave(i) if !waiters.is_empty() => drop(waiters.remove(i % waiters.len())),
            Op::Try => {
                let ahead = waiters.iter().filter(|waiter| waiter.joined.is_some()).count();
                match gate.try_acquire() {
                    Ok(pass) => {
                        assert!(ahead == 0 && !was_shut);
                        let place = place_of(None, simple, epoch, &mut numbers);
                        admitted(&mut oracle, pass, place, &mut passes, &mut out, &mut numbers);
                    }
                    Err(TryAcquireError::Queued { ahead: seen }) => assert_eq!(seen, ahead),
                    Err(TryAcquireError::Shut { .. }) => {
                        let used_up = oracle.as_mut().is_none_or(|it| it.is_used_up(now));
                        assert!(was_shut || ahead == 0 && used_up);
                    }
                    Err(_) => assert!(oracle.as_ref().is_none_or(|it| it.phase != Phase::Open)),
                }
            }
            Op::Ok(i) if !passes.is_empty() => {
                let given = passes.remove(i % passes.len());
                given.pass.ok();
                if let (Some(oracle), true) = (&mut oracle, given.epoch == epoch) {
                    oracle.strikes = 0;
                    if let Phase::Probing(_) = oracle.phase {
                        oracle.phase = Phase::Open;
                    }
                }
            }
            Op::Refused(i, after) if !passes.is_empty() => {
                let given = passes.remove(i % passes.len());
                let after = after.map(ms);
                given.pass.refused(after);
                if let Some(oracle) = &mut oracle {
                    let wanted = after.map(|after| after.max(MIN_PAUSE));
                    if given.epoch == epoch {
                        oracle.strikes += 1;
                        let factor = 2_u32.saturating_pow(oracle.strikes - 1);
                        let pause = wanted.unwrap_or(BASE.saturating_mul(factor).min(CAP));
                        oracle.shut(Some(now + pause), Policy::Extend, now);
                    } else if let (Phase::Shut(_), Some(pause)) = (oracle.phase, wanted) {
                        oracle.shut(Some(now + pause), Policy::Extend, now);
                    }
                }
            }
            Op::Unknown(i) if !passes.is_empty() => {
                let given = passes.remove(i % passes.len());
                lost(&mut oracle, &mut out, &given, epoch);
                given.pass.unknown();
            }
            Op::Advance(by) => {
                advance(ms(by)).await;
                // A timer fires within a millisecond after its deadline: let no deadline be that close.
                let until = match oracle.as_ref().map(|oracle| oracle.phase) {
                    Some(Phase::Shut(until)) => until,
                    _ => None,
                };
                let probe = out.first().map(|&(_, at)| at + PROBE_TIMEOUT);
                while [until, probe].into_iter().flatten().any(|due| {
                    let now = Instant::now();
                    due <= now && now - due < ms(2)
                }) {
                    advance(ms(1)).await;
                }
            }
            _ => {}
        }
        // Probes are of their epoch and phase.
        let state = gate.snapshot().state;
        if gate.epoch() != epoch || state != State::Probing {
            out.clear();
        }
        assert!(gate.epoch() >= epoch, "epochs only grow");
        assert_eq!(gate.waiters(), waiters.iter().filter(|waiter| waiter.joined.is_some()).count());
        if let Some(n) = probes {
            assert!(out.len() <= n, "{} probes out", out.len());
        }
        if let Some(oracle) = &mut oracle {
            oracle.catch_up(Instant::now(), &out);
            assert_eq!((gate.epoch(), gate.snapshot().quota), (oracle.epoch, oracle.quota));
            let expected = match oracle.phase {
                Phase::Open => State::Open,
                Phase::Shut(_) => State::Shut,
                Phase::Probing(_) => State::Probing,
            };
            assert_eq!(state, expected, "after {op:?}");
            if let Phase::Shut(until) = oracle.phase {
                assert_eq!(gate.locked_until(), until);
            }
        }
    }
    // Once nobody shuts it any more, everybody passes, in order.
    drop(passes);
    gate.lock(); // so that there is something to unlock, and no pace afterwards
    assert!(gate.unlock_now());
    let mut places = Vec::new();
    while !waiters.is_empty() {
        let before = waiters.len();
        for i in (0..waiters.len()).rev() {
            if let std::task::Poll::Ready(pass) = poll_once(waiters[i].future.as_mut()) {
                let waiter = waiters.remove(i);
                pass.unwrap().ok();
                places.extend(waiter.joined.map(|joined| (waiter.place, joined)));
            }
        }
        assert!(waiters.len() < before, "nobody may pass an open gate");
    }
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(gate.waiters(), 0);
}

/// A probe that nobody will hear of any more.
fn lost(oracle: &mut Option<Oracle>, out: &mut Vec<Probe>, given: &Given, epoch: u64) {
    let Some(probe) = given.probe.filter(|_| given.epoch == epoch) else { return };
    let Some(at) = out.iter().position(|&other| other == probe) else { return };
    out.remove(at);
    if let Some(Oracle { phase: Phase::Probing(first), .. }) = oracle {
        first.get_or_insert(probe.1);
    }
}

/// Whether the next one to come passes without asking, and without a number.
fn is_simply_open(gate: &TimeLock) -> bool {
    let look = gate.snapshot();
    look.state == State::Open && look.pace.is_none() && look.quota.is_none() && look.waiters == 0
}

/// The place of somebody who passes or joins now, who may have had one before.
fn place_of(old: Option<Place>, simple: bool, epoch: u64, numbers: &mut u64) -> Place {
    old.unwrap_or_else(|| match simple {
        true => (epoch, u64::MAX),
        false => {
            *numbers += 1;
            (epoch, *numbers)
        }
    })
}

fn look(
    gate: &TimeLock,
    oracle: &mut Option<Oracle>,
    waiters: &mut Vec<Waiter<'_>>,
    i: usize,
    passes: &mut Vec<Given>,
    out: &mut Vec<Probe>,
    numbers: &mut u64,
) {
    let now = Instant::now();
    let was_shut = gate.is_locked();
    let simple = is_simply_open(gate);
    let mine = (waiters[i].place, waiters[i].joined.unwrap_or(u64::MAX));
    let ahead = waiters
        .iter()
        .filter_map(|other| Some((other.place, other.joined?)))
        .filter(|&other| mine.0.is_none() || other < mine)
        .count();
    match poll_once(waiters[i].future.as_mut()) {
        std::task::Poll::Ready(pass) => {
            let waiter = waiters.remove(i);
            assert!(!was_shut, "passed while shut");
            assert_eq!(ahead, 0, "overtook somebody");
            let place = place_of(waiter.place, simple, gate.epoch(), numbers);
            admitted(oracle, pass.unwrap(), place, passes, out, numbers);
        }
        std::task::Poll::Pending => {
            let waiter = &mut waiters[i];
            waiter.place = Some(place_of(waiter.place, false, gate.epoch(), numbers));
            waiter.joined.get_or_insert_with(|| {
                *numbers += 1;
                *numbers
            });
            if let Some(oracle) = oracle {
                let may = ahead == 0
                    && !oracle.is_used_up(now)
                    && match oracle.phase {
                        Phase::Open => true,
                        Phase::Shut(_) => false,
                        Phase::Probing(_) => {
                            out.len() < oracle.probes.unwrap()
                                || out.first().is_some_and(|&(_, at)| now >= at + PROBE_TIMEOUT)
                        }
                    };
                assert!(!may, "could have passed");
            }
        }
    }
}

/// Keeps a pass, checking what the oracle has to say.
fn admitted(
    oracle: &mut Option<Oracle>,
    pass: Pass,
    place: Place,
    passes: &mut Vec<Given>,
    out: &mut Vec<Probe>,
    numbers: &mut u64,
) {
    let now = Instant::now();
    assert!(pass.is_current());
    let epoch = pass.epoch();
    let number = *numbers;
    let probe = pass.is_probe().then_some((number, now));
    *numbers += 1;
    if let Some(oracle) = oracle {
        assert_eq!(epoch, oracle.epoch);
        if let Some((left, _)) = &mut oracle.quota {
            *left = left.checked_sub(1).expect("nothing was left");
            oracle.counted.push(number);
        }
        assert_eq!(probe.is_some(), matches!(oracle.phase, Phase::Probing(_)));
        if let Some(probe) = probe {
            if out.len() == oracle.probes.unwrap() {
                let (_, given_up) = out.remove(0);
                assert!(now >= given_up + PROBE_TIMEOUT);
            }
            out.push(probe);
        }
    }
    passes.push(Given { pass, epoch, place, probe, number });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(400), ..ProptestConfig::default() })]

    #[test]
    fn a_gate_does_what_the_oracle_says(
        n in 0..3_u32,
        program in proptest::collection::vec(op(), 1..120),
    ) {
        let reopen = match n {
            0 => Reopen::All,
            n => Reopen::Probe { n },
        };
        paused().block_on(run(reopen, &program));
    }

    #[test]
    fn a_paced_gate_keeps_order_and_count(
        kind in 0..3,
        program in proptest::collection::vec(op(), 1..120),
    ) {
        let reopen = match kind {
            0 => Reopen::Paced(Rate::per_second(100.0)),
            1 => Reopen::Ramp { start: Rate::per_second(50.0), double_every: ms(100) },
            _ => Reopen::Learned(Default::default()),
        };
        paused().block_on(run(reopen, &program));
    }
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}
