use std::panic::{RefUnwindSafe, UnwindSafe};

use tidegate_semaphore::{AcquireFut, AcquireOwnedFut, Closed, OwnedPermit, Permit, Semaphore};

fn thread_safe<T: Send + Sync>() {}
fn movable<T: Unpin>() {}
fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn auto_traits_are_part_of_the_api() {
    thread_safe::<Semaphore>();
    thread_safe::<Permit<'_>>();
    thread_safe::<OwnedPermit>();
    thread_safe::<AcquireFut<'_>>();
    thread_safe::<AcquireOwnedFut>();
    movable::<Permit<'_>>();
    movable::<OwnedPermit>();
    survives_panics::<Semaphore>();
    survives_panics::<Permit<'_>>();
    error::<Closed>();
}

#[test]
fn the_sizes_are_what_the_design_says() {
    assert_eq!(size_of::<Semaphore>(), 32);
    assert!(size_of::<AcquireFut<'_>>() <= 64);
}

#[test]
fn debug_shows_counts_and_never_waits() {
    let semaphore = Semaphore::new(2);
    let text = format!("{semaphore:?}");
    assert!(text.contains("available: 2") && text.contains("waiters: 0"), "{text}");
}
