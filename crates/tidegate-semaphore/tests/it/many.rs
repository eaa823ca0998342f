use std::pin::pin;
use std::sync::Arc;

use tidegate_semaphore::Semaphore;
use tidegate_test::poll_once;

#[test]
fn nothing_at_all_is_ready_at_once_whoever_waits() {
    let semaphore = Semaphore::new(0);
    let mut waits = pin!(semaphore.acquire());
    assert!(poll_once(waits.as_mut()).is_pending());
    assert!(poll_once(pin!(semaphore.acquire_many(0))).is_ready());
}

#[test]
fn a_large_request_holds_nothing_back_before_it_is_whole() {
    let semaphore = Semaphore::new(5);
    let mut large = Box::pin(semaphore.acquire_many(6));
    assert!(poll_once(large.as_mut()).is_pending());
    assert_eq!(semaphore.available_permits(), 5, "the five are counted as free");
    let mut small = pin!(semaphore.acquire());
    assert!(poll_once(small.as_mut()).is_pending(), "but nobody overtakes");
    drop(large);
    assert!(poll_once(small.as_mut()).is_ready());
}

#[test]
fn a_permit_tells_whose_it_is_though_it_is_gone() {
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    let permit = one.try_acquire().unwrap();
    let whose = permit.semaphore();
    drop(permit);
    assert!(std::ptr::eq(whose, &one) && !std::ptr::eq(whose, &other));
    assert_eq!(whose.available_permits(), 1);
}

#[test]
fn splitting_and_merging_conserve_permits() {
    let semaphore = Arc::new(Semaphore::new(10));
    let mut permit = semaphore.try_acquire_many(6).unwrap();
    assert!(permit.split(7).is_none());
    assert_eq!(permit.count(), 6);
    let mut other = permit.split(4).unwrap();
    other.merge(semaphore.try_acquire().unwrap());
    drop(permit);
    assert_eq!((semaphore.available_permits(), other.count()), (5, 5));
    other.forget();
    assert_eq!(semaphore.available_permits(), 5);

    let mut owned = Arc::clone(&semaphore).try_acquire_many_owned(3).unwrap();
    let half = owned.split(1).unwrap();
    assert!(Arc::ptr_eq(half.semaphore(), &semaphore));
    owned.merge(half);
    assert!(owned.split(4).is_none());
    drop(owned);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn permits_may_be_added_and_taken_away_while_it_is_in_use() {
    let semaphore = Semaphore::new(1);
    let mut waits = pin!(semaphore.acquire_many(3));
    assert!(poll_once(waits.as_mut()).is_pending());
    assert_eq!(semaphore.forget_permits(usize::MAX), 1);
    semaphore.add_permits(2);
    assert!(poll_once(waits.as_mut()).is_pending());
    semaphore.add_permits(1);
    assert!(poll_once(waits.as_mut()).is_ready());
}

// B-S6: whoever adds too many is told; who gives back what it was given is not blamed for it.
#[test]
fn giving_back_never_panics_whatever_was_added_meanwhile() {
    let full = Semaphore::new(Semaphore::MAX_PERMITS);
    let permit = full.try_acquire().unwrap();
    full.add_permits(1);
    drop(permit);
    assert_eq!(full.available_permits(), Semaphore::MAX_PERMITS);

    let granted = Semaphore::new(0);
    let mut acquire = Box::pin(granted.acquire());
    assert!(poll_once(acquire.as_mut()).is_pending());
    granted.add_permits(1);
    granted.add_permits(Semaphore::MAX_PERMITS);
    drop(acquire);
    assert_eq!(granted.available_permits(), Semaphore::MAX_PERMITS);

    let mut all = full.try_acquire_many(Semaphore::MAX_PERMITS).unwrap();
    for _ in 0..9 {
        full.add_permits(Semaphore::MAX_PERMITS);
        all.merge(full.try_acquire_many(Semaphore::MAX_PERMITS).unwrap());
    }
    assert_eq!(all.count(), usize::MAX);
    drop(all);
    assert_eq!(full.available_permits(), Semaphore::MAX_PERMITS);
}
