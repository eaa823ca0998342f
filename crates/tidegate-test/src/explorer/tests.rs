use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::*;

/// Says when it was dropped.
struct Said<'w>(&'w RefCell<String>);

impl Drop for Said<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push('D');
    }
}

/// What happened in each schedule of a scenario with two steps: `M`ade, `P`olled, `D`ropped, `1`, `2`.
fn stories() -> Vec<String> {
    let stories = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&stories);
    Explorer::new(|| RefCell::new(String::new()))
        .future(|story| {
            story.borrow_mut().push('M');
            hold(async move {
                story.borrow_mut().push('P');
                Said(story)
            })
        })
        .step(|story| story.borrow_mut().push('1'))
        .step(|story| story.borrow_mut().push('2'))
        .check(move |story| told.borrow_mut().push(story.borrow().clone()))
        .run();
    stories.take()
}

#[test]
fn what_a_future_resolved_to_is_held_until_the_future_is_dropped() {
    let stories = stories();
    assert_eq!(stories.len(), 32);
    for expected in ["MPD12", "MP1D2", "MP12D", "M1PD2", "M1P2D", "M12PD", "M12"] {
        assert!(stories.iter().any(|it| it == expected), "{expected} is not in {stories:?}");
    }
    // Nothing is held that was not got, and nothing stays.
    assert!(stories.iter().all(|it| it.contains('P') == it.contains('D')));
}

#[test]
fn a_schedule_reads_as_it_happens() {
    let schedule = Schedule { polls: 0b101, drop_in: 1, gaps: 3 };
    assert_eq!(schedule.to_string(), "poll step0 DROP step1 poll");
}

#[test]
fn a_check_that_fails_in_one_schedule_fails_the_run() {
    let runs = Rc::new(Cell::new(0));
    let count = Rc::clone(&runs);
    let explorer = Explorer::new(|| Cell::new(false))
        .future(|taken| hold(async { taken.set(true) }))
        .check(move |taken| {
            count.set(count.get() + 1);
            assert!(!taken.get());
        });
    assert!(catch_unwind(AssertUnwindSafe(|| explorer.run())).is_err());
    // Unpolled: dropped or not. The first one that is polled is the last.
    assert_eq!(runs.get(), 3);
}
