//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
//!
//! Gates are shut until unlocked here, and probes never time out: nobody needs a timer.
#![cfg(not(tidegate_loom))]

use std::sync::Arc;
use std::time::Duration;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{crowd, fidget, give_up, member, pause, spawn};
use tidegate_time_lock::{KeyedTimeLock, KeyedTimeLockBuilder, PausingSemaphore, Reopen, TimeLock};

#[test]
fn whoever_stays_passes_however_often_the_gate_is_shut_and_however_many_leave() {
    crowd(|| {
        let gate = TimeLock::new();
        gate.lock();
        let passed = Arc::new(AtomicUsize::new(0));
        let mut members = Vec::new();
        for i in 0..6 {
            let (stays, passed) = (gate.clone(), Arc::clone(&passed));
            members.push(member(async move {
                fidget(i % 3, stays.acquire()).await.unwrap().ok();
                passed.fetch_add(1, Ordering::Relaxed);
            }));
            let leaves = gate.clone();
            members.push(member(async move { _ = give_up(i % 4, leaves.acquire()).await }));
        }
        let keepers: Vec<_> = (0..2)
            .map(|_| {
                let gate = gate.clone();
                spawn(move || {
                    gate.lock();
                    gate.unlock();
                    let shut = gate.lock();
                    gate.unlock_if(shut.epoch);
                })
            })
            .collect();
        keepers.into_iter().for_each(|it| it.join().unwrap());
        gate.unlock();
        members.into_iter().for_each(|it| it.join());
        assert_eq!((passed.load(Ordering::Relaxed), gate.waiters()), (6, 0));
    });
}

#[test]
fn probes_that_are_lost_are_handed_on_until_one_comes_back() {
    crowd(|| {
        let reopen = Reopen::Probe { n: 2 };
        let gate = TimeLock::builder().reopen(reopen).probe_timeout(Duration::MAX).build();
        gate.lock();
        let out = Arc::new(AtomicUsize::new(0));
        let members: Vec<_> = (0..8)
            .map(|i| {
                let (gate, out) = (gate.clone(), Arc::clone(&out));
                member(async move {
                    let waiting = gate.acquire();
                    let pass = match i % 4 {
                        1 => give_up(2, waiting).await,
                        _ => Some(fidget(i % 3, waiting).await),
                    };
                    let Some(pass) = pass else { return };
                    let pass = pass.unwrap();
                    if pass.is_probe() {
                        assert!(out.fetch_add(1, Ordering::SeqCst) < 2, "two at a time");
                        pause().await;
                        out.fetch_sub(1, Ordering::SeqCst);
                    }
                    match i {
                        7 => pass.ok(),
                        _ => pass.unknown(),
                    }
                })
            })
            .collect();
        let opener = gate.clone();
        spawn(move || assert!(opener.unlock())).join().unwrap();
        members.into_iter().for_each(|it| it.join());
        assert_eq!((gate.waiters(), out.load(Ordering::SeqCst)), (0, 0));
    });
}

#[test]
fn permits_are_never_more_than_there_are_and_all_come_back() {
    crowd(|| {
        let requests =
            PausingSemaphore::builder().permits(2).without_aimd().reopen(Reopen::All).build();
        let inside = Arc::new(AtomicUsize::new(0));
        let mut members = Vec::new();
        for i in 0..5 {
            let (stays, inside) = (requests.clone(), Arc::clone(&inside));
            members.push(member(async move {
                let permit = fidget(i % 3, stays.acquire()).await.unwrap();
                assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                pause().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(permit);
            }));
            let leaves = requests.clone();
            members.push(member(async move { _ = give_up(i % 4, leaves.acquire()).await }));
        }
        let shrinks = requests.clone();
        let changes = spawn(move || {
            shrinks.set_limit(1);
            shrinks.gate().lock();
            shrinks.gate().unlock();
            shrinks.set_limit(2);
        });
        changes.join().unwrap();
        members.into_iter().for_each(|it| it.join());
        assert_eq!((requests.permits().in_use, requests.gate().waiters()), (0, 0));
    });
}

#[test]
fn keys_that_become_one_let_everybody_pass_and_are_forgotten() {
    crowd(|| {
        let rules = TimeLock::builder();
        let keys: KeyedTimeLock<u8> = KeyedTimeLockBuilder::new().template(rules).build();
        let held = [keys.gate(&0), keys.gate(&1)];
        held.iter().for_each(|gate| _ = gate.lock());
        let mut members = Vec::new();
        for i in 0..4_u8 {
            let stays = keys.clone();
            members.push(member(async move {
                fidget(usize::from(i % 3), stays.acquire(&(i % 3))).await.unwrap().ok();
            }));
            let leaves = keys.clone();
            members.push(member(async move {
                _ = give_up(usize::from(i), leaves.acquire(&(i % 2))).await;
            }));
        }
        let merges = keys.clone();
        let merge = spawn(move || merges.merge(&0, &1));
        merge.join().unwrap();
        drop(held);
        keys.gate(&1).unlock();
        members.into_iter().for_each(|it| it.join());
        assert!(keys.locked().is_empty());
        assert_eq!(keys.gate(&1).waiters(), 0);
    });
}
