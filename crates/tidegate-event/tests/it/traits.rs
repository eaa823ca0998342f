use std::panic::{RefUnwindSafe, UnwindSafe};

use tidegate_event::{
    AutoResetEvent, AutoResetEventStatistics, Event, EventStatistics, Latch, LatchStatistics,
    WaitFut, WaitOwnedFut,
};

use crate::support::{Kind, for_each_kind};

fn thread_safe<T: Send + Sync>() {}
fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}
fn plain<T: Copy + Eq + Send + Sync + Unpin>() {}

#[test]
fn auto_traits_are_part_of_the_api() {
    thread_safe::<Event>();
    thread_safe::<AutoResetEvent>();
    thread_safe::<Latch>();
    survives_panics::<Event>();
    survives_panics::<AutoResetEvent>();
    survives_panics::<Latch>();
    thread_safe::<WaitFut<'_>>();
    thread_safe::<WaitFut<'_, AutoResetEvent>>();
    thread_safe::<WaitFut<'_, Latch>>();
    thread_safe::<WaitOwnedFut>();
    thread_safe::<WaitOwnedFut<AutoResetEvent>>();
    thread_safe::<WaitOwnedFut<Latch>>();
    plain::<EventStatistics>();
    plain::<AutoResetEventStatistics>();
    plain::<LatchStatistics>();
}

// A future that is in line must not be moved: for each, exactly one of these two holds.
#[test]
fn the_futures_are_not_unpin() {
    trait Ambiguous<A> {
        fn movable() {}
    }
    impl<T: ?Sized> Ambiguous<()> for T {}
    struct Movable;
    impl<T: ?Sized + Unpin> Ambiguous<Movable> for T {}
    // Each of these names one candidate only because the future is not `Unpin`.
    <WaitFut<'_> as Ambiguous<_>>::movable();
    <WaitFut<'_, AutoResetEvent> as Ambiguous<_>>::movable();
    <WaitFut<'_, Latch> as Ambiguous<_>>::movable();
    <WaitOwnedFut as Ambiguous<_>>::movable();
    <WaitOwnedFut<AutoResetEvent> as Ambiguous<_>>::movable();
    <WaitOwnedFut<Latch> as Ambiguous<_>>::movable();
}

#[test]
fn the_sizes_are_what_the_design_says() {
    fn test<K: Kind>() {
        assert!(size_of::<K>() <= 32);
        assert!(size_of::<WaitFut<'_, K>>() <= 56);
        assert!(size_of::<WaitOwnedFut<K>>() <= 64);
    }
    for_each_kind!(test);
}

#[test]
fn all_three_can_be_statics() {
    static EVENT: Event = Event::new();
    static TURNSTILE: AutoResetEvent = AutoResetEvent::new();
    static LATCH: Latch = Latch::new(2);
    assert!(!EVENT.is_set() && !TURNSTILE.is_set() && !LATCH.is_open());
    assert!(!Event::default().is_set() && !AutoResetEvent::default().is_set());
}

#[test]
fn debug_shows_the_state_and_the_count() {
    let (event, turnstile, latch) = (Event::new(), AutoResetEvent::new(), Latch::new(3));
    event.set();
    turnstile.set();
    for (text, state) in [
        (format!("{event:?}"), "Event { set: true"),
        (format!("{turnstile:?}"), "AutoResetEvent { set: true"),
        (format!("{latch:?}"), "Latch { count: 3"),
    ] {
        assert!(text.starts_with(state) && text.contains("waiters: 0"), "{text}");
    }
    assert_eq!(format!("{:?}", event.wait()), r#"WaitFut(Waiter { state: "fresh", .. })"#);
}
