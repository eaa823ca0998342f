//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use std::pin::pin;
use std::sync::Arc;

use tidegate_shim::atomic::{AtomicU32, AtomicUsize, Ordering};
use tidegate_test::{CountingWaker, block_on, poll_once, poll_with, race, spawn};

// In all of these, data is written and read Relaxed on purpose: only the signal orders the writes before the reads, and
// loom lets a read see an old value wherever nothing does.

mod event {
    use super::*;
    use tidegate_event::Event;

    #[test]
    fn a_release_is_never_lost() {
        race(|| {
            let event = Arc::new(Event::new());
            let (wakes, waker) = CountingWaker::new();
            let setter = spawn({
                let event = Arc::clone(&event);
                move || _ = event.set()
            });
            let mut wait = pin!(event.wait());
            let first = poll_with(wait.as_mut(), &waker);
            setter.join().unwrap();
            assert_eq!(wakes.count(), usize::from(first.is_pending()));
            assert!(first.is_ready() || poll_once(wait).is_ready());
        });
    }

    #[test]
    fn what_happened_before_set_has_happened_for_all_who_waited() {
        race(|| {
            let message = Arc::new((Event::new(), AtomicU32::new(0)));
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let message = Arc::clone(&message);
                    spawn(move || {
                        block_on(message.0.wait());
                        assert_eq!(message.1.load(Ordering::Relaxed), 7);
                    })
                })
                .collect();
            message.1.store(7, Ordering::Relaxed);
            message.0.set();
            readers.into_iter().for_each(|it| it.join().unwrap());
        });
    }

    #[test]
    fn setting_and_clearing_at_once_releases_who_was_in_line_and_strands_nobody() {
        race(|| {
            let event = Arc::new(Event::new());
            let mut early = Box::pin(Arc::clone(&event).wait_owned());
            assert!(poll_once(early.as_mut()).is_pending());
            let pulse = spawn({
                let event = Arc::clone(&event);
                move || {
                    event.set();
                    event.clear();
                }
            });
            let leaver = spawn({
                let event = Arc::clone(&event);
                move || _ = poll_once(pin!(event.wait()))
            });
            let mut late = pin!(event.wait());
            let _ = poll_once(late.as_mut());
            pulse.join().unwrap();
            leaver.join().unwrap();
            assert!(poll_once(early.as_mut()).is_ready());
            let last = spawn({
                let event = Arc::clone(&event);
                move || _ = event.set()
            });
            block_on(event.wait());
            last.join().unwrap();
            assert_eq!(event.waiters(), 0);
        });
    }

    #[test]
    fn who_finds_it_cleared_sees_what_happened_before_it_was_cleared() {
        race(|| {
            let message = Arc::new((Event::new(), AtomicU32::new(0)));
            message.0.set();
            let others = [true, false].map(|sets| {
                let message = Arc::clone(&message);
                spawn(move || {
                    let found = if sets { message.0.set() } else { !message.0.is_set() };
                    if found {
                        assert_eq!(message.1.load(Ordering::Relaxed), 7);
                    }
                })
            });
            message.1.store(7, Ordering::Relaxed);
            message.0.clear();
            others.into_iter().for_each(|it| it.join().unwrap());
        });
    }

    // R23.
    #[test]
    fn two_setters_agree_who_was_first() {
        race(|| {
            let event = Arc::new(Event::new());
            let mut wait = Box::pin(Arc::clone(&event).wait_owned());
            assert!(poll_once(wait.as_mut()).is_pending());
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let event = Arc::clone(&event);
                    spawn(move || usize::from(event.set()))
                })
                .collect();
            let first: usize = others.into_iter().map(|it| it.join().unwrap()).sum();
            assert_eq!(first, 1);
            assert!(poll_once(wait.as_mut()).is_ready());
        });
    }

    // R24: reset racing set.
    #[test]
    fn who_comes_after_a_clear_is_not_released_by_the_set_that_it_cleared() {
        race(|| {
            let event = Arc::new(Event::new());
            let mut early = Box::pin(Arc::clone(&event).wait_owned());
            assert!(poll_once(early.as_mut()).is_pending());
            let setter = spawn({
                let event = Arc::clone(&event);
                move || _ = event.set()
            });
            let late = event.clear().then(|| {
                // Since the clear nobody has called `set`: the one that is still under way took effect before.
                let mut late = Box::pin(Arc::clone(&event).wait_owned());
                assert!(poll_once(late.as_mut()).is_pending());
                late
            });
            setter.join().unwrap();
            assert!(poll_once(early.as_mut()).is_ready());
            if let Some(mut late) = late {
                assert!(poll_once(late.as_mut()).is_pending());
                event.set();
                assert!(poll_once(late.as_mut()).is_ready());
            }
        });
    }

    #[test]
    fn who_finds_it_up_comes_after_the_one_that_raised_it() {
        race(|| {
            let message = Arc::new((Event::new(), AtomicU32::new(0)));
            let first = spawn({
                let message = Arc::clone(&message);
                move || {
                    message.1.store(7, Ordering::Relaxed);
                    message.0.set();
                }
            });
            // `set` answers that it was set before.
            if !message.0.set() {
                assert_eq!(message.1.load(Ordering::Relaxed), 7);
            }
            first.join().unwrap();
        });
    }

    #[test]
    fn who_clears_it_comes_after_the_one_that_set_it() {
        race(|| {
            let message = Arc::new((Event::new(), AtomicU32::new(0)));
            let setter = spawn({
                let message = Arc::clone(&message);
                move || {
                    message.1.store(7, Ordering::Relaxed);
                    message.0.set();
                }
            });
            if message.0.clear() {
                assert_eq!(message.1.load(Ordering::Relaxed), 7);
            }
            setter.join().unwrap();
        });
    }

    #[test]
    fn who_comes_while_others_are_released_sees_what_was_done_before() {
        race(|| {
            let message = Arc::new((Event::new(), AtomicU32::new(0)));
            let mut early = pin!(message.0.wait());
            assert!(poll_once(early.as_mut()).is_pending());
            let setter = spawn({
                let message = Arc::clone(&message);
                move || {
                    message.1.store(7, Ordering::Relaxed);
                    message.0.set();
                }
            });
            // The flag is up before the lock is free.
            if message.0.is_set() {
                assert_eq!(message.1.load(Ordering::Relaxed), 7);
            }
            setter.join().unwrap();
        });
    }

    // R18, R20: three in line are one more than are woken at a time under the model.
    #[test]
    fn a_broadcast_reaches_a_second_batch_while_one_leaves_it() {
        race(|| {
            let event = Arc::new(Event::new());
            let (wakes, waker) = CountingWaker::new();
            let mut waits: Vec<_> = (0..3).map(|_| Box::pin(event.wait())).collect();
            for wait in &mut waits {
                assert!(poll_with(wait.as_mut(), &waker).is_pending());
            }
            let setter = spawn({
                let event = Arc::clone(&event);
                move || _ = event.set()
            });
            drop(waits.pop());
            setter.join().unwrap();
            assert!(wakes.count() >= 2);
            for wait in &mut waits {
                assert!(poll_once(wait.as_mut()).is_ready());
            }
            assert_eq!(event.waiters(), 0);
        });
    }

    // R19, R23: more threads than are woken at a time.
    #[test]
    fn two_broadcasts_a_clear_and_a_newcomer_strand_nobody() {
        race(|| {
            let event = Arc::new(Event::new());
            let mut waits: Vec<_> = (0..3).map(|_| Box::pin(event.wait())).collect();
            for wait in &mut waits {
                assert!(poll_once(wait.as_mut()).is_pending());
            }
            let pulse = spawn({
                let event = Arc::clone(&event);
                move || {
                    event.set();
                    event.clear();
                }
            });
            let setter = spawn({
                let event = Arc::clone(&event);
                move || _ = event.set()
            });
            let (wakes, waker) = CountingWaker::new();
            let mut late = pin!(event.wait());
            let first = poll_with(late.as_mut(), &waker);
            pulse.join().unwrap();
            setter.join().unwrap();
            for wait in &mut waits {
                assert!(poll_once(wait.as_mut()).is_ready());
            }
            // Who is in line once all is done came after the last `set`, and finds the event cleared.
            if first.is_pending() {
                assert_eq!(poll_once(late).is_ready(), wakes.count() == 1);
                assert!(wakes.count() == 1 || !event.is_set());
            }
        });
    }
}

