//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use std::pin::pin;
use std::sync::Arc;

use tidegate_semaphore::{CapacityLimiter, OwnedSlot, Semaphore};
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{CountingWaker, block_on, poll_once, poll_with, race, spawn};

#[test]
fn one_permit_admits_one() {
    race(|| {
        let shared = Arc::new((Semaphore::new(1), AtomicUsize::new(0)));
        let enter = |shared: Arc<(Semaphore, AtomicUsize)>| {
            let permit = block_on(shared.0.acquire()).unwrap();
            assert_eq!(shared.1.fetch_add(1, Ordering::Relaxed), 0);
            shared.1.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || enter(shared))
            })
            .collect();
        enter(Arc::clone(&shared));
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(shared.0.available_permits(), 1);
    });
}

#[test]
fn a_large_request_gets_what_two_others_give_back() {
    race(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                spawn(move || drop(block_on(semaphore.acquire())))
            })
            .collect();
        drop(block_on(semaphore.acquire_many(2)).unwrap());
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn closing_races_a_waiter_that_leaves_and_one_that_stays() {
    race(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let stays = spawn({
            let semaphore = Arc::clone(&semaphore);
            move || assert!(block_on(semaphore.acquire()).is_err())
        });
        let leaves = spawn({
            let semaphore = Arc::clone(&semaphore);
            move || drop(poll_once(pin!(semaphore.acquire())))
        });
        semaphore.close();
        stays.join().unwrap();
        leaves.join().unwrap();
        assert_eq!(semaphore.waiters(), 0);
    });
}

// R3, R1
#[test]
fn a_release_is_never_lost() {
    race(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&semaphore).try_acquire_owned().unwrap();
        let (wakes, waker) = CountingWaker::new();
        let releaser = spawn(move || drop(permit));
        let mut acquire = pin!(semaphore.acquire());
        let first = poll_with(acquire.as_mut(), &waker).is_ready();
        releaser.join().unwrap();
        if !first {
            assert_eq!(wakes.count(), 1);
            assert!(poll_once(acquire).is_ready());
        }
    });
}

// R8
#[test]
fn closing_races_a_release_and_takes_nothing_away() {
    race(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let waits = spawn({
            let semaphore = Arc::clone(&semaphore);
            move || block_on(semaphore.acquire()).is_ok()
        });
        let releases = spawn({
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.add_permits(1)
        });
        semaphore.close();
        waits.join().unwrap();
        releases.join().unwrap();
        // Taken and given back, or never taken.
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
        assert!(semaphore.is_closed() && semaphore.try_acquire().is_none());
    });
}

// R8: tokio's was open again after this.
#[test]
fn closing_races_the_forgetting_of_permits_and_stays_closed() {
    race(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let forgets = spawn({
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.forget_permits(1)
        });
        let takes = spawn({
            let semaphore = Arc::clone(&semaphore);
            move || drop(semaphore.try_acquire_many(2))
        });
        semaphore.close();
        takes.join().unwrap();
        let forgotten = forgets.join().unwrap();
        assert!(semaphore.is_closed() && semaphore.try_acquire().is_none());
        assert_eq!(semaphore.available_permits(), 2 - forgotten);
    });
}

mod limiter {
    use super::*;

