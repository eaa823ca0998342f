use std::panic::{RefUnwindSafe, UnwindSafe};

use tidegate_semaphore::{
    AcquireFut, AcquireOwnedFut, CapacityLimiter, Closed, OwnedPermit, OwnedSlot, Permit,
    Semaphore, Slot, SlotFut, SlotOwnedFut, WaitIdleFut, WaitIdleOwnedFut,
};

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
    thread_safe::<CapacityLimiter>();
    thread_safe::<Slot<'_>>();
    thread_safe::<OwnedSlot>();
    thread_safe::<SlotFut<'_>>();
    thread_safe::<SlotOwnedFut>();
    thread_safe::<WaitIdleFut<'_>>();
    thread_safe::<WaitIdleOwnedFut>();
    movable::<Permit<'_>>();
    movable::<Slot<'_>>();
    movable::<OwnedSlot>();
    movable::<OwnedPermit>();
    survives_panics::<Semaphore>();
    survives_panics::<Permit<'_>>();
    survives_panics::<CapacityLimiter>();
    survives_panics::<Slot<'_>>();
    error::<Closed>();
}

#[test]
fn the_sizes_are_what_the_design_says() {
    assert_eq!(size_of::<Semaphore>(), 32);
    assert!(size_of::<AcquireFut<'_>>() <= 64);
    assert!(size_of::<CapacityLimiter>() <= 96);
    assert!(size_of::<SlotFut<'_>>() <= 56);
    assert_eq!(size_of::<Slot<'_>>(), size_of::<usize>());
}

#[test]
fn debug_shows_counts_and_never_waits() {
    let semaphore = Semaphore::new(2);
    let text = format!("{semaphore:?}");
    assert!(text.contains("available: 2") && text.contains("waiters: 0"), "{text}");

    let limiter = CapacityLimiter::new(7);
    let _slot = limiter.try_acquire();
    let text = format!("{limiter:?}");
    assert!(
        text.contains("total: 7, borrowed: 1, peak: 1") && text.contains("waiters: 0"),
        "{text}"
    );
    let text =
        format!("{:?} {:?} {:?}", limiter.acquire(), limiter.wait_idle(), limiter.statistics());
    assert!(text.contains("fresh") && text.contains("granted: 1"), "{text}");
}

#[test]
fn both_can_be_static() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    static LIMITER: CapacityLimiter = CapacityLimiter::new(1);
    let taken =
        std::thread::spawn(|| (SEMAPHORE.try_acquire(), LIMITER.try_acquire())).join().unwrap();
    assert!(taken.0.is_some() && taken.1.is_some());
    assert_eq!((SEMAPHORE.available_permits(), LIMITER.available()), (0, 0));
}
