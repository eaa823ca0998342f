use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use tidegate_condition::{Condition, ConditionStatistics, WaitForFut, WaitFut, WaitOwnedFut};
use tidegate_lock::{Barging, Lock, LockGuard, OwnedLockGuard};
use tidegate_test::poll_once;

use crate::wait;

fn thread_safe<T: Send + Sync + Debug>() {}
fn may_be_sent<T: Send + Debug>() {}
fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}
fn plain<T: Copy + Eq + Debug + Unpin + 'static>() {}

type Ask = fn(&mut u8) -> bool;
type WaitFor<'a> = WaitForFut<'a, LockGuard<'a, u8>, Ask>;
type WaitForOwned<'a> = WaitForFut<'a, OwnedLockGuard<u8, Barging>, Ask>;

// 27.
#[test]
fn auto_traits_are_part_of_the_api() {
    thread_safe::<Condition>();
    survives_panics::<Condition>();
    plain::<ConditionStatistics>();
    thread_safe::<WaitFut<'_, '_, u8>>();
    thread_safe::<WaitFut<'_, '_, dyn Debug + Send, Barging>>();
    thread_safe::<WaitOwnedFut<'_, u8>>();
    may_be_sent::<WaitFor<'_>>();
    may_be_sent::<WaitForOwned<'_>>();
    // The value may not be shared, but it may be sent: nobody else reaches it.
    may_be_sent::<WaitFut<'_, '_, std::cell::Cell<u8>>>();
    may_be_sent::<WaitOwnedFut<'_, std::cell::Cell<u8>>>();
}

/// Is ambiguous, and so does not compile, for what is of the kind in question.
trait Not<A> {
    fn holds() {}
}
impl<T> Not<()> for T {}

/// [`Not`] for [`Unpin`].
mod unpin {
    pub(super) trait Not<A> {
        fn holds() {}
    }
    impl<T> Not<()> for T {}
    impl<T: Unpin> Not<u8> for T {}
}

impl<T: Send> Not<u8> for T {}

#[test]
fn futures_stay_where_they_are_pinned() {
    <WaitFut<'_, '_, u8> as unpin::Not<_>>::holds();
    <WaitOwnedFut<'_, u8> as unpin::Not<_>>::holds();
    <WaitFor<'_> as unpin::Not<_>>::holds();
}

#[test]
fn a_wait_goes_no_further_than_its_value_may() {
    <WaitFut<'_, '_, Rc<u8>> as Not<_>>::holds();
    <WaitOwnedFut<'_, Rc<u8>> as Not<_>>::holds();
    <WaitForFut<'_, LockGuard<'_, Rc<u8>>, Ask> as Not<_>>::holds();
}

#[test]
fn the_sizes_are_what_the_design_says() {
    assert!(size_of::<Condition>() <= 32);
    assert!(size_of::<WaitFut<'_, '_, u8>>() <= 88);
    assert!(size_of::<WaitOwnedFut<'_, u8>>() <= 88);
    assert!(size_of::<WaitFor<'_>>() <= 144);
}

#[test]
fn a_condition_and_its_lock_may_be_statics_and_the_value_unsized() {
    static LOCK: Lock<u8> = Lock::new(1);
    static CHANGED: Condition = Condition::new();
    let wait: WaitFut<'static, 'static, u8> = CHANGED.wait(LOCK.lock_blocking());
    drop(wait);

    let lock: Arc<Lock<dyn Debug + Send>> = Arc::new(Lock::new(5));
    let guard = Arc::clone(&lock).lock_owned_blocking();
    let mut wait = pin!(CHANGED.wait_owned(guard));
    assert!(poll_once(wait.as_mut()).is_pending());
    CHANGED.notify_one();
    assert_eq!(format!("{:?}", crate::ready(wait)), "5");
}

#[test]
fn debug_shows_the_state_and_never_waits() {
    let (lock, condition) = (Lock::new(0), Condition::default());
    let mut it = wait(&condition, &lock);
    assert!(format!("{condition:?}").contains("waiters: 1"));
    assert!(format!("{it:?}").contains("notified: false"));
    condition.notify_one();
    assert!(format!("{it:?}").contains("notified: true"));
    let guard = crate::guard(&mut it);
    let mut wait = pin!(condition.wait_for(guard, |it| *it == 1));
    assert!(format!("{wait:?}").contains("not asked yet"));
    assert!(poll_once(wait.as_mut()).is_pending());
    assert!(format!("{wait:?}").contains("waiting"));
    *lock.lock_blocking() = 1;
    condition.notify_one();
    drop(crate::ready(wait.as_mut()));
    assert!(format!("{wait:?}").contains("ended"));
    let text = format!("{:?}", condition.wait_owned(Arc::new(Lock::new(0)).lock_owned_blocking()));
    assert!(text.contains("WaitOwnedFut"), "{text}");
}
