use std::time::Duration;

use super::{Entry, Outcome, Scenario, Unit, measure, median};
use crate::guarantee::{Guarantee, Who};

fn entry(who: Who, value: f64) -> Entry {
    Entry::new(who, move |_, _| Outcome::Was(value))
}

#[test]
fn one_is_measured_by_the_best_other_that_promises_the_same_and_keeps_it() {
    let entries = vec![
        entry(Who::ours("ours", Guarantee::Fifo), 4.0),
        entry(Who::peer("slow", Guarantee::Fifo), 8.0),
        entry(Who::peer("fast", Guarantee::Fifo), 5.0),
        entry(Who::peer("faster, in no order", Guarantee::Unfair), 2.0),
        entry(Who::peer("fastest, but wrong", Guarantee::Fifo).breaks("is wrong"), 1.0),
    ];
    let scenario = Scenario::new("test/times", "", entries).unit(Unit::Times).crowded(1);
    let table = measure(scenario, 3);
    let ratios: Vec<_> = table.figures.iter().map(|it| it.ratio.unwrap_or(f64::NAN)).collect();
    assert_eq!(ratios, [0.8, 1.6, 1.0, 1.0, 0.2]);
    assert_eq!(table.bar(&table.figures[0].who).map(|it| it.who.name), Some("fast"));
}

#[test]
fn of_shares_the_largest_is_the_best() {
    let entries = vec![
        entry(Who::ours("ours", Guarantee::Fifo), 0.9),
        entry(Who::peer("fair", Guarantee::Fifo), 1.0),
        entry(Who::peer("less", Guarantee::Fifo), 0.5),
    ];
    let scenario = Scenario::new("test/share", "", entries).unit(Unit::Share).crowded(1);
    let table = measure(scenario, 1);
    assert_eq!(table.bar(&table.figures[0].who).map(|it| it.who.name), Some("fair"));
}

#[test]
fn a_time_is_that_of_one_operation() {
    let entries = vec![Entry::new(Who::ours("ours", Guarantee::Fifo), |_, n: u64| {
        Duration::from_nanos(7 * n)
    })];
    let table = measure(Scenario::new("test/time", "", entries).crowded(1_000), 1);
    assert_eq!(table.figures[0].median, 7.0);
}

#[test]
fn the_median_is_in_the_middle() {
    assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    assert!(median(Vec::new()).is_nan());
}
