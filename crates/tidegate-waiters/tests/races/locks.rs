//! Locks, with a value inside that loom watches: it reports two who use it at once.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tidegate_shim::UnsafeCell;
use tidegate_test::{CountingWaker, block_on, poll_once, poll_with, race, spawn};
use tidegate_waiters::{
    Barging, Fifo, LockCell, LockPolicy, RawLock, RawRwLock, Read, RwCell, Upgradable, Write,
};

/// A number whose every use is checked: whoever has `&mut` writes it, whoever has `&` reads it.
struct Watched(UnsafeCell<usize>);

// SAFETY: it is written through `&mut` only.
unsafe impl Sync for Watched {}

impl Watched {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn add(&mut self, n: usize) {
        // SAFETY: borrowed mutably.
        self.0.with_mut(|it| unsafe { *it += n });
    }

    fn get(&self) -> usize {
        // SAFETY: nobody writes while it is borrowed.
        self.0.with(|it| unsafe { *it })
    }
}

type Cell<P> = Arc<LockCell<Watched, P>>;

fn cell<P: LockPolicy>() -> Cell<P> {
    Arc::new(LockCell::new(Watched::new()))
}

fn add_one<P: LockPolicy>(cell: &Cell<P>) {
    cell.open(block_on(cell.raw().lock())).add(1);
}

fn three_at_a_lock<P: LockPolicy>() {
    race(|| {
        let cell = cell::<P>();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let cell = Arc::clone(&cell);
                spawn(move || add_one(&cell))
            })
            .collect();
        add_one(&cell);
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(cell.open(cell.raw().try_lock().unwrap()).get(), 3);
    });
}

#[test]
fn three_use_a_value_in_order() {
    three_at_a_lock::<Fifo>();
}

#[test]
fn three_race_for_a_value() {
    three_at_a_lock::<Barging>();
}

fn one_gives_up<P: LockPolicy>() {
    race(|| {
        let cell = cell::<P>();
        let held = cell.open(cell.raw().try_lock().unwrap());
        let leaves = spawn({
            let cell = Arc::clone(&cell);
            move || {
                let mut lock = pin!(cell.raw().lock());
                if let Poll::Ready(grant) = poll_once(lock.as_mut()) {
                    cell.open(grant).add(1);
                }
            }
        });
        let stays = spawn({
            let cell = Arc::clone(&cell);
            move || add_one(&cell)
        });
        let mut held = held;
        held.add(1);
        drop(held);
        leaves.join().unwrap();
        stays.join().unwrap();
        assert!(cell.open(cell.raw().try_lock().unwrap()).get() >= 2);
        assert_eq!(cell.raw().waiters(), 0);
    });
}

#[test]
fn a_lock_that_is_handed_to_one_who_leaves_goes_on() {
    one_gives_up::<Fifo>();
}

#[test]
fn a_free_lock_whose_next_leaves_goes_on() {
    one_gives_up::<Barging>();
}

#[test]
fn one_who_was_nudged_leaves_while_another_barges() {
    race(|| {
        let cell = cell::<Barging>();
        let held = cell.raw().try_lock().unwrap();
        let mut first = Box::pin(cell.raw().lock());
        let mut second = pin!(cell.raw().lock());
        let (wakes, waker) = CountingWaker::new();
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_with(second.as_mut(), &waker).is_pending());
        drop(held); // The first is nudged.

        let barges = spawn({
            let cell = Arc::clone(&cell);
            move || {
                if let Some(grant) = cell.raw().try_lock() {
                    cell.open(grant).add(1);
                }
            }
        });
        drop(first);
        barges.join().unwrap();
        assert!(wakes.count() >= 1, "the second was told");
        let Poll::Ready(grant) = poll_once(second) else { panic!("it is free") };
        assert!(cell.open(grant).get() <= 1);
    });
}

