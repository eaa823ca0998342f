use std::collections::HashSet;

use super::all;
use crate::measure::rehearse;

#[cfg(unix)]
tidegate_executor::process_test_entry!();

#[test]
fn every_contender_does_the_work_of_every_scenario() {
    for scenario in all() {
        eprintln!("{}", scenario.id);
        rehearse(&scenario);
    }
}

#[test]
fn ours_takes_part_in_every_scenario_beside_somebody_it_is_measured_by() {
    for scenario in all() {
        let ours: Vec<_> = scenario.entries.iter().filter(|it| it.who.ours).collect();
        assert!(!ours.is_empty(), "{}", scenario.id);
        for own in ours {
            let bar = scenario.entries.iter().any(|it| own.who.is_measured_by(&it.who));
            assert!(bar, "{}: {}", scenario.id, own.who.name);
        }
    }
}

#[test]
fn no_two_scenarios_and_no_two_contenders_of_one_have_a_name_in_common() {
    let mut ids = HashSet::new();
    for scenario in all() {
        assert!(ids.insert(scenario.id), "{}", scenario.id);
        let mut names = HashSet::new();
        for entry in &scenario.entries {
            assert!(names.insert(entry.who.name), "{}: {}", scenario.id, entry.who.name);
        }
    }
}