mod auto_reset_event {
    use super::*;
    use tidegate_event::AutoResetEvent;

    #[test]
    fn a_release_is_never_lost() {
        race(|| {
            let event = Arc::new(AutoResetEvent::new());
            let (wakes, waker) = CountingWaker::new();
            let setter = spawn({
                let event = Arc::clone(&event);
                move || assert!(event.set())
            });
            let mut wait = pin!(event.wait());
            let first = poll_with(wait.as_mut(), &waker);
            setter.join().unwrap();
            assert_eq!(wakes.count(), usize::from(first.is_pending()));
            assert!(first.is_ready() || poll_once(wait).is_ready());
            assert!(!event.is_set());
        });
    }

    // R3: dropped exactly while it is released.
    #[test]
    fn a_turn_moves_on_when_its_waiter_leaves_in_that_instant() {
        race(|| {
            let event = Arc::new(AutoResetEvent::new());
            let mut leaver = Box::pin(Arc::clone(&event).wait_owned());
            assert!(poll_once(leaver.as_mut()).is_pending());
            let setter = spawn({
                let event = Arc::clone(&event);
                move || assert!(event.set())
            });
            let waiter = spawn({
                let event = Arc::clone(&event);
                move || block_on(event.wait())
            });
            drop(leaver);
            setter.join().unwrap();
            waiter.join().unwrap();
            assert!(!event.is_set());
            assert_eq!(event.waiters(), 0);
        });
    }

