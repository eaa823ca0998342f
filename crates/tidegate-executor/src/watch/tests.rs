use std::panic::Location;
use std::time::{Duration, Instant};

use super::slot::Slot;
use super::tag::Tag;
use super::watcher::Watcher;

const THRESHOLD: Duration = Duration::from_millis(100);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_poll_that_lasts_is_reported_once_and_once_more_at_its_end() {
    let (slot, start, name) = (Slot::default(), Instant::now(), Tag::new("slow"));
    let mut watcher = Watcher::new(THRESHOLD);
    let here = Location::caller();
    let noted = slot.note(here, 8, name.key());
    assert!(watcher.look(&[&slot], start).is_empty());
    assert!(watcher.look(&[&slot], start + ms(99)).is_empty());

    let reports = watcher.look(&[&slot], start + ms(100));
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].name.as_deref(), Some("slow"));
    assert_eq!((reports[0].id, reports[0].location), (Some(7), here));
    assert_eq!((reports[0].running_for, reports[0].over), (ms(100), false));

    assert!(watcher.look(&[&slot], start + ms(5000)).is_empty());
    let stuck = watcher.stuck();
    let still = stuck[0].still(start + ms(6000)).expect("it goes on");
    assert_eq!((still.running_for, still.over), (ms(6000), false));
    drop(noted);
    assert_eq!(stuck[0].still(start + ms(6000)), None);
    let reports = watcher.look(&[&slot], start + ms(5001));
    assert_eq!((reports[0].running_for, reports[0].over), (ms(5001), true));
    assert!(watcher.stuck().is_empty());
    assert!(watcher.look(&[&slot], start + ms(9000)).is_empty());
}

#[test]
fn many_short_polls_of_one_task_are_not_a_long_one() {
    let (slot, start) = (Slot::default(), Instant::now());
    let mut watcher = Watcher::new(THRESHOLD);
    for turn in 0..50 {
        let noted = slot.note(Location::caller(), 1, 0);
        assert!(watcher.look(&[&slot], start + ms(30 * turn)).is_empty());
        drop(noted);
    }
}

#[test]
fn an_end_and_another_stall_are_told_apart() {
    let (slot, start) = (Slot::default(), Instant::now());
    let mut watcher = Watcher::new(THRESHOLD);
    let first = slot.note(Location::caller(), 1, 0);
    watcher.look(&[&slot], start);
    assert_eq!(watcher.look(&[&slot], start + ms(200)).len(), 1);
    drop(first);
    let _second = slot.note(Location::caller(), 2, 0);
    let over = watcher.look(&[&slot], start + ms(300));
    assert_eq!((over.len(), over[0].id, over[0].over), (1, Some(0), true));
    let next = watcher.look(&[&slot], start + ms(400));
    assert_eq!((next.len(), next[0].id, next[0].over), (1, Some(1), false));
}

#[test]
fn an_outer_poll_is_seen_again_after_the_inner_one() {
    let (slot, here) = (Slot::default(), Location::caller());
    let outer = slot.note(here, 1, 0);
    let inner = slot.note(Location::caller(), 2, 0);
    assert_eq!(slot.read().map(|seen| seen.id), Some(2));
    drop(inner);
    assert_eq!(slot.read().map(|seen| (seen.id, seen.location)), Some((1, here)));
    drop(outer);
    assert_eq!(slot.read(), None);
}

#[test]
fn a_poll_that_panics_is_over() {
    let slot = Slot::default();
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _noted = slot.note(Location::caller(), 1, 0);
        std::panic::resume_unwind(Box::new("a panic"));
    }));
    assert!(polled.is_err());
    assert_eq!(slot.read(), None);
}

#[test]
fn a_name_is_listed_until_it_is_dropped() {
    let name = Tag::new("short-lived");
    let key = name.key();
    assert_eq!((name.key(), Tag::find(key).as_deref()), (key, Some("short-lived")));
    drop(name);
    assert_eq!(Tag::find(key), None);
}
