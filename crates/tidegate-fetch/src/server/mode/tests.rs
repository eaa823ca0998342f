use super::*;
use crate::codes;

fn fates(mode: Mode, earlier: u32) -> Vec<Plan> {
    codes::ALL.iter().map(|code| mode.plan(code, earlier)).collect()
}

#[test]
fn the_first_hundred_codes_meet_the_original_runs_48_errors() {
    let plans = codes::ALL[..100].iter().map(|code| Mode::Error.plan(code, 0));
    let errors = plans.filter(|plan| plan.fate != Fate::Serve).count();
    assert_eq!(errors, 48);
}

#[test]
fn an_error_stays_an_error_however_often_one_asks() {
    assert_eq!(fates(Mode::Error, 0), fates(Mode::Error, 7));
}

#[test]
fn the_demo_has_every_mishap_once_and_then_lets_everything_through() {
    let first = fates(Mode::Demo, 0);
    for fate in [Fate::Serve, Fate::Crash, Fate::Break, Fate::Unavailable(Duration::from_secs(1))] {
        assert!(first.iter().any(|plan| plan.fate == fate), "{fate:?}");
    }
    assert!(first.iter().any(|plan| !plan.delay.is_zero()));
    assert!(fates(Mode::Demo, 1).iter().all(|&plan| plan == Plan::AT_ONCE));
}

#[test]
fn delays_differ_and_are_bounded() {
    let delays: std::collections::HashSet<_> =
        fates(Mode::Delay, 0).iter().map(|plan| plan.delay).collect();
    assert!(delays.len() > 50);
    assert!(delays.iter().all(|&delay| delay < LONG));
}

#[test]
fn a_mode_is_read_in_either_case() {
    for mode in Mode::ALL {
        assert_eq!(mode.to_string().parse(), Ok(mode));
        assert_eq!(mode.to_string().to_lowercase().parse(), Ok(mode));
    }
    assert_eq!("".parse::<Mode>(), Err(UnknownMode));
}
