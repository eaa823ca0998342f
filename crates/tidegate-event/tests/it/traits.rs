use std::panic::{RefUnwindSafe, UnwindSafe};

use tidegate_event::{Event, WaitFut, WaitOwnedFut};

fn thread_safe<T: Send + Sync>() {}
fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}

#[test]
fn auto_traits_are_part_of_the_api() {
    thread_safe::<Event>();
    thread_safe::<WaitFut<'_>>();
    thread_safe::<WaitOwnedFut>();
    survives_panics::<Event>();
}

#[test]
fn the_sizes_are_what_the_design_says() {
    assert_eq!(size_of::<Event>(), 32);
    assert!(size_of::<WaitFut<'_>>() <= 56);
}

#[test]
fn debug_shows_the_state_and_never_waits() {
    let event = Event::default();
    event.set();
    let text = format!("{event:?}");
    assert!(text.contains("set: true") && text.contains("waiters: 0"), "{text}");
}
