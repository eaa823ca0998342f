use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Core, Grant, Rules, Turn, Wait};
use crate::line::Note;
use crate::suspend::Clocks;
use crate::{Applied, Policy, Reopen, TimeLockBuilder};

const SECOND: Duration = Duration::from_secs(1);

fn rules(reopen: Reopen) -> Rules {
    Rules { max_lock: 100 * SECOND, ..TimeLockBuilder::new().reopen(reopen).rules() }
}

fn core(reopen: Reopen) -> Core {
    Core::new(rules(reopen))
}

fn pass(core: &mut Core, now: Instant) -> Grant {
    match core.turn(now, true, Note::default()) {
        Turn::Pass(grant) => grant,
        other => panic!("no pass: {other:?}"),
    }
}

fn shut(core: &mut Core, now: Instant, pause: Duration) {
    let shut = core.shut(now, Some(now + pause), Policy::Extend, None);
    assert_eq!(shut.applied, Applied::Started);
}

#[test]
fn who_looks_late_finds_what_the_clock_has_done() {
    let now = Instant::now();
    let mut core = core(Reopen::Probe { n: 1 });
    shut(&mut core, now, SECOND);
    let probe = pass(&mut core, now + 5 * SECOND);
    assert!(probe.probe.is_some());
    assert_eq!(core.stats(now).total_shut, SECOND, "not until somebody looked");
}

#[test]
fn only_the_first_in_line_may_go() {
    let now = Instant::now();
    let mut core = core(Reopen::All);
    assert!(matches!(core.turn(now, false, Note::default()), Turn::Wait(Wait::Queued)));
    pass(&mut core, now);
}

#[test]
fn a_clock_that_goes_back_panics_nowhere() {
    let now = Instant::now() + 1000 * SECOND;
    let mut core = core(Reopen::Learned(Default::default()));
    let probe = pass(&mut core, now);
    core.ok(now - 5 * SECOND, probe.epoch);
    let _ = core.turn(now - 6 * SECOND, true, Note::default());
    let later = core.stats(now + SECOND);
    assert!(later.pace_now.is_some());
    let pass = pass(&mut core, now + 2 * SECOND);
    core.refused(now - 7 * SECOND, &pass, None);
    assert!(core.pause().is_some());
    core.unlock(now - 9 * SECOND);
}

#[test]
fn no_rate_and_no_pause_is_too_extreme() {
    let now = Instant::now();
    for rate in [f64::MIN_POSITIVE, 1e-9, 1e9, f64::MAX] {
        let rate = crate::Rate::per_second(rate);
        for double_every in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for reopen in [Reopen::Paced(rate), Reopen::Ramp { start: rate, double_every }] {
                let mut core = core(reopen);
                shut(&mut core, now, SECOND);
                let _ = core.turn(now + SECOND, true, Note::default());
                let _ = core.turn(now + 90_000 * SECOND, true, Note::default());
                let _ = core.stats(now + 90_000 * SECOND);
            }
        }
    }
    let mut core = Core::new(Rules {
        max_lock: Duration::MAX,
        min_pause: Duration::MAX,
        base: Duration::MAX,
        cap: Duration::MAX,
        probe_timeout: Duration::MAX,
        probe_grace: Duration::MAX,
        ..rules(Reopen::Probe { n: 0 })
    });
    let first = pass(&mut core, now);
    core.refused(now, &first, Some(Duration::MAX));
    assert!(core.pause().is_some_and(|pause| pause.until > Some(now + 1_000_000 * SECOND)));
    core.unlock(now);
    let probe = pass(&mut core, now);
    core.unheard(now, probe.probe.unwrap());
    core.catch_up(now + SECOND);
    pass(&mut core, now + SECOND);
}

#[test]
fn a_learned_pace_never_leaves_its_bounds() {
    let mut now = Instant::now();
    let mut core = core(Reopen::Learned(Default::default()));
    // Refused every time, for ever: the pace falls to its floor and no further.
    for _ in 0..500 {
        loop {
            match core.turn(now, true, Note::default()) {
                Turn::Pass(grant) => {
                    core.refused(now, &grant, Some(SECOND));
                    break;
                }
                Turn::Wait(Wait::Shut(Some(at)) | Wait::Paced(at)) => now = at,
                other => panic!("{other:?}"),
            }
        }
    }
    core.unlock_now(now);
    // Accepted every time: it rises, and stays a number.
    for hour in 0..200_000_u32 {
        let then = now + 3600 * SECOND * hour;
        if let Turn::Pass(grant) = core.turn(then, true, Note::default()) {
            core.ok(then, grant.epoch);
        }
        if let Some(pace) = core.stats(then).pace_now {
            assert!(pace.as_per_second() > 0.0);
        }
    }
}