    #[test]
    fn two_who_set_release_two_who_wait() {
        race(|| {
            let event = Arc::new(AutoResetEvent::new());
            let mut waits: Vec<_> = (0..3).map(|_| Box::pin(event.wait())).collect();
            for wait in &mut waits {
                assert!(poll_once(wait.as_mut()).is_pending());
            }
            let setters: Vec<_> = (0..2)
                .map(|_| {
                    let event = Arc::clone(&event);
                    spawn(move || assert!(event.set()))
                })
                .collect();
            // The first in line leaves, released or not.
            drop(waits.remove(0));
            setters.into_iter().for_each(|it| it.join().unwrap());
            for wait in &mut waits {
                assert!(poll_once(wait.as_mut()).is_ready());
            }
            assert!(!event.is_set());
            assert_eq!(event.waiters(), 0);
        });
    }

    #[test]
    fn one_set_admits_one_of_three_who_try_and_who_wait() {
        race(|| {
            let event = Arc::new(AutoResetEvent::new());
            let setter = spawn({
                let event = Arc::clone(&event);
                move || assert!(event.set())
            });
            let trier = spawn({
                let event = Arc::clone(&event);
                move || usize::from(event.try_wait())
            });
            let mut wait = Box::pin(event.wait());
            let early = poll_once(wait.as_mut()).is_ready();
            setter.join().unwrap();
            let waited = usize::from(early || poll_once(wait.as_mut()).is_ready());
            drop(wait);
            let tried = trier.join().unwrap();
            assert_eq!(tried + waited + usize::from(event.is_set()), 1);
        });
    }

    #[test]
    fn two_takers_do_not_both_get_what_is_remembered() {
        race(|| {
            let event = Arc::new(AutoResetEvent::new());
            event.set();
            let takers: Vec<_> = (0..2)
                .map(|_| {
                    let event = Arc::clone(&event);
                    spawn(move || usize::from(poll_once(pin!(event.wait())).is_ready()))
                })
                .collect();
            let taken: usize = takers.into_iter().map(|it| it.join().unwrap()).sum();
            assert_eq!((taken, event.is_set(), event.waiters()), (1, false, 0));
        });
    }

