use super::*;
use crate::dominance::{dominates, is_done};
use crate::report;

#[test]
fn everybody_can_be_compared_with_everybody() {
    let tables = measure(SMOKE);
    assert_eq!(tables.len(), KNOWN.len() + UNSEEN.len());
    let page = report::markdown(&tables, None, SMOKE);
    for contender in ALL {
        assert!(
            page.contains(contender.name) && report::terminal(&tables).contains(contender.name)
        );
    }
}

// How much worse than the best it may be is for the tests of tidegate-time-lock.
#[test]
fn no_server_of_the_published_table_is_better_served_by_who_was_not_told() {
    let size = Size { seeds: 1, workers: &[64], long: Duration::from_secs(60), ..FULL };
    let ours = ALL.iter().find(|it| it.default).unwrap();
    for server in &KNOWN[..5] {
        let ours = cell(ours, *server, 64, size);
        assert!(is_done(&ours));
        for other in ALL.iter().filter(|it| !it.told) {
            let cell = cell(other, *server, 64, size);
            assert!(!dominates(&cell, &ours), "{} at {}: {cell:?}", other.name, server.name);
        }
    }
}

#[test]
fn a_run_is_the_same_each_time() {
    let load = Load { requests: 200, workers: 16 };
    // All but the one whose jitter takes no seed.
    for contender in ALL.iter().filter(|it| !it.name.starts_with("reqwest-retry")) {
        let run = || once(contender, KNOWN[0], load, 1, SMOKE.long).answers.accepted;
        assert_eq!(run(), run(), "{}", contender.name);
    }
}
