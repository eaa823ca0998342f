//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::sync::Arc;

use tidegate_lock::{
    Barging, Fifo, Lock, Policy, RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard,
};
use tidegate_test::{Member, crowd, fidget, give_up, member, pause, spawn};

/// One that adds one, in two steps with others between them, however long it has to wait for it.
fn adds<P: Policy + Send + Sync + 'static>(
    sum: &Arc<Lock<usize, P>>,
    looks: usize,
) -> Member<usize> {
    let sum = Arc::clone(sum);
    member(async move {
        let mut guard = fidget(looks, sum.lock()).await;
        let before = *guard;
        pause().await;
        *guard = before + 1;
        1
    })
}

/// One that leaves after some looks; answers how many it added.
fn leaves<P: Policy + Send + Sync + 'static>(
    sum: &Arc<Lock<usize, P>>,
    looks: usize,
) -> Member<usize> {
    let sum = Arc::clone(sum);
    member(async move {
        let Some(mut guard) = give_up(looks, sum.lock_owned()).await else { return 0 };
        let before = *guard;
        pause().await;
        *guard = before + 1;
        1
    })
}

fn whoever_stays_has_its_turn<P: Policy + Send + Sync + 'static>() {
    crowd(|| {
        let sum = Arc::new(Lock::<usize, P>::with_policy(0));
        let members: Vec<_> =
            (0..6).flat_map(|i| [adds(&sum, i % 3), leaves(&sum, i % 4)]).collect();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let sum = Arc::clone(&sum);
                spawn(move || *sum.lock_blocking() += 1)
            })
            .collect();
        let tries = spawn({
            let sum = Arc::clone(&sum);
            move || {
                sum.try_lock().map_or(0, |mut it| {
                    *it += 1;
                    1
                })
            }
        });
        let added: usize = members.into_iter().map(Member::join).sum();
        threads.into_iter().for_each(|it| it.join().unwrap());
        let tried = tries.join().unwrap();
        assert_eq!(sum.waiters(), 0);
        assert_eq!(*sum.try_lock().expect("nobody has it any more"), added + 2 + tried);
    });
}

#[test]
fn in_a_fair_crowd_whoever_stays_has_its_turn_alone() {
    whoever_stays_has_its_turn::<Fifo>();
}

#[test]
fn in_a_barging_crowd_whoever_stays_has_its_turn_alone() {
    whoever_stays_has_its_turn::<Barging>();
}

fn all_leave_but_one<P: Policy + Send + Sync + 'static>() {
    crowd(|| {
        let sum = Arc::new(Lock::<usize, P>::with_policy(0));
        let leavers: Vec<_> = (0..12).map(|i| leaves(&sum, 1 + i % 3)).collect();
        let stayer = adds(&sum, 0);
        let added: usize = leavers.into_iter().chain([stayer]).map(Member::join).sum();
        assert!(!sum.is_locked());
        assert_eq!(*sum.try_lock().unwrap(), added);
    });
}

#[test]
fn the_one_who_stays_is_served_by_fair_ones_who_leave() {
    all_leave_but_one::<Fifo>();
}

#[test]
fn the_one_who_stays_is_served_by_barging_ones_who_leave() {
    all_leave_but_one::<Barging>();
}

/// One that does something with the board, and leaves after some looks if `stays` is not set; answers how often it
/// wrote.
fn comes(board: &Arc<RwLock<usize>>, what: usize, looks: usize, stays: bool) -> Member<usize> {
    async fn wait<F: Future>(stays: bool, looks: usize, future: F) -> Option<F::Output> {
        if stays { Some(fidget(looks, future).await) } else { give_up(looks, future).await }
    }

    let board = Arc::clone(board);
    member(async move {
        let written = async {
            match what {
                0 => {
                    let guard = wait(stays, looks, board.read()).await?;
                    let before = *guard;
                    pause().await;
                    assert_eq!(*guard, before, "nobody writes beside one who reads");
                    None
                }
                1 => {
                    let mut guard = wait(stays, looks, board.write()).await?;
                    let before = *guard;
                    pause().await;
                    *guard = before + 1;
                    let guard = RwLockWriteGuard::downgrade(guard);
                    pause().await;
                    assert_eq!(*guard, before + 1);
                    Some(1)
                }
                _ => {
                    let mut guard = wait(stays, looks, board.upgradable_read()).await?;
                    let before = *guard;
                    let upgrade = RwLockUpgradableReadGuard::upgrade(&mut guard);
                    let written = match wait(stays, looks, upgrade).await {
                        Some(mut writes) => {
                            assert_eq!(*writes, before, "nobody wrote in between");
                            pause().await;
                            *writes = before + 1;
                            1
                        }
                        None => 0,
                    };
                    pause().await;
                    assert_eq!(*guard, before + written);
                    Some(written)
                }
            }
        };
        written.await.unwrap_or(0)
    })
}

#[test]
fn on_a_crowded_board_whoever_stays_has_its_turn() {
    crowd(|| {
        let board = Arc::new(RwLock::new(0));
        let members: Vec<_> = (0..12).map(|i| comes(&board, i % 3, 1 + i % 2, i % 4 < 2)).collect();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let board = Arc::clone(&board);
                spawn(move || *board.write_blocking() += 1)
            })
            .collect();
        let written: usize = members.into_iter().map(Member::join).sum();
        threads.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!((board.readers(), board.waiters()), (0, 0));
        assert_eq!(*board.try_write().expect("nobody is left"), written + 2);
    });
}

#[test]
fn upgrades_that_are_given_up_keep_nobody_waiting() {
    crowd(|| {
        let board = Arc::new(RwLock::new(0));
        let members: Vec<_> = (0..4)
            .flat_map(|i| [comes(&board, 2, i % 3, false), comes(&board, 0, i % 2, true)])
            .chain([comes(&board, 1, 0, true), comes(&board, 2, 1, true)])
            .collect();
        let written: usize = members.into_iter().map(Member::join).sum();
        assert!(written >= 2);
        assert_eq!(*board.try_write().expect("nobody is left"), written);
    });
}