    // The flag that it was shown is taken by another, and raised again before it joins the line.
    #[test]
    fn a_flag_that_goes_down_and_up_while_somebody_joins_is_not_overlooked() {
        race(|| {
            let event = Arc::new(AutoResetEvent::new());
            let act = |act: fn(&AutoResetEvent) -> bool| {
                let event = Arc::clone(&event);
                spawn(move || _ = act(&event))
            };
            let others =
                [AutoResetEvent::set, AutoResetEvent::try_wait, AutoResetEvent::set].map(act);
            let mut wait = Box::pin(event.wait());
            let first = poll_once(wait.as_mut()).is_ready();
            others.into_iter().for_each(|it| it.join().unwrap());
            assert!(first || poll_once(wait.as_mut()).is_ready() || !event.is_set());
        });
    }

    // Also of two that merge: whoever is released looks for the work of both.
    #[test]
    fn what_happened_before_each_set_has_happened_for_who_is_released() {
        race(|| {
            let work = Arc::new((AutoResetEvent::new(), AtomicUsize::new(0)));
            let posters: Vec<_> = (0..2)
                .map(|_| {
                    let work = Arc::clone(&work);
                    spawn(move || {
                        work.1.fetch_add(1, Ordering::Relaxed);
                        work.0.set();
                    })
                })
                .collect();
            // Were a part of it overlooked, this would wait for ever.
            while work.1.load(Ordering::Relaxed) < 2 {
                block_on(work.0.wait());
            }
            posters.into_iter().for_each(|it| it.join().unwrap());
        });
    }

    #[test]
    fn what_happened_before_a_set_has_happened_for_who_sees_it() {
        race(|| {
            let message = Arc::new((AutoResetEvent::new(), AtomicU32::new(0)));
            let looker = spawn({
                let message = Arc::clone(&message);
                move || {
                    if message.0.is_set() {
                        assert_eq!(message.1.load(Ordering::Relaxed), 7);
                    }
                }
            });
            message.1.store(7, Ordering::Relaxed);
            message.0.set();
            looker.join().unwrap();
        });
    }

    #[test]
    fn what_happened_before_a_set_has_happened_for_who_takes_it() {
        race(|| {
            let message = Arc::new((AutoResetEvent::new(), AtomicU32::new(0)));
            let setter = spawn({
                let message = Arc::clone(&message);
                move || {
                    message.1.store(7, Ordering::Relaxed);
                    message.0.set();
                }
            });
            // One that is handed on has been seen by who left, and still tells what it told.
            let mut leaver = Box::pin(message.0.wait());
            let left = poll_once(leaver.as_mut()).is_ready();
            drop(leaver);
            if !left {
                block_on(message.0.wait());
            }
            assert_eq!(message.1.load(Ordering::Relaxed), 7);
            setter.join().unwrap();
        });
    }
}

mod latch {
    use super::*;
    use tidegate_event::Latch;

    #[test]
    fn a_release_is_never_lost() {
        race(|| {
            let latch = Arc::new(Latch::new(2));
            let (wakes, waker) = CountingWaker::new();
            let counters: Vec<_> = (0..2)
                .map(|_| {
                    let latch = Arc::clone(&latch);
                    spawn(move || latch.count_down(1))
                })
                .collect();
            let mut wait = pin!(latch.wait());
            let first = poll_with(wait.as_mut(), &waker);
            counters.into_iter().for_each(|it| it.join().unwrap());
            assert_eq!(wakes.count(), usize::from(first.is_pending()));
            assert!(first.is_ready() || poll_once(wait).is_ready());
        });
    }