    #[test]
    fn one_slot_admits_one() {
        race(|| {
            let shared = Arc::new((CapacityLimiter::new(1), AtomicUsize::new(0)));
            let enter = |shared: Arc<(CapacityLimiter, AtomicUsize)>| {
                let slot = block_on(shared.0.acquire());
                assert_eq!(shared.1.fetch_add(1, Ordering::Relaxed), 0);
                shared.1.fetch_sub(1, Ordering::Relaxed);
                drop(slot);
            };
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let shared = Arc::clone(&shared);
                    spawn(move || enter(shared))
                })
                .collect();
            enter(Arc::clone(&shared));
            others.into_iter().for_each(|it| it.join().unwrap());
            let it = shared.0.statistics();
            assert_eq!((it.borrowed, it.waiting, it.peak, it.granted), (0, 0, 1, 3));
        });
    }

    #[test]
    fn a_slot_hands_on_what_was_done_under_it() {
        race(|| {
            let shared = Arc::new((CapacityLimiter::new(1), AtomicUsize::new(0)));
            // By two operations that order nothing: what is seen is seen because of the slot.
            let add_one = |shared: &(CapacityLimiter, AtomicUsize)| {
                let _slot = block_on(shared.0.acquire());
                let before = shared.1.load(Ordering::Relaxed);
                shared.1.store(before + 1, Ordering::Relaxed);
            };
            let other = spawn({
                let shared = Arc::clone(&shared);
                move || add_one(&shared)
            });
            add_one(&shared);
            add_one(&shared);
            other.join().unwrap();
            assert_eq!(shared.1.load(Ordering::Relaxed), 3);
        });
    }

    // D1 among threads: once a total is set, no more than that are let in.
    #[test]
    fn a_total_that_goes_down_and_up_lets_nobody_in_between() {
        race(|| {
            let shared = Arc::new((CapacityLimiter::new(2), AtomicUsize::new(0)));
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let shared = Arc::clone(&shared);
                    spawn(move || {
                        let Some(slot) = shared.0.try_acquire() else { return };
                        assert!(shared.1.fetch_add(1, Ordering::Relaxed) < 2);
                        shared.1.fetch_sub(1, Ordering::Relaxed);
                        drop(slot);
                    })
                })
                .collect();
            shared.0.set_total(1);
            let before = shared.0.borrowed();
            let after = shared.0.borrowed();
            // Nobody came in while there was no room.
            assert!(before <= 2 && after <= before.max(1), "{after} after {before}");
            shared.0.set_total(2);
            others.into_iter().for_each(|it| it.join().unwrap());
            let it = shared.0.statistics();
            assert_eq!((it.borrowed, it.total), (0, 2));
            assert!(it.granted <= 2 && it.peak <= it.granted);
        });
    }

    #[test]
    fn a_new_peak_is_what_was_really_out() {
        race(|| {
            let limiter = Arc::new(CapacityLimiter::new(3));
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let limiter = Arc::clone(&limiter);
                    spawn(move || drop(limiter.try_acquire().expect("there is room for all")))
                })
                .collect();
            let slot = limiter.try_acquire().expect("there is room for all");
            others.into_iter().for_each(|it| it.join().unwrap());
            let it = limiter.statistics();
            assert_eq!((it.borrowed, it.granted), (1, 3));
            assert!((1..=3).contains(&it.peak));
            drop(slot);
            // The peak says how many are taken without the lock, and so does the word.
            let slots: Vec<_> = (0..3).map(|_| limiter.try_acquire().unwrap()).collect();
            assert!(limiter.try_acquire().is_none());
            assert_eq!(limiter.statistics().peak, slots.len());
        });
    }

    #[test]
    fn a_release_is_never_lost() {
        race(|| {
            let limiter = Arc::new(CapacityLimiter::new(1));
            let slot = Arc::clone(&limiter).try_acquire_owned().unwrap();
            let (wakes, waker) = CountingWaker::new();
            let releaser = spawn(move || drop(slot));
            let mut acquire = pin!(limiter.acquire());
            let first = poll_with(acquire.as_mut(), &waker).is_ready();
            releaser.join().unwrap();
            if !first {
                assert_eq!(wakes.count(), 1);
                assert!(poll_once(acquire).is_ready());
            }
        });
    }

    #[test]
    fn a_waiter_that_leaves_while_it_is_granted_hands_on() {
        race(|| {
            let limiter = Arc::new(CapacityLimiter::new(1));
            let slot = Arc::clone(&limiter).try_acquire_owned().unwrap();
            let leaves = spawn({
                let limiter = Arc::clone(&limiter);
                move || drop(poll_once(pin!(limiter.acquire())))
            });
            let stays = spawn({
                let limiter = Arc::clone(&limiter);
                move || drop(block_on(limiter.acquire()))
            });
            drop(slot);
            leaves.join().unwrap();
            stays.join().unwrap();
            assert_eq!((limiter.borrowed(), limiter.waiters(), limiter.available()), (0, 0, 1));
        });
    }

    #[test]
    fn a_total_that_is_raised_races_a_release_and_a_newcomer() {
        race(|| {
            let limiter = Arc::new(CapacityLimiter::new(1));
            let slot = Arc::clone(&limiter).try_acquire_owned().unwrap();
            let comes = spawn({
                let limiter = Arc::clone(&limiter);
                move || drop(block_on(limiter.acquire()))
            });
            let raises = spawn({
                let limiter = Arc::clone(&limiter);
                move || limiter.set_total(2)
            });
            drop(slot);
            comes.join().unwrap();
            raises.join().unwrap();
            let it = limiter.statistics();
            assert_eq!((it.borrowed, it.waiting, it.total, it.granted), (0, 0, 2, 2));
            let both = (limiter.try_acquire(), limiter.try_acquire(), limiter.try_acquire());
            assert!(both.0.is_some() && both.1.is_some() && both.2.is_none());
        });
    }

    #[test]
    fn who_waits_until_nothing_is_out_hears_of_the_last_two() {
        race(|| {
            let limiter = Arc::new(CapacityLimiter::new(2));
            let written = Arc::new(AtomicUsize::new(0));
            for _ in 0..2 {
                let slot = Arc::clone(&limiter).try_acquire_owned().unwrap();
                let written = Arc::clone(&written);
                spawn(move || {
                    written.fetch_add(1, Ordering::Relaxed);
                    drop(slot);
                });
            }
            block_on(limiter.wait_idle());
            // All that was done under a slot is seen by who hears that none is out.
            assert_eq!((written.load(Ordering::Relaxed), limiter.borrowed()), (2, 0));
        });
    }

    // In what follows a thread of its own gives and one of its own looks, and the giver is joined first: loom
    // remembers the last access to each atomic only, so one that looks before it acts hides the instants between.

    /// A limiter, its slots that are out, and a message that nothing but the limiter orders.
    fn with_message(total: usize) -> (Arc<CapacityLimiter>, Vec<OwnedSlot>, Arc<AtomicUsize>) {
        let limiter = Arc::new(CapacityLimiter::new(total));
        let slots = (0..total).map(|_| Arc::clone(&limiter).try_acquire_owned().unwrap()).collect();
        (limiter, slots, Arc::new(AtomicUsize::new(0)))
    }

    /// Writes the message and gives `slot` back.
    fn say(message: &Arc<AtomicUsize>, slot: OwnedSlot) -> impl FnOnce() + Send + 'static {
        let message = Arc::clone(message);
        move || {
            message.store(7, Ordering::Relaxed);
            drop(slot);
        }
    }

    #[test]
    fn a_slot_that_is_given_back_under_the_lock_hands_on_what_was_done_under_it() {
        race(|| {
            let (limiter, mut slots, message) = with_message(1);
            let mut idle = pin!(limiter.wait_idle());
            assert!(poll_once(idle.as_mut()).is_pending());
            let gives = spawn(say(&message, slots.remove(0)));
            let takes = spawn({
                let limiter = Arc::clone(&limiter);
                move || {
                    // Kept while it is looked at: to give it back would take the lock as well.
                    let slot = limiter.try_acquire();
                    if slot.is_some() {
                        assert_eq!(message.load(Ordering::Relaxed), 7);
                    }
                }
            });
            gives.join().unwrap();
            takes.join().unwrap();
            assert!(poll_once(idle).is_ready());
        });
    }

    #[test]
    fn who_finds_nothing_out_sees_what_was_done() {
        race(|| {
            let (limiter, mut slots, message) = with_message(1);
            let gives = spawn(say(&message, slots.remove(0)));
            let looks = spawn(move || {
                if poll_once(pin!(limiter.wait_idle())).is_ready() {
                    assert_eq!(message.load(Ordering::Relaxed), 7);
                }
            });
            gives.join().unwrap();
            looks.join().unwrap();
        });
    }

    // The number that is out is the same before and after, so the word does not tell who waits that somebody gave back.
    #[test]
    fn who_waits_until_nothing_is_out_sees_what_was_done_by_one_whom_another_replaced() {
        race(|| {
            let (limiter, mut slots, message) = with_message(2);
            drop(slots.pop());
            let gives = spawn(say(&message, slots.remove(0)));
            let waits = spawn({
                let limiter = Arc::clone(&limiter);
                move || {
                    block_on(limiter.wait_idle());
                    assert_eq!(message.load(Ordering::Relaxed), 7);
                }
            });
            drop(limiter.try_acquire());
            gives.join().unwrap();
            waits.join().unwrap();
        });
    }

    #[test]
    fn who_comes_since_takes_no_news_that_nothing_was_out() {
        race(|| {
            let (limiter, slots, _) = with_message(1);
            let mut early = pin!(limiter.wait_idle());
            assert!(poll_once(early.as_mut()).is_pending());
            let leaves = spawn(move || drop(slots));
            let comes = spawn({
                let limiter = Arc::clone(&limiter);
                move || {
                    // Between the slot's return and the news of it.
                    let slot = Arc::clone(&limiter).try_acquire_owned()?;
                    let mut late = Box::pin(limiter.wait_idle_owned());
                    assert!(poll_once(late.as_mut()).is_pending());
                    Some((slot, late))
                }
            });
            leaves.join().unwrap();
            if let Some((slot, mut late)) = comes.join().unwrap() {
                assert!(poll_once(late.as_mut()).is_pending(), "its own slot is out");
                drop(slot);
                assert!(poll_once(late.as_mut()).is_ready());
            }
            assert!(poll_once(early).is_ready());
        });
    }

    // The first to say it has yet to say it when nothing is out for a second time, and says both.
    #[test]
    fn news_that_another_brings_along_brings_what_was_done_before_it() {
        race(|| {
            let (limiter, slots, message) = with_message(1);
            let mut early = pin!(limiter.wait_idle());
            assert!(poll_once(early.as_mut()).is_pending());
            let first = spawn(move || drop(slots));
            let second = spawn({
                let limiter = Arc::clone(&limiter);
                move || {
                    let slot = Arc::clone(&limiter).try_acquire_owned()?;
                    let mut late = Box::pin(limiter.wait_idle_owned());
                    assert!(poll_once(late.as_mut()).is_pending());
                    let says = say(&message, slot);
                    let hears = spawn(move || {
                        if poll_once(late.as_mut()).is_ready() {
                            assert_eq!(message.load(Ordering::Relaxed), 7);
                        }
                    });
                    says();
                    Some(hears)
                }
            });
            first.join().unwrap();
            if let Some(hears) = second.join().unwrap() {
                hears.join().unwrap();
            }
        });
    }

    // The last one out never looked at its slot.
    #[test]
    fn who_waits_until_nothing_is_out_hears_of_one_who_leaves() {
        race(|| {
            let limiter = Arc::new(CapacityLimiter::new(1));
            let slot = Arc::clone(&limiter).try_acquire_owned().unwrap();
            let leaves = spawn({
                let limiter = Arc::clone(&limiter);
                move || drop(poll_once(pin!(limiter.acquire())))
            });
            let idles = spawn({
                let limiter = Arc::clone(&limiter);
                move || block_on(limiter.wait_idle())
            });
            drop(slot);
            idles.join().unwrap();
            leaves.join().unwrap();
            assert_eq!(limiter.borrowed(), 0);
        });
    }

    #[test]
    fn one_who_no_longer_waits_until_nothing_is_out_takes_no_news_from_another() {
        race(|| {
            let limiter = Arc::new(CapacityLimiter::new(1));
            let slot = Arc::clone(&limiter).try_acquire_owned().unwrap();
            let gives_up = spawn({
                let limiter = Arc::clone(&limiter);
                move || _ = poll_once(pin!(limiter.wait_idle()))
            });
            let stays = spawn({
                let limiter = Arc::clone(&limiter);
                move || block_on(limiter.wait_idle())
            });
            drop(slot);
            gives_up.join().unwrap();
            stays.join().unwrap();
        });
    }
}