#[test]
fn one_who_lost_a_race_leaves_while_the_lock_is_given_back() {
    race(|| {
        let cell = cell::<Barging>();
        let owned = || RawLock::try_lock_owned(Arc::clone(&cell), LockCell::raw);
        let held = owned().unwrap();
        let mut first = Box::pin(cell.raw().lock());
        assert!(poll_once(first.as_mut()).is_pending());
        drop(held);
        let barged = owned().unwrap();
        assert!(poll_once(first.as_mut()).is_pending(), "it lost, and is promised the lock");

        let stays = spawn({
            let cell = Arc::clone(&cell);
            move || add_one(&cell)
        });
        let gives_back = spawn(move || LockCell::open_owned(barged, |it| it).add(1));
        drop(first);
        gives_back.join().unwrap();
        stays.join().unwrap();
        assert_eq!(cell.raw().waiters(), 0);
        assert_eq!(cell.open(cell.raw().try_lock().expect("no promise is left")).get(), 2);
    });
}

#[test]
fn two_read_beside_one_who_writes() {
    race(|| {
        let cell = Arc::new(RwCell::new(Watched::new()));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let cell = Arc::clone(&cell);
                spawn(move || cell.read(block_on(cell.raw().lock::<Read>())).get())
            })
            .collect();
        cell.write(block_on(cell.raw().lock::<Write>())).add(1);
        assert!(others.into_iter().all(|it| it.join().unwrap() <= 1));
        assert_eq!(cell.read(cell.raw().try_lock().unwrap()).get(), 1);
    });
}

#[test]
fn two_write_beside_one_who_reads() {
    race(|| {
        let cell = Arc::new(RwCell::new(Watched::new()));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let cell = Arc::clone(&cell);
                spawn(move || cell.write(block_on(cell.raw().lock::<Write>())).add(1))
            })
            .collect();
        assert!(cell.read(block_on(cell.raw().lock::<Read>())).get() <= 2);
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(cell.write(cell.raw().try_lock().unwrap()).get(), 2);
    });
}

#[test]
fn one_upgrades_beside_a_reader_and_a_writer() {
    race(|| {
        let cell = Arc::new(RwCell::new(Watched::new()));
        let mut shared = cell.upgradable(cell.raw().try_lock::<Upgradable>().unwrap());
        let reader = spawn({
            let cell = Arc::clone(&cell);
            move || _ = cell.read(block_on(cell.raw().lock::<Read>())).get()
        });
        let writer = spawn({
            let cell = Arc::clone(&cell);
            move || cell.write(block_on(cell.raw().lock::<Write>())).add(1)
        });
        let before = shared.get();
        {
            let mut exclusive = block_on(cell.upgrade(&mut shared));
            assert_eq!(exclusive.get(), before, "no writer came in between");
            exclusive.add(1);
        }
        assert_eq!(shared.get(), before + 1, "nor after");
        drop(shared);
        reader.join().unwrap();
        writer.join().unwrap();
        assert_eq!(cell.read(cell.raw().try_lock().unwrap()).get(), 2);
    });
}

#[test]
fn an_upgrade_that_is_given_up_keeps_nobody_waiting() {
    race(|| {
        let cell = Arc::new(RwCell::new(Watched::new()));
        let reads = RawRwLock::try_lock_owned::<Read, _>(Arc::clone(&cell), RwCell::raw).unwrap();
        let reader = spawn(move || _ = RwCell::read_owned(reads, |it| it).get());
        let writer = spawn({
            let cell = Arc::clone(&cell);
            move || cell.write(block_on(cell.raw().lock::<Write>())).add(1)
        });
        if let Some(grant) = cell.raw().try_lock::<Upgradable>() {
            let mut shared = cell.upgradable(grant);
            drop(poll_once(pin!(cell.upgrade(&mut shared))));
            if let Some(mut exclusive) = cell.try_upgrade(&mut shared) {
                exclusive.add(1);
            }
            _ = shared.get();
        }
        reader.join().unwrap();
        writer.join().unwrap();
        assert!(cell.write(cell.raw().try_lock().expect("nobody is left")).get() >= 1);
    });
}