/// How far the wall clock is ahead of where it was, and how long the machine was up, both in seconds.
type Passed = (i64, u64);

thread_local! {
    static PASSED: Cell<Passed> = const { Cell::new((0, 0)) };
}

fn mocked() -> Clocks {
    static START: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    let (wall, up) = PASSED.get();
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    let wall = match u64::try_from(wall) {
        Ok(wall) => noon + Duration::from_secs(wall),
        Err(_) => noon - Duration::from_secs(wall.unsigned_abs()),
    };
    Clocks { wall, steady: *START + Duration::from_secs(up) }
}

fn watched(pause: u64) -> (Core, Instant) {
    PASSED.set((0, 0));
    let now = Instant::now();
    let mut core = Core::new(Rules { clocks: mocked, ..rules(Reopen::All) });
    shut(&mut core, now, Duration::from_secs(pause));
    (core, now)
}

// R18
#[test]
fn a_pause_ends_though_the_machine_slept() {
    let (mut core, now) = watched(60);
    // 20 s awake, 30 s asleep: 10 s are left.
    PASSED.set((50, 20));
    core.catch_up(now + 20 * SECOND);
    assert_eq!(core.pause().unwrap().until, Some(now + 30 * SECOND));
    // It is counted once.
    core.catch_up(now + 20 * SECOND);
    assert_eq!(core.pause().unwrap().until, Some(now + 30 * SECOND));
    // And it sleeps again, for longer than the pause.
    PASSED.set((3650, 20));
    core.catch_up(now + 20 * SECOND);
    assert!(core.pause().is_none());
}

#[test]
fn the_first_in_line_looks_every_half_minute_during_a_long_pause() {
    let (core, now) = watched(60);
    let end = Some(now + 60 * SECOND);
    assert_eq!(core.next_look(now, end), Some(now + 30 * SECOND));
    assert_eq!(core.next_look(now + 40 * SECOND, end), end);
    let (core, now) = watched(30);
    assert_eq!(core.next_look(now, Some(now + 30 * SECOND)), Some(now + 30 * SECOND));
    assert_eq!(core.next_look(now, None), None);
}

// T11
#[test]
fn a_wall_clock_that_is_set_back_moves_nothing() {
    let (mut core, now) = watched(60);
    let end = core.pause().unwrap().until;
    PASSED.set((-3600, 5));
    core.catch_up(now + 5 * SECOND);
    assert_eq!(core.pause().unwrap().until, end);
    // Nor does one that is a little off.
    PASSED.set((6, 6));
    core.catch_up(now + 5 * SECOND);
    assert_eq!(core.pause().unwrap().until, end);
}

#[test]
fn short_pauses_and_gates_that_do_not_want_it_are_not_watched() {
    let (mut core, now) = watched(30);
    PASSED.set((3600, 1));
    core.catch_up(now + SECOND);
    assert!(core.pause().is_some());

    PASSED.set((0, 0));
    let mut core = Core::new(Rules { clocks: mocked, wall_clock: false, ..rules(Reopen::All) });
    shut(&mut core, now, 60 * SECOND);
    PASSED.set((3600, 1));
    core.catch_up(now + SECOND);
    assert!(core.pause().is_some());
    assert_eq!(core.next_look(now, Some(now + 60 * SECOND)), Some(now + 60 * SECOND));
}

// R12, C15
#[test]
fn jitter_only_adds() {
    let now = Instant::now();
    let mut core = Core::new(Rules { jitter: true, ..rules(Reopen::All) });
    let mut seen = Vec::new();
    for pause in [SECOND, 10 * SECOND, 90 * SECOND].repeat(30) {
        let until = now + pause;
        let first = core.shut(now, Some(until), Policy::Extend, None).until.unwrap();
        let most = (pause / 20).min(SECOND);
        assert!(first >= until && first <= until + most, "{pause:?}");
        // What is longer stays longer, and what is the same stays the same.
        let again = core.shut(now, Some(until), Policy::Extend, None);
        assert_eq!((again.applied, again.until), (Applied::KeptLonger, Some(first)));
        let more = Some(until + SECOND / 1000);
        assert_eq!(core.shut(now, more, Policy::Extend, None).applied, Applied::Extended);
        seen.push((first - until).as_secs_f64() / most.as_secs_f64());
        core.unlock(now);
    }
    assert!(seen.iter().any(|&part| part < 0.3) && seen.iter().any(|&part| part > 0.7));
    let nothing = core.shut(now, Some(now), Policy::Extend, None);
    assert_eq!(nothing.applied, Applied::Nothing);
}
