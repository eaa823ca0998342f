//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use std::sync::Arc;

use tidegate_condition::Condition;
use tidegate_lock::{Barging, Fifo, Lock, Policy};
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{Member, crowd, fidget, give_up, member, pause, spawn};

/// What is put and taken, and who has the lock.
struct Stock<P: Policy> {
    count: Lock<usize, P>,
    added: Condition,
    taken: Condition,
    inside: AtomicUsize,
}

impl<P: Policy> Stock<P> {
    fn new() -> Arc<Self> {
        let (count, inside) = (Lock::with_policy(0), AtomicUsize::new(0));
        Arc::new(Self { count, added: Condition::new(), taken: Condition::new(), inside })
    }

    /// What each does with the lock in hand, which is nobody else's meanwhile.
    fn change(&self, count: &mut usize, to: impl FnOnce(usize) -> usize) {
        assert_eq!(self.inside.fetch_add(1, Ordering::Relaxed), 0, "alone");
        *count = to(*count);
        self.inside.fetch_sub(1, Ordering::Relaxed);
    }

    async fn take(&self, looks: usize) {
        let count = self.count.lock().await;
        let mut count = fidget(looks, self.added.wait_for(count, |it| *it > 0)).await;
        self.change(&mut count, |it| it - 1);
        self.taken.notify_one();
    }

    /// Puts one where two have room.
    async fn put(&self, looks: usize) {
        let count = self.count.lock().await;
        let mut count = fidget(looks, self.taken.wait_for(count, |it| *it < 2)).await;
        self.change(&mut count, |it| it + 1);
        drop(count);
        pause().await;
        self.added.notify_one();
    }

    /// Waits for either, and leaves after some looks: what it was told goes on, by itself or by its own hand.
    fn fickle(self: &Arc<Self>, looks: usize) -> Member<()> {
        let this = Arc::clone(self);
        member(async move {
            let on = if looks % 2 == 0 { &this.added } else { &this.taken };
            let wait = async {
                let guard = this.count.lock().await;
                on.wait(guard).await
            };
            if let Some(guard) = give_up(looks, wait).await {
                drop(guard);
                on.notify_one();
            }
        })
    }

    fn is_as_new(&self) {
        assert_eq!((self.added.waiters(), self.taken.waiters(), self.count.waiters()), (0, 0, 0));
        assert_eq!(*self.count.try_lock().expect("free"), 0);
    }
}

fn all_that_is_put_is_taken<P: Policy>() {
    crowd(|| {
        let stock = Stock::<P>::new();
        let mut all = Vec::new();
        for i in 0..4 {
            let this = Arc::clone(&stock);
            all.push(member(async move { this.take(i % 3).await }));
            let this = Arc::clone(&stock);
            all.push(member(async move { this.put(i % 2).await }));
        }
        all.into_iter().for_each(|it| it.join());
        stock.is_as_new();
    });
}

#[test]
fn all_that_is_put_is_taken_first_come_first_served() {
    all_that_is_put_is_taken::<Fifo>();
}

#[test]
fn all_that_is_put_is_taken_barging() {
    all_that_is_put_is_taken::<Barging>();
}

fn everybody_is_told_whoever_leaves<P: Policy>() {
    crowd(|| {
        let stock = Stock::<P>::new();
        let leave: Vec<_> = (0..5).map(|i| stock.fickle(i)).collect();
        let stay: Vec<_> = (0..5)
            .map(|i| {
                let this = Arc::clone(&stock);
                member(async move {
                    let count = this.count.lock().await;
                    let wait = this.added.wait_for(count, |it| *it == 7);
                    let mut count = fidget(i % 3, wait).await;
                    this.change(&mut count, |it| it);
                })
            })
            .collect();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let this = Arc::clone(&stock);
                spawn(move || {
                    let count = this.count.lock_blocking();
                    drop(this.added.wait_for_blocking(count, |it| *it == 7));
                })
            })
            .collect();
        this_is_it(&stock);
        stay.into_iter().for_each(|it| it.join());
        leave.into_iter().for_each(|it| it.join());
        threads.into_iter().for_each(|it| it.join().unwrap());
        *stock.count.lock_blocking() = 0;
        stock.is_as_new();
    });
}

/// Changes the value, and tells everybody with the lock held.
fn this_is_it<P: Policy>(stock: &Stock<P>) {
    let mut count = stock.count.lock_blocking();
    stock.change(&mut count, |_| 7);
    stock.added.notify_all();
}

#[test]
fn everybody_is_told_whoever_leaves_first_come_first_served() {
    everybody_is_told_whoever_leaves::<Fifo>();
}

#[test]
fn everybody_is_told_whoever_leaves_barging() {
    everybody_is_told_whoever_leaves::<Barging>();
}

// Each notification of one reaches one of those who stay, however many of the others it passes through.
#[test]
fn notifications_of_one_reach_as_many_as_stay() {
    crowd(|| {
        let stock = Stock::<Fifo>::new();
        let leave: Vec<_> = (0..6).map(|i| stock.fickle(2 * i)).collect();
        let stay: Vec<_> = (0..4)
            .map(|i| {
                let this = Arc::clone(&stock);
                member(async move { this.take(i % 3).await })
            })
            .collect();
        for _ in 0..4 {
            *stock.count.lock_blocking() += 1;
            stock.added.notify_one();
        }
        stay.into_iter().for_each(|it| it.join());
        leave.into_iter().for_each(|it| it.join());
        stock.is_as_new();
    });
}
