use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::Poll;

use tidegate_barrier::{Barrier, BarrierStatistics, BarrierTurn, Broken, WaitFut, WaitOwnedFut};
use tidegate_test::poll_once;

fn thread_safe<T: Send + Sync + Debug>() {}
fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}
fn plain<T: Copy + Eq + Debug + Unpin + 'static>() {}

// 27.
#[test]
fn auto_traits_are_part_of_the_api() {
    thread_safe::<Barrier>();
    thread_safe::<WaitFut<'_>>();
    thread_safe::<WaitOwnedFut>();
    survives_panics::<Barrier>();
    error::<Broken>();
    plain::<BarrierTurn>();
    plain::<Broken>();
    plain::<BarrierStatistics>();
}

/// Is ambiguous, and so does not compile, for what can be moved after it was pinned.
trait Pinned<A> {
    fn stays() {}
}
impl<T> Pinned<()> for T {}
impl<T: Unpin> Pinned<u8> for T {}

#[test]
fn futures_stay_where_they_are_pinned() {
    <WaitFut<'_> as Pinned<_>>::stays();
    <WaitOwnedFut as Pinned<_>>::stays();
}

#[test]
fn the_sizes_are_what_the_design_says() {
    assert_eq!(size_of::<Barrier>(), 48);
    assert!(size_of::<WaitFut<'_>>() <= 64);
    assert!(size_of::<WaitOwnedFut>() <= 72);
}

#[test]
fn a_barrier_may_be_a_static() {
    static BARRIER: Barrier = Barrier::new(2);
    assert_eq!(BARRIER.parties(), 2);
}

#[test]
fn debug_and_display_show_the_state_and_never_wait() {
    let barrier = Barrier::new(2);
    let mut wait = Box::pin(barrier.wait());
    assert!(poll_once(wait.as_mut()).is_pending());
    let text = format!("{barrier:?}");
    for part in ["parties: 2", "broken: false", "waiters: 1"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(format!("{wait:?}").contains("waiting"));
    barrier.abort();
    assert!(format!("{barrier:?}").contains("broken: true"));
    let Poll::Ready(Err(broken)) = poll_once(wait.as_mut()) else { panic!("it was aborted") };
    assert_eq!(broken.to_string(), "the barrier was aborted or reset");
    barrier.reset();
    let turn = Barrier::new(1).wait_blocking().unwrap();
    assert_eq!(format!("{turn:?}"), "BarrierTurn { index: 0, leader: true }");
}
