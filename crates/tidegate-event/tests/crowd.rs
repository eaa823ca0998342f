//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::sync::Arc;

use tidegate_event::Event;
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
