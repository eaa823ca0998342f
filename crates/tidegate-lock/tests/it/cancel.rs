use std::sync::Arc;

use tidegate_lock::{
    Barging, Fifo, Lock, OwnedRwLockUpgradableReadGuard, Policy, RwLock, RwLockUpgradableReadGuard,
};
use tidegate_test::{CountingWaker, Explorer, hold, poll_once, poll_with};

use crate::line::{ready, taken, waiting};

// B-L1, A5: asyncio lost the lock here (bpo-27585).
fn hands_on<P: Policy>() {
    let lock = Lock::<_, P>::with_policy(());
    let guard = taken(&lock);
    let first = waiting(&lock);
    let (wakes, waker) = CountingWaker::new();
    let mut second = Box::pin(lock.lock());
    assert!(poll_with(second.as_mut(), &waker).is_pending());

    drop(guard); // `first` is handed the lock, or told of it ...
    drop(first); // ... and never looks.

    assert_eq!(wakes.count(), 1);
    drop(ready(&mut second));
    assert!(!lock.is_locked());
}

#[test]
fn a_lock_that_was_handed_over_moves_on_when_its_waiter_is_dropped() {
    hands_on::<Fifo>();
}

#[test]
fn a_lock_that_was_let_go_moves_on_when_the_one_who_was_told_is_dropped() {
    hands_on::<Barging>();
}

// A4, A6, R4: whoever leaves the line from wherever.
#[test]
fn neighbours_may_leave_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for stay in 0..3 {
            let lock = Lock::new(());
            let guard = taken(&lock);
            let mut line: Vec<_> = (0..3).map(|_| Some(waiting(&lock))).collect();
            for i in order {
                if i != stay {
                    line[i] = None;
                }
            }
            assert_eq!(lock.waiters(), 1);
            drop(guard);
            drop(ready(line[stay].as_mut().unwrap()));
            assert!(!lock.is_locked());
        }
    }
}

// B-L3: a waiter leaves and the lock is given back in the same step.
#[test]
fn one_who_left_is_passed_over() {
    let lock = Lock::new(());
    let guard = taken(&lock);
    let gone = waiting(&lock);
    let mut stays = waiting(&lock);
    drop(gone);
    drop(guard);
    drop(ready(&mut stays));
}

#[test]
fn a_future_that_is_dropped_before_its_first_poll_was_never_there() {
    let (lock, rw) = (Lock::new(()), RwLock::new(()));
    drop(lock.lock());
    drop((rw.read(), rw.write(), rw.upgradable_read()));
    assert_eq!((lock.waiters(), lock.is_locked()), (0, false));
    assert!(rw.try_write().is_some());
}

/// A lock that is held, and one who waits behind whoever is tested.
struct World<P: Policy> {
    lock: Arc<Lock<u32, P>>,
    held: std::cell::RefCell<Option<tidegate_lock::OwnedLockGuard<u32, P>>>,
}

impl<P: Policy> World<P> {
    fn new() -> Self {
        let lock = Arc::new(Lock::with_policy(0));
        let held = Arc::clone(&lock).try_lock_owned();
        Self { lock, held: held.into() }
    }

    fn give_back(&self) {
        self.held.take();
    }

    fn barge(&self) {
        *self.held.borrow_mut() = Arc::clone(&self.lock).try_lock_owned();
    }

    fn is_free(&self) {
        self.give_back();
        assert_eq!((self.lock.is_locked(), self.lock.waiters()), (false, 0));
        assert!(self.lock.try_lock().is_some());
        assert_eq!(Arc::strong_count(&self.lock), 1);
    }
}

fn dropped_anywhere<P: Policy>(
    future: impl for<'w> Fn(&'w World<P>) -> tidegate_test::Tested<'w> + 'static,
) {
    let schedules = Explorer::new(World::<P>::new)
        .future(future)
        .step(World::give_back)
        .step(World::barge)
        .step(World::give_back)
        .check(|world| {
            // Under "never dropped" the future is gone by now as well.
            world.is_free();
        })
        .run();
    assert_eq!(schedules, 16 * 5);
}

fn lock_dropped_anywhere<P: Policy>() {
    dropped_anywhere::<P>(|world| hold(world.lock.lock()));
}

fn lock_owned_dropped_anywhere<P: Policy>() {
    dropped_anywhere::<P>(|world| {
        let lock = Arc::clone(&world.lock).lock_owned();
        hold(lock)
    });
}

