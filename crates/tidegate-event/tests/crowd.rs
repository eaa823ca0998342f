//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::sync::Arc;

use tidegate_event::{AutoResetEvent, Event, Latch};
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{crowd, fidget, give_up, member, pause, poll_once, spawn};

#[test]
fn whoever_stays_is_released_however_many_leave() {
    crowd(|| {
        let event = Arc::new(Event::new());
        let mut members = Vec::new();
        for i in 0..6 {
            let stays = Arc::clone(&event);
            members.push(member(async move { fidget(i % 3, stays.wait()).await }));
            let leaves = Arc::clone(&event);
            members.push(member(async move { _ = give_up(i % 4, leaves.wait()).await }));
        }
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let event = Arc::clone(&event);
                spawn(move || event.wait_blocking())
            })
            .collect();
        event.set();
        members.into_iter().for_each(|it| it.join());
        threads.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(event.waiters(), 0);
    });
}

#[test]
fn what_was_written_before_set_is_seen_by_a_crowd() {
    crowd(|| {
        let message = Arc::new((Event::new(), AtomicUsize::new(0)));
        let readers: Vec<_> = (0..8)
            .map(|i| {
                let message = Arc::clone(&message);
                member(async move {
                    fidget(i % 3, message.0.wait()).await;
                    assert_eq!(message.1.load(Ordering::Relaxed), 7);
                })
            })
            .collect();
        message.1.store(7, Ordering::Relaxed);
        message.0.set();
        readers.into_iter().for_each(|it| it.join());
    });
}

#[test]
fn pulses_release_all_who_were_in_line_and_strand_nobody() {
    crowd(|| {
        let event = Arc::new(Event::new());
        // Five in line before anybody sets it: two batches and a half under the model.
        let mut early: Vec<_> =
            (0..5).map(|_| Some(Box::pin(Arc::clone(&event).wait_owned()))).collect();
        for it in early.iter_mut().flatten() {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        let leavers: Vec<_> = [1, 3].into_iter().filter_map(|i| early[i].take()).collect();
        let leavers: Vec<_> = leavers.into_iter().map(|it| spawn(move || drop(it))).collect();
        let pulses: Vec<_> = (0..3)
            .map(|_| {
                let event = Arc::clone(&event);
                spawn(move || {
                    event.set();
                    event.clear();
                })
            })
            .collect();
        let late: Vec<_> = (0..4)
            .map(|looks| {
                let event = Arc::clone(&event);
                member(async move { _ = give_up(looks, event.wait()).await })
            })
            .collect();
        pulses.into_iter().chain(leavers).for_each(|it| it.join().unwrap());
        for it in early.iter_mut().flatten() {
            assert!(poll_once(it.as_mut()).is_ready());
        }
        late.into_iter().for_each(|it| it.join());
        assert!(!event.is_set());
        assert_eq!(event.waiters(), 0);
    });
}

#[test]
fn setters_and_clearers_agree_on_every_change() {
    crowd(|| {
        let event = Arc::new(Event::new());
        let changes = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let waiters: Vec<_> = (0..4)
            .map(|looks| {
                let event = Arc::clone(&event);
                member(async move { _ = give_up(looks, event.wait()).await })
            })
            .collect();
        let others: Vec<_> = (0..8)
            .map(|i| {
                let (event, changes) = (Arc::clone(&event), Arc::clone(&changes));
                member(async move {
                    let (changed, count) = match i % 2 {
                        0 => (event.set(), &changes.0),
                        _ => (event.clear(), &changes.1),
                    };
                    pause().await;
                    count.fetch_add(usize::from(changed), Ordering::Relaxed);
                })
            })
            .collect();
        waiters.into_iter().chain(others).for_each(|it| it.join());
        let (ups, downs) = (changes.0.load(Ordering::Relaxed), changes.1.load(Ordering::Relaxed));
        assert_eq!(ups, downs + usize::from(event.is_set()));
    });
}

#[test]
fn each_set_of_a_turnstile_releases_one_or_is_remembered_once() {
    crowd(|| {
        let turnstile = Arc::new(AutoResetEvent::new());
        let passed = Arc::new(AtomicUsize::new(0));
        let leavers: Vec<_> = (0..8)
            .map(|i| {
                let (turnstile, passed) = (Arc::clone(&turnstile), Arc::clone(&passed));
                member(async move {
                    let passes = give_up(i % 4, turnstile.wait()).await.is_some();
                    passed.fetch_add(usize::from(passes), Ordering::Relaxed);
                })
            })
            .collect();
        let setters: Vec<_> = (0..4)
            .map(|_| {
                let turnstile = Arc::clone(&turnstile);
                spawn(move || turnstile.set())
            })
            .collect();
        setters.into_iter().for_each(|it| _ = it.join().unwrap());
        leavers.into_iter().for_each(|it| it.join());
        assert_eq!(turnstile.waiters(), 0);
        // Turns become one where nobody takes them; none is made, and the last one is not lost.
        let passed = passed.load(Ordering::Relaxed) + usize::from(turnstile.is_set());
        assert!((1..=4).contains(&passed), "{passed} turns came of four");
    });
}

#[test]
fn those_who_stay_at_a_turnstile_are_fed_by_those_who_pass_it() {
    crowd(|| {
        let turnstile = Arc::new(AutoResetEvent::new());
        let stay = (0..6).map(|i| {
            let turnstile = Arc::clone(&turnstile);
            member(async move {
                fidget(i % 3, turnstile.wait()).await;
                turnstile.set();
            })
        });
        let leave = (0..4).map(|looks| {
            let turnstile = Arc::clone(&turnstile);
            member(async move {
                if give_up(looks, turnstile.wait()).await.is_some() {
                    turnstile.set();
                }
            })
        });
        let members: Vec<_> = stay.chain(leave).collect();
        turnstile.set();
        members.into_iter().for_each(|it| it.join());
        // One turn went round, and is there again.
        assert!(turnstile.try_wait() && !turnstile.try_wait());
        assert_eq!(turnstile.waiters(), 0);
    });
}

#[test]
fn a_latch_opens_for_a_crowd_when_all_have_counted_and_not_before() {
    crowd(|| {
        let work = Arc::new((Latch::new(5), AtomicUsize::new(0)));
        let stay = (0..5).map(|i| {
            let work = Arc::clone(&work);
            member(async move {
                fidget(i % 3, work.0.wait()).await;
                assert_eq!(work.1.load(Ordering::Relaxed), 5);
            })
        });
        let leave = (0..4).map(|looks| {
            let work = Arc::clone(&work);
            member(async move {
                if give_up(looks, work.0.wait()).await.is_some() {
                    assert_eq!(work.1.load(Ordering::Relaxed), 5);
                }
            })
        });
        let members: Vec<_> = stay.chain(leave).collect();
        let counters: Vec<_> = (0..5)
            .map(|_| {
                let work = Arc::clone(&work);
                spawn(move || {
                    work.1.fetch_add(1, Ordering::Relaxed);
                    work.0.count_down(1);
                })
            })
            .collect();
        counters.into_iter().for_each(|it| it.join().unwrap());
        members.into_iter().for_each(|it| it.join());
        assert_eq!((work.0.count(), work.0.waiters()), (0, 0));
    });
}
