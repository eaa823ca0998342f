use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Core, Grant, Rules, Turn, Wait};
use crate::{Applied, Policy, Reopen};

const SECOND: Duration = Duration::from_secs(1);

fn core(reopen: Reopen) -> Core {
    Core::new(Rules {
        policy: Policy::Extend,
        reopen,
        max_lock: 100 * SECOND,
        min_pause: SECOND / 10,
        base: SECOND / 2,
        cap: 60 * SECOND,
        probe_timeout: 10 * SECOND,
        probe_grace: SECOND,
    })
}

fn pass(core: &mut Core, now: Instant) -> Grant {
    match core.turn(now, true, None) {
        Turn::Pass(grant) => grant,
        other => panic!("no pass: {other:?}"),
    }
}

fn shut(core: &mut Core, now: Instant, pause: Duration) {
    let shut = core.shut(now, SystemTime::UNIX_EPOCH, Some(now + pause), Policy::Extend, None);
    assert_eq!(shut.applied, Applied::Started);
}

#[test]
fn who_looks_late_finds_what_the_clock_has_done() {
    let now = Instant::now();
    let mut core = core(Reopen::Probe { n: 1 });
    shut(&mut core, now, SECOND);
    let probe = pass(&mut core, now + 5 * SECOND);
    assert!(probe.probe().is_some());
    assert_eq!(core.stats(now).total_shut, SECOND, "not until somebody looked");
}

#[test]
fn only_the_first_in_line_may_go() {
    let now = Instant::now();
    let mut core = core(Reopen::All);
    assert!(matches!(core.turn(now, false, None), Turn::Wait(Wait::Queued)));
    pass(&mut core, now);
}

#[test]
fn a_clock_that_goes_back_panics_nowhere() {
    let now = Instant::now() + 1000 * SECOND;
    let mut core = core(Reopen::Learned(Default::default()));
    let probe = pass(&mut core, now);
    core.ok(now - 5 * SECOND, &probe);
    let _ = core.turn(now - 6 * SECOND, true, None);
    let later = core.stats(now + SECOND);
    assert!(later.pace_now.is_some());
    let pass = pass(&mut core, now + 2 * SECOND);
    core.refused(now - 7 * SECOND, SystemTime::UNIX_EPOCH, &pass, None);
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
                let _ = core.turn(now + SECOND, true, None);
                let _ = core.turn(now + 90_000 * SECOND, true, None);
                let _ = core.stats(now + 90_000 * SECOND);
            }
        }
    }
    let mut core = Core::new(Rules {
        policy: Policy::Extend,
        reopen: Reopen::Probe { n: 0 },
        max_lock: Duration::MAX,
        min_pause: Duration::MAX,
        base: Duration::MAX,
        cap: Duration::MAX,
        probe_timeout: Duration::MAX,
        probe_grace: Duration::MAX,
    });
    let first = pass(&mut core, now);
    core.refused(now, SystemTime::UNIX_EPOCH, &first, Some(Duration::MAX));
    assert!(core.pause().is_some_and(|pause| pause.until > Some(now + 1_000_000 * SECOND)));
    core.unlock(now);
    let probe = pass(&mut core, now);
    core.unheard(now, &probe);
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
            match core.turn(now, true, None) {
                Turn::Pass(grant) => {
                    core.refused(now, SystemTime::UNIX_EPOCH, &grant, Some(SECOND));
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
        if let Turn::Pass(grant) = core.turn(then, true, None) {
            core.ok(then, &grant);
        }
        if let Some(pace) = core.stats(then).pace_now {
            assert!(pace.as_per_second() > 0.0);
        }
    }
}