// The one in line leaves, and then the reader without the lock, after the upgrade has set out for it.
#[test]
fn an_upgrade_past_a_line_that_goes_sees_who_read_before() {
    race(|| {
        let cell = Arc::new(RwCell::new(Watched::new()));
        let reads = RawRwLock::try_lock_owned::<Read, _>(Arc::clone(&cell), RwCell::raw).unwrap();
        let grant = RawRwLock::try_lock_owned(Arc::clone(&cell), RwCell::raw).unwrap();
        let mut waits = Box::pin(RawRwLock::lock_owned::<Write, _>(Arc::clone(&cell), RwCell::raw));
        assert!(poll_once(waits.as_mut()).is_pending());
        let upgrades = spawn(move || {
            let mut shared = RwCell::upgradable_owned(grant, |it| it);
            if let Some(mut exclusive) = cell.try_upgrade(&mut shared) {
                exclusive.add(1);
            }
        });
        let leaves = spawn(move || drop(waits));
        let reader = spawn(move || _ = RwCell::read_owned(reads, |it| it).get());
        upgrades.join().unwrap();
        leaves.join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a_writer_that_goes_on_reading_lets_readers_in_and_no_writer() {
    race(|| {
        let cell = Arc::new(RwCell::new(Watched::new()));
        let mut exclusive = cell.write(cell.raw().try_lock::<Write>().unwrap());
        let reader = spawn({
            let cell = Arc::clone(&cell);
            move || _ = cell.read(block_on(cell.raw().lock::<Read>())).get()
        });
        let writer = spawn({
            let cell = Arc::clone(&cell);
            move || cell.write(block_on(cell.raw().lock::<Write>())).add(1)
        });
        exclusive.add(1);
        let wrote = exclusive.get();
        let shared = cell.read(exclusive.into_grant().downgrade());
        assert_eq!(shared.get(), wrote);
        drop(shared);
        reader.join().unwrap();
        writer.join().unwrap();
        assert_eq!(cell.write(cell.raw().try_lock().unwrap()).get(), 2);
    });
}

// With nobody in line any more, others come in without the lock.
#[test]
fn a_writer_that_goes_on_reading_lets_no_writer_in_while_the_line_goes() {
    race(|| {
        let cell = Arc::new(RwCell::new(Watched::new()));
        let writes = RawRwLock::try_lock_owned::<Write, _>(Arc::clone(&cell), RwCell::raw).unwrap();
        let mut waits = Box::pin(RawRwLock::lock_owned::<Read, _>(Arc::clone(&cell), RwCell::raw));
        assert!(poll_once(waits.as_mut()).is_pending());
        let goes_on = spawn(move || _ = RwCell::read_owned(writes.downgrade(), |it| it).get());
        let leaves = spawn(move || drop(waits));
        let tries = spawn({
            let cell = Arc::clone(&cell);
            move || {
                if let Some(grant) = cell.raw().try_lock::<Write>() {
                    cell.write(grant).add(1);
                }
            }
        });
        goes_on.join().unwrap();
        leaves.join().unwrap();
        tries.join().unwrap();
        assert!(cell.write(cell.raw().try_lock().expect("all have left")).get() <= 1);
    });
}

#[test]
fn a_writer_that_leaves_the_line_lets_those_behind_it_read() {
    race(|| {
        let cell = Arc::new(RwCell::new(Watched::new()));
        let reads = cell.read(cell.raw().try_lock::<Read>().unwrap());
        let others: Vec<_> = [true, false]
            .into_iter()
            .map(|writes| {
                let cell = Arc::clone(&cell);
                spawn(move || {
                    if writes {
                        drop(poll_once(pin!(cell.raw().lock::<Write>())));
                    } else {
                        _ = cell.read(block_on(cell.raw().lock::<Read>())).get();
                    }
                })
            })
            .collect();
        others.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!(reads.get(), 0);
        drop(reads);
        assert_eq!((cell.raw().readers(), cell.raw().waiters()), (0, 0));
    });
}
