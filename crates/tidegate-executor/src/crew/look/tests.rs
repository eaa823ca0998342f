use super::*;

fn is_long(patience: &mut Patience, found: bool) -> bool {
    let taken = patience.take();
    patience.learn(taken, found);
    !taken.is_zero()
}

#[test]
fn a_crew_that_looks_in_vain_looks_long_less_and_less_often() {
    let mut patience = Patience::default();
    for short in [1, 3, 7, 15, 15] {
        assert!(is_long(&mut patience, false));
        (0..short).for_each(|_| assert!(!is_long(&mut patience, false)));
    }
}

#[test]
fn a_crew_that_finds_jobs_looks_long() {
    let mut patience = Patience::default();
    (0..5).for_each(|_| assert!(is_long(&mut patience, true)));
    assert!(is_long(&mut patience, false));
    assert!(!is_long(&mut patience, true), "found in a short look");
    assert!(is_long(&mut patience, true));
}

#[test]
fn a_look_ends_when_there_are_jobs_and_when_it_has_taken_its_time() {
    let back = Back::new();
    assert!(!look(&back, Duration::ZERO));
    assert!(!look(&back, LONG));
    back.set_hint();
    assert!(look(&back, Duration::MAX));
}