#[test]
fn a_fair_lock_that_is_asked_for_and_dropped_anywhere_is_free_in_the_end() {
    lock_dropped_anywhere::<Fifo>();
    lock_owned_dropped_anywhere::<Fifo>();
}

#[test]
fn a_barging_lock_that_is_asked_for_and_dropped_anywhere_is_free_in_the_end() {
    lock_dropped_anywhere::<Barging>();
    lock_owned_dropped_anywhere::<Barging>();
}

/// A lock that is written, then read, then free; and those who wait for it behind whoever is tested.
struct Board {
    lock: Arc<RwLock<u32>>,
    writes: std::cell::RefCell<Option<tidegate_lock::OwnedRwLockWriteGuard<u32>>>,
    reads: std::cell::RefCell<Option<tidegate_lock::OwnedRwLockReadGuard<u32>>>,
}

impl Board {
    fn new() -> Self {
        let lock = Arc::new(RwLock::new(0));
        let writes = Arc::clone(&lock).try_write_owned();
        Self { lock, writes: writes.into(), reads: None.into() }
    }

    fn downgrade(&self) {
        let writes = self.writes.take().expect("it is written first");
        *self.reads.borrow_mut() = Some(tidegate_lock::OwnedRwLockWriteGuard::downgrade(writes));
    }

    fn give_back(&self) {
        self.reads.take();
    }

    fn is_free(&self) {
        assert_eq!((self.lock.readers(), self.lock.is_write_locked()), (0, false));
        assert_eq!(self.lock.waiters(), 0);
        assert!(self.lock.try_write().is_some());
        assert_eq!(Arc::strong_count(&self.lock), 1);
    }
}

fn shared_dropped_anywhere(
    future: impl for<'w> Fn(&'w Board) -> tidegate_test::Tested<'w> + 'static,
) {
    let schedules = Explorer::new(Board::new)
        .future(future)
        .step(Board::downgrade)
        .step(Board::give_back)
        .check(Board::is_free)
        .run();
    assert_eq!(schedules, 8 * 4);
}

#[test]
fn a_share_that_is_asked_for_and_dropped_anywhere_is_given_back() {
    shared_dropped_anywhere(|it| hold(it.lock.read()));
    shared_dropped_anywhere(|it| hold(it.lock.write()));
    shared_dropped_anywhere(|it| hold(it.lock.upgradable_read()));
    shared_dropped_anywhere(|it| {
        let read = Arc::clone(&it.lock).read_owned();
        hold(read)
    });
    shared_dropped_anywhere(|it| {
        let write = Arc::clone(&it.lock).write_owned();
        hold(write)
    });
    shared_dropped_anywhere(|it| {
        let upgradable = Arc::clone(&it.lock).upgradable_read_owned();
        hold(upgradable)
    });
}

// R16: the upgrade, and what it was an upgrade of.
#[test]
fn an_upgrade_that_is_dropped_anywhere_is_given_back() {
    shared_dropped_anywhere(|it| {
        hold(async {
            let mut guard = it.lock.upgradable_read().await;
            *RwLockUpgradableReadGuard::upgrade(&mut guard).await += 1;
            guard
        })
    });
    shared_dropped_anywhere(|it| {
        let guard = Arc::clone(&it.lock).upgradable_read_owned();
        hold(async {
            let mut guard = guard.await;
            *OwnedRwLockUpgradableReadGuard::upgrade(&mut guard).await += 1;
            guard
        })
    });
}

#[test]
fn those_behind_who_is_dropped_anywhere_have_their_turn() {
    type Waits = std::pin::Pin<Box<tidegate_lock::WriteOwnedFut<u32>>>;
    struct Crowded(Board, std::cell::RefCell<Vec<Waits>>);
    let schedules = Explorer::new(|| Crowded(Board::new(), Vec::new().into()))
        .future(|it| {
            hold(async {
                let mut guard = it.0.lock.upgradable_read().await;
                drop(RwLockUpgradableReadGuard::upgrade(&mut guard).await);
                guard
            })
        })
        .step(|it| {
            let mut write = Box::pin(Arc::clone(&it.0.lock).write_owned());
            assert!(poll_once(write.as_mut()).is_pending());
            it.1.borrow_mut().push(write);
        })
        .step(|it| it.0.downgrade())
        .step(|it| it.0.give_back())
        .check(|it| {
            for mut write in it.1.take() {
                *ready(&mut write) += 1;
            }
            it.0.is_free();
            assert_eq!(*it.0.lock.try_read().unwrap(), 1);
        })
        .run();
    assert_eq!(schedules, 16 * 5);
}
