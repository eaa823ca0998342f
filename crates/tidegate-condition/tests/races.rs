//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use std::pin::Pin;
use std::sync::Arc;

use tidegate_condition::Condition;
use tidegate_lock::{Barging, Fifo, Lock, OwnedLockGuard, Policy};
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{block_on, poll_once, race, spawn};

/// A number, and news of it.
///
/// Atomic and relaxed on purpose: only the lock orders what is done to it, and loom lets a read see an old value wherever
/// nothing does.
struct Stock<P: Policy> {
    count: Arc<Lock<AtomicUsize, P>>,
    added: Condition,
    other: Condition,
}

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<P: Policy> Stock<P> {
    fn new() -> Arc<Self> {
        let count = Arc::new(Lock::with_policy(AtomicUsize::new(0)));
        Arc::new(Self { count, added: Condition::new(), other: Condition::new() })
    }

    fn put(&self, how_many: usize) {
        let count = block_on(self.count.lock());
        count.store(count.load(Ordering::Relaxed) + how_many, Ordering::Relaxed);
    }

    /// Holds the lock for a moment, unless somebody has it.
    fn hold(&self) {
        if let Some(count) = self.count.try_lock() {
            count.store(count.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    async fn take(self: Arc<Self>) {
        let count = self.count.lock().await;
        let count = self.added.wait_for(count, |it| it.load(Ordering::Relaxed) > 0).await;
        count.store(count.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }

    /// Waits once, whatever the number; stands in the line when this returns.
    fn wait(self: &Arc<Self>, on: fn(&Self) -> &Condition) -> Wait {
        let this = Arc::clone(self);
        let mut wait: Wait = Box::pin(async move {
            let guard = Arc::clone(&this.count).lock_owned().await;
            let count: OwnedLockGuard<_, P> = on(&this).wait_owned(guard).await;
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        });
        assert!(poll_once(wait.as_mut()).is_pending());
        wait
    }

    fn is_as_new(&self, count: usize) {
        assert_eq!((self.added.waiters(), self.other.waiters(), self.count.waiters()), (0, 0, 0));
        assert_eq!(self.count.try_lock().expect("free").load(Ordering::Relaxed), count);
    }
}

fn added<P: Policy>(it: &Stock<P>) -> &Condition {
    &it.added
}

fn other<P: Policy>(it: &Stock<P>) -> &Condition {
    &it.other
}

#[test]
fn a_notification_is_never_lost() {
    race(|| {
        let stock = Stock::<Fifo>::new();
        let takes = spawn({
            let stock = Arc::clone(&stock);
            move || block_on(stock.take())
        });
        stock.put(1);
        stock.added.notify_one();
        takes.join().unwrap();
        stock.is_as_new(0);
    });
}

fn two_take_what_is_put<P: Policy>() {
    race(|| {
        let stock = Stock::<P>::new();
        let takers = [(); 2].map(|()| {
            let mut takes: Wait = Box::pin(Arc::clone(&stock).take());
            assert!(poll_once(takes.as_mut()).is_pending());
            takes
        });
        stock.put(2);
        let takers = takers.map(|it| spawn(move || block_on(it)));
        stock.added.notify_all();
        takers.into_iter().for_each(|it| it.join().unwrap());
        stock.is_as_new(0);
    });
}

#[test]
fn two_take_what_is_put_first_come_first_served() {
    two_take_what_is_put::<Fifo>();
}

#[test]
fn two_take_what_is_put_barging() {
    two_take_what_is_put::<Barging>();
}

// The baton: notified, and dropped before, while or after the lock is handed over.
#[test]
fn a_notification_to_one_that_leaves_reaches_the_other() {
    race(|| {
        let stock = Stock::<Fifo>::new();
        let leaver = stock.wait(added);
        let mut stays: Wait = Box::pin(Arc::clone(&stock).take());
        assert!(poll_once(stays.as_mut()).is_pending());
        let leaves = spawn(move || drop(leaver));
        let stays = spawn(move || block_on(stays));
        stock.put(1);
        stock.added.notify_one();
        leaves.join().unwrap();
        stays.join().unwrap();
        stock.is_as_new(0);
    });
}

#[test]
fn who_is_notified_on_its_way_into_the_line_misses_nothing() {
    race(|| {
        let stock = Stock::<Fifo>::new();
        // Without the lock, so that it may come between joining the line and giving the lock back.
        let notifies = spawn({
            let stock = Arc::clone(&stock);
            move || stock.added.notify_one()
        });
        let mut wait: Wait = Box::pin({
            let stock = Arc::clone(&stock);
            async move { drop(stock.added.wait(stock.count.lock().await).await) }
        });
        let waits = poll_once(wait.as_mut());
        assert!(waits.is_pending());
        notifies.join().unwrap();
        // Too early, or there is nothing to wait for any more.
        let too_early = stock.added.waiters();
        assert_eq!(poll_once(wait.as_mut()).is_pending(), too_early == 1);
        drop(wait);
        stock.is_as_new(0);
    });
}

// Under loom more than a batch.
#[test]
fn everybody_is_notified_while_one_leaves_and_another_holds_the_lock() {
    race(|| {
        let stock = Stock::<Fifo>::new();
        let mut stay = [(); 2].map(|()| stock.wait(added));
        let leaver = stock.wait(added);
        let leaves = spawn(move || drop(leaver));
        let holds = spawn({
            let stock = Arc::clone(&stock);
            move || stock.hold()
        });
        stock.added.notify_all();
        leaves.join().unwrap();
        holds.join().unwrap();
        assert!(stay.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
        stock.is_as_new(2);
    });
}

fn two_conditions_of_one_lock<P: Policy>() {
    race(|| {
        let stock = Stock::<P>::new();
        let (one, two) = (stock.wait(added), stock.wait(other));
        let notifies = spawn({
            let stock = Arc::clone(&stock);
            move || stock.other.notify_all()
        });
        let waits = spawn(move || block_on(two));
        stock.added.notify_one();
        block_on(one);
        notifies.join().unwrap();
        waits.join().unwrap();
        stock.is_as_new(2);
    });
}

#[test]
fn two_conditions_of_one_lock_are_notified_at_once() {
    two_conditions_of_one_lock::<Fifo>();
    two_conditions_of_one_lock::<Barging>();
}

#[test]
fn one_condition_of_two_locks_is_notified_while_both_are_used() {
    race(|| {
        let condition = Arc::new(Condition::new());
        let locks = [(); 2].map(|()| Arc::new(Lock::new(0)));
        let mut waits = locks.clone().map(|lock| {
            let condition = Arc::clone(&condition);
            let mut wait = Box::pin(async move {
                *condition.wait_owned(lock.lock_owned().await).await += 1;
            });
            assert!(poll_once(wait.as_mut()).is_pending());
            wait
        });
        let uses = locks.clone().map(|lock| spawn(move || drop(lock.try_lock())));
        condition.notify_all();
        uses.into_iter().for_each(|it| it.join().unwrap());
        assert!(waits.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
        assert!(locks.iter().all(|it| *it.try_lock().unwrap() == 1));
    });
}

// 10: looked at with another waker in each state.
#[test]
fn the_newest_waker_is_woken_though_it_came_while_it_was_notified() {
    race(|| {
        let stock = Stock::<Fifo>::new();
        let wait = stock.wait(added);
        let waits = spawn(move || block_on(wait));
        let holds = spawn({
            let stock = Arc::clone(&stock);
            move || stock.hold()
        });
        stock.added.notify_one();
        waits.join().unwrap();
        holds.join().unwrap();
        stock.is_as_new(1);
    });
}

#[test]
fn two_who_notify_one_each_reach_two_though_the_third_leaves() {
    race(|| {
        let stock = Stock::<Fifo>::new();
        let leaver = stock.wait(added);
        let mut stay = [(); 2].map(|()| stock.wait(added));
        let leaves = spawn(move || drop(leaver));
        let notifies = spawn({
            let stock = Arc::clone(&stock);
            move || stock.added.notify_one()
        });
        stock.added.notify_one();
        leaves.join().unwrap();
        notifies.join().unwrap();
        assert!(stay.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
        stock.is_as_new(2);
    });
}

// The condition's last user frees it, and the lock's the lock, as soon as they may.
#[test]
fn the_lock_may_be_freed_as_soon_as_its_waiter_was_notified() {
    race(|| {
        let condition = Arc::new(Condition::new());
        let lock = Arc::new(Lock::new(()));
        let weak = Arc::downgrade(&lock);
        let mut wait = Box::pin({
            let condition = Arc::clone(&condition);
            async move { drop(condition.wait_owned(lock.lock_owned().await).await) }
        });
        assert!(poll_once(wait.as_mut()).is_pending());
        let waits = spawn(move || block_on(wait));
        condition.notify_one();
        waits.join().unwrap();
        assert_eq!(weak.strong_count(), 0);
        assert_eq!(Arc::strong_count(&condition), 1);
    });
}
