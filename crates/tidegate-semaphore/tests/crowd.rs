//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::sync::Arc;

use tidegate_semaphore::{CapacityLimiter, Permit, Semaphore};
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{Member, crowd, fidget, give_up, member, pause, poll_once, spawn};

/// A semaphore, and how many of its permits are in somebody's hands.
struct Counted {
    semaphore: Semaphore,
    permits: usize,
    held: AtomicUsize,
}

impl Counted {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self { semaphore: Semaphore::new(permits), permits, held: AtomicUsize::new(0) })
    }

    fn enter(&self, permit: &Permit<'_>) {
        let before = self.held.fetch_add(permit.count(), Ordering::Relaxed);
        assert!(before + permit.count() <= self.permits, "more are held than there are");
    }

    fn leave(&self, permit: Permit<'_>) {
        self.held.fetch_sub(permit.count(), Ordering::Relaxed);
        drop(permit);
    }

    /// One that waits for as long as it takes, and holds its permits while others run.
    fn patient(self: &Arc<Self>, n: usize, looks: usize) -> Member<()> {
        let this = Arc::clone(self);
        member(async move {
            let permit = fidget(looks, this.semaphore.acquire_many(n)).await.unwrap();
            this.enter(&permit);
            pause().await;
            this.leave(permit);
        })
    }

    /// One that leaves after some looks, if it was not served by then.
    fn fickle(self: &Arc<Self>, n: usize, looks: usize) -> Member<()> {
        let this = Arc::clone(self);
        member(async move {
            if let Some(permit) = give_up(looks, this.semaphore.acquire_many(n)).await {
                let permit = permit.unwrap();
                this.enter(&permit);
                this.leave(permit);
            }
        })
    }

    fn all_are_back(&self) {
        assert_eq!(self.semaphore.available_permits(), self.permits);
        assert_eq!(self.semaphore.waiters(), 0);
    }
}

#[test]
fn whoever_stays_is_served_and_no_permit_is_lost_or_made() {
    crowd(|| {
        let counted = Counted::new(3);
        let mut members = Vec::new();
        for i in 0..6 {
            members.push(counted.patient(1 + i % 3, i % 2));
            members.push(counted.fickle(1 + i % 3, i % 4));
        }
        let threads: Vec<_> = (1..=2)
            .map(|n| {
                let counted = Arc::clone(&counted);
                spawn(move || {
                    let permit = counted.semaphore.acquire_many_blocking(n).unwrap();
                    counted.enter(&permit);
                    counted.leave(permit);
                })
            })
            .collect();
        members.into_iter().for_each(|it| it.join());
        threads.into_iter().for_each(|it| it.join().unwrap());
        counted.all_are_back();
    });
}

#[test]
fn many_leave_at_once_and_the_large_request_behind_them_is_served() {
    crowd(|| {
        let counted = Counted::new(4);
        let leavers: Vec<_> = (0..8).map(|i| counted.fickle(1 + i % 4, 1 + i % 3)).collect();
        let large = counted.patient(4, 0);
        let small = counted.patient(1, 2);
        leavers.into_iter().chain([large, small]).for_each(|it| it.join());
        counted.all_are_back();
    });
}

#[test]
fn a_single_permit_goes_round_a_crowd_of_twenty() {
    crowd(|| {
        let counted = Counted::new(1);
        let stay = (0..10).map(|_| counted.patient(1, 0));
        let go = (0..10).map(|i| counted.fickle(1, i % 3));
        let members: Vec<_> = stay.chain(go).collect();
        members.into_iter().for_each(|it| it.join());
        counted.all_are_back();
    });
}

#[test]
fn each_permit_that_is_added_serves_one_however_many_leave() {
    crowd(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let taken = Arc::new(AtomicUsize::new(0));
        // More permits are added than stay for one: each who stays is served, whatever the others do.
        let stay: Vec<_> = (0..4)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                member(async move { semaphore.acquire().await.unwrap().forget() })
            })
            .collect();
        let go: Vec<_> = (0..4)
            .map(|looks| {
                let (semaphore, taken) = (Arc::clone(&semaphore), Arc::clone(&taken));
                member(async move {
                    if let Some(permit) = give_up(looks, semaphore.acquire()).await {
                        permit.unwrap().forget();
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let adders: Vec<_> = (0..4)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                spawn(move || semaphore.add_permits(2))
            })
            .collect();
        adders.into_iter().for_each(|it| it.join().unwrap());
        stay.into_iter().chain(go).for_each(|it| it.join());
        assert_eq!(semaphore.available_permits(), 4 - taken.load(Ordering::Relaxed));
        assert_eq!(semaphore.waiters(), 0);
    });
}