    // One is in line from the start, so whoever counts last opens it for the line ...
    #[test]
    fn what_happened_before_each_count_has_happened_for_who_waited() {
        race(|| {
            let latch = Arc::new(Latch::new(2));
            let work = Arc::new(AtomicUsize::new(0));
            let mut early = Box::pin(Arc::clone(&latch).wait_owned());
            assert!(poll_once(early.as_mut()).is_pending());
            let looker = spawn({
                let work = Arc::clone(&work);
                move || {
                    if poll_once(early.as_mut()).is_ready() {
                        assert_eq!(work.load(Ordering::Relaxed), 2);
                    }
                }
            });
            let counter = |work: &AtomicUsize, latch: &Latch| {
                work.fetch_add(1, Ordering::Relaxed);
                latch.count_down(1);
            };
            let other = spawn({
                let (work, latch) = (Arc::clone(&work), Arc::clone(&latch));
                move || counter(&work, &latch)
            });
            counter(&work, &latch);
            other.join().unwrap();
            looker.join().unwrap();
        });
    }

    // ... and who was not in it sees that it is open all the same.
    #[test]
    fn who_sees_a_count_of_nought_sees_what_all_counted() {
        race(|| {
            let work = Arc::new((Latch::new(2), AtomicUsize::new(0)));
            let mut early = Box::pin(work.0.wait());
            assert!(poll_once(early.as_mut()).is_pending());
            let counter = |work: &(Latch, AtomicUsize)| {
                work.1.fetch_add(1, Ordering::Relaxed);
                work.0.count_down(1);
            };
            let other = spawn({
                let work = Arc::clone(&work);
                move || counter(&work)
            });
            let looker = spawn({
                let work = Arc::clone(&work);
                move || {
                    if work.0.count() == 0 {
                        assert_eq!(work.1.load(Ordering::Relaxed), 2);
                    }
                }
            });
            counter(&work);
            other.join().unwrap();
            looker.join().unwrap();
            assert!(poll_once(early.as_mut()).is_ready());
        });
    }

    #[test]
    fn who_sees_it_open_sees_what_all_counted() {
        race(|| {
            let work = Arc::new((Latch::new(2), AtomicUsize::new(0)));
            let counter = |work: Arc<(Latch, AtomicUsize)>| {
                work.1.fetch_add(1, Ordering::Relaxed);
                work.0.count_down(1);
            };
            let other = spawn({
                let work = Arc::clone(&work);
                move || counter(work)
            });
            let waiter = spawn({
                let work = Arc::clone(&work);
                move || {
                    block_on(work.0.wait());
                    assert_eq!(work.1.load(Ordering::Relaxed), 2);
                }
            });
            counter(Arc::clone(&work));
            other.join().unwrap();
            waiter.join().unwrap();
            assert_eq!(work.0.waiters(), 0);
        });
    }

    // R18, R20: three in line are one more than are woken at a time under the model.
    #[test]
    fn the_last_count_reaches_a_second_batch_while_one_leaves_it() {
        race(|| {
            let latch = Arc::new(Latch::new(2));
            let mut waits: Vec<_> = (0..3).map(|_| Box::pin(latch.wait())).collect();
            for wait in &mut waits {
                assert!(poll_once(wait.as_mut()).is_pending());
            }
            let counters: Vec<_> = (0..2)
                .map(|_| {
                    let latch = Arc::clone(&latch);
                    spawn(move || latch.count_down(1))
                })
                .collect();
            drop(waits.pop());
            counters.into_iter().for_each(|it| it.join().unwrap());
            for wait in &mut waits {
                assert!(poll_once(wait.as_mut()).is_ready());
            }
            assert_eq!((latch.count(), latch.waiters()), (0, 0));
        });
    }

    #[test]
    fn counting_too_far_at_once_opens_it_once() {
        race(|| {
            let latch = Arc::new(Latch::new(3));
            let (wakes, waker) = CountingWaker::new();
            let mut wait = Box::pin(latch.wait());
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
            // The second may come for the lock to open it while the first is still counting.
            let counters = [2, 3].map(|n| {
                let latch = Arc::clone(&latch);
                spawn(move || latch.count_down(n))
            });
            latch.count_down(1);
            counters.into_iter().for_each(|it| it.join().unwrap());
            assert_eq!((latch.count(), latch.waiters(), wakes.count()), (0, 0, 1));
            assert!(poll_once(wait.as_mut()).is_ready());
        });
    }
}