#[test]
fn closing_lets_a_crowd_go_and_keeps_what_was_given() {
    crowd(|| {
        let counted = Counted::new(2);
        let members: Vec<_> = (0..8)
            .map(|i| {
                let counted = Arc::clone(&counted);
                member(async move {
                    let acquire = counted.semaphore.acquire_many(1 + i % 2);
                    if let Ok(permit) = fidget(i % 3, acquire).await {
                        counted.enter(&permit);
                        pause().await;
                        counted.leave(permit);
                    }
                })
            })
            .collect();
        let leavers: Vec<_> = (0..3)
            .map(|looks| {
                let counted = Arc::clone(&counted);
                member(async move { drop(give_up(looks, counted.semaphore.acquire()).await) })
            })
            .collect();
        let closer = spawn({
            let counted = Arc::clone(&counted);
            move || counted.semaphore.close()
        });
        closer.join().unwrap();
        members.into_iter().chain(leavers).for_each(|it| it.join());
        counted.all_are_back();
        assert!(counted.semaphore.try_acquire().is_none());
    });
}

#[test]
fn the_line_is_served_in_its_order_though_some_leave_it() {
    crowd(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        // In line in a known order; every third leaves while permits come in.
        let mut line: Vec<_> =
            (0..9).map(|_| Some(Box::pin(Arc::clone(&semaphore).acquire_owned()))).collect();
        for it in line.iter_mut().flatten() {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        let leavers: Vec<_> = (0..9).step_by(3).filter_map(|i| line[i].take()).collect();
        let leavers: Vec<_> = leavers.into_iter().map(|it| spawn(move || drop(it))).collect();
        let adders: Vec<_> = (0..3)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                spawn(move || semaphore.add_permits(1))
            })
            .collect();
        leavers.into_iter().for_each(|it| it.join().unwrap());
        adders.into_iter().for_each(|it| it.join().unwrap());
        // Three permits: the first three of those who stayed have them, whoever else was granted one and left.
        let served: Vec<_> = line
            .iter_mut()
            .flatten()
            .map(|it| match poll_once(it.as_mut()) {
                std::task::Poll::Ready(permit) => {
                    permit.unwrap().forget();
                    true
                }
                std::task::Poll::Pending => false,
            })
            .collect();
        assert_eq!(served, [true, true, true, false, false, false]);
    });
}

#[test]
fn a_total_that_changes_in_a_crowd_is_never_passed_and_strands_nobody() {
    crowd(|| {
        let shared = Arc::new((CapacityLimiter::new(3), AtomicUsize::new(0)));
        let mut members = Vec::new();
        for i in 0..8 {
            let shared = Arc::clone(&shared);
            members.push(member(async move {
                let slot = if i % 2 == 0 {
                    Some(fidget(i % 3, shared.0.acquire()).await)
                } else {
                    give_up(i % 4, shared.0.acquire()).await
                };
                if let Some(slot) = slot {
                    assert!(shared.1.fetch_add(1, Ordering::Relaxed) < 3);
                    pause().await;
                    shared.1.fetch_sub(1, Ordering::Relaxed);
                    drop(slot);
                }
            }));
        }
        let changes = spawn({
            let shared = Arc::clone(&shared);
            move || {
                for total in [1, 3, 0, 2, 3] {
                    shared.0.set_total(total);
                    assert_eq!(shared.0.total(), total);
                }
            }
        });
        let idles = Arc::clone(&shared);
        members.push(member(async move { _ = give_up(2, idles.0.wait_idle()).await }));
        changes.join().unwrap();
        members.into_iter().for_each(|it| it.join());
        let it = shared.0.statistics();
        assert_eq!((it.borrowed, it.waiting, it.total), (0, 0, 3));
        assert!((4..=8).contains(&it.granted) && (1..=3).contains(&it.peak), "{it:?}");
    });
}

#[test]
fn once_nobody_is_let_in_all_who_wait_for_the_last_to_leave_hear_of_it() {
    crowd(|| {
        let limiter = Arc::new(CapacityLimiter::new(4));
        let mut members = Vec::new();
        for looks in 0..6 {
            let comes = Arc::clone(&limiter);
            members.push(member(async move {
                if let Some(slot) = give_up(looks % 3, comes.acquire()).await {
                    pause().await;
                    drop(slot);
                }
            }));
        }
        let closes = spawn({
            let limiter = Arc::clone(&limiter);
            move || limiter.set_total(0)
        });
        for looks in 0..3 {
            let idles = Arc::clone(&limiter);
            members.push(member(async move { fidget(looks, idles.wait_idle()).await }));
        }
        closes.join().unwrap();
        tidegate_test::block_on(limiter.wait_idle());
        assert_eq!(limiter.borrowed(), 0);
        members.into_iter().for_each(|it| it.join());
        assert_eq!((limiter.borrowed(), limiter.waiters()), (0, 0));
    });
}
