//! What safe code may try with locks, grants and cells: it may stall or panic, and never gets at a value twice.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::AtomicPtr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use tidegate_test::{CountingWaker, leaked, poll_once, poll_with};
use tidegate_waiters::{
    Barging, Borrowed, Exclusive, Fifo, LockCell, LockGrant, LockPolicy, Locking, Mutual, RawLock,
    RawRwLock, Read, RwCell, RwGrant, RwLocking, Shared, Sharing, Upgradable, Upgrade, Upgrading,
    Write,
};

fn panics<T>(f: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

#[test]
fn a_cell_opens_for_the_grants_of_its_own_lock() {
    let (mine, other) = (LockCell::<_, Fifo>::new(1), LockCell::<_, Fifo>::new(2));
    assert!(panics(|| drop(mine.open(other.raw().try_lock().unwrap()))));
    assert!(!other.raw().is_locked(), "the grant went back");
    assert!(!mine.raw().is_locked());

    let (mine, other) = (RwCell::new(1), RwCell::new(2));
    assert!(panics(|| drop(mine.read(other.raw().try_lock().unwrap()))));
    assert!(panics(|| drop(mine.write(other.raw().try_lock().unwrap()))));
    assert!(panics(|| drop(mine.upgradable(other.raw().try_lock().unwrap()))));
    let mut shared = other.upgradable(other.raw().try_lock().unwrap());
    assert!(panics(|| drop(mine.upgrade(&mut shared))));
    assert!(panics(|| drop(mine.try_upgrade(&mut shared))));
    drop(shared);
    assert!(mine.raw().try_lock::<Write>().is_some() && other.raw().try_lock::<Write>().is_some());
}

#[test]
fn a_cell_polls_the_futures_of_its_own_lock() {
    let cx = &mut Context::from_waker(Waker::noop());
    let (mine, other) = (LockCell::<_, Fifo>::new(1), LockCell::<_, Fifo>::new(2));
    let mut locking = pin!(other.raw().lock());
    assert!(panics(|| mine.poll_open(locking.as_mut(), cx).is_ready()));
    assert!(!other.raw().is_locked(), "it was not polled");
    assert!(other.poll_open(locking, cx).is_ready());

    let (mine, other) = (RwCell::new(1), RwCell::new(2));
    let mut read = pin!(other.raw().lock());
    let mut upgradable = pin!(other.raw().lock());
    let mut write = pin!(other.raw().lock());
    assert!(panics(|| mine.poll_read(read.as_mut(), cx).is_ready()));
    assert!(panics(|| mine.poll_upgradable(upgradable.as_mut(), cx).is_ready()));
    assert!(panics(|| mine.poll_write(write.as_mut(), cx).is_ready()));
    assert!(other.poll_write(write, cx).is_ready());
    assert!(
        other.poll_read(read, cx).is_ready() && other.poll_upgradable(upgradable, cx).is_ready()
    );
}

// What leads from an owner to its lock may lie; what is opened is what was locked all the same.
#[test]
fn an_owner_that_leads_elsewhere_opens_nothing() {
    let pair = || Arc::new([LockCell::<_, Fifo>::new(1), LockCell::new(2)]);
    let grant = RawLock::try_lock_owned(pair(), |it| it[0].raw()).unwrap();
    assert!(panics(|| LockCell::open_owned(grant, |it: &[_; 2]| &it[1])));

    let elsewhere: &'static LockCell<i32> = leaked(LockCell::new(3));
    type Leads = (&'static LockCell<i32>, LockCell<i32>);
    let both = || Arc::<Leads>::new((elsewhere, LockCell::new(4)));
    let grant = RawLock::try_lock_owned(both(), |it| it.0.raw()).unwrap();
    assert!(panics(|| LockCell::open_owned(grant, |it: &Leads| &it.1)));
    let grant = RawLock::try_lock_owned(both(), |it| it.0.raw()).unwrap();
    assert_eq!(*LockCell::open_owned(grant, |_| elsewhere), 3);

    let pair = Arc::new([RwCell::new(1), RwCell::new(2)]);
    let lie = |mode: usize| {
        let pair = Arc::clone(&pair);
        match mode {
            0 => drop(RwCell::read_owned(
                RawRwLock::try_lock_owned(pair, |it| it[0].raw()).unwrap(),
                |it: &[_; 2]| &it[1],
            )),
            1 => drop(RwCell::write_owned(
                RawRwLock::try_lock_owned(pair, |it| it[0].raw()).unwrap(),
                |it: &[_; 2]| &it[1],
            )),
            _ => drop(RwCell::upgradable_owned(
                RawRwLock::try_lock_owned(pair, |it| it[0].raw()).unwrap(),
                |it: &[_; 2]| &it[1],
            )),
        }
    };
    assert!((0..3).all(|mode| panics(|| lie(mode))));
    assert!(pair.iter().all(|it| it.raw().try_lock::<Write>().is_some()));
    assert_eq!(Arc::strong_count(&pair), 1);
}

#[test]
fn an_owner_whose_way_to_the_lock_panics_takes_nothing() {
    let cell = Arc::new(LockCell::<_, Fifo>::new(1));
    let lock = |it: Arc<LockCell<i32>>| RawLock::<Fifo>::try_lock_owned(it, |_| panic!("lost"));
    assert!(panics(|| lock(Arc::clone(&cell)).is_ok()));
    let grant = RawLock::try_lock_owned(Arc::clone(&cell), LockCell::raw).unwrap();
    assert!(panics(|| drop(LockCell::<i32>::open_owned(grant, |_| panic!("lost")))));
    assert_eq!((cell.raw().is_locked(), Arc::strong_count(&cell)), (false, 1));
}

#[test]
fn there_is_one_exclusive_at_a_time_however_grants_are_passed_about() {
    let cell = LockCell::<_, Fifo>::new([1, 2]);
    let exclusive = cell.open(cell.raw().try_lock().unwrap());
    assert!(cell.raw().try_lock().is_none());
    let part = exclusive.map(|it| &mut it[1]);
    assert!(cell.raw().try_lock().is_none(), "a part keeps the whole");
    let Err(part) = part.filter_map(|_| None::<&mut ()>) else { unreachable!() };
    let grant = part.into_grant();
    assert!(cell.raw().try_lock().is_none(), "as does the grant alone");
    let mut whole = cell.open(grant);
    whole[0] = 5;
    drop(whole);
    assert_eq!(cell.into_inner(), [5, 2]);
}

#[test]
fn swapped_ones_are_swapped_with_their_grants() {
    let (a, b) = (LockCell::<_, Fifo>::new(1), LockCell::<_, Fifo>::new(2));
    let mut one = a.open(a.raw().try_lock().unwrap());
    let mut two = b.open(b.raw().try_lock().unwrap());
    mem::swap(&mut one, &mut two);
    assert_eq!((*one, *two), (2, 1));
    drop(one);
    assert!(a.raw().is_locked() && !b.raw().is_locked());
    drop(two);

    let (a, b) = (RwCell::new(1), RwCell::new(2));
    let mut one = a.upgradable(a.raw().try_lock().unwrap());
    let mut two = b.upgradable(b.raw().try_lock().unwrap());
    mem::swap(&mut one, &mut two);
    assert!(panics(|| drop(a.try_upgrade(&mut one))), "it is of the other cell now");
    *b.try_upgrade(&mut one).unwrap() += 1;
    drop((one, two));
    assert_eq!((a.into_inner(), b.into_inner()), (1, 3));
}

#[test]
fn a_part_that_panics_gives_the_lock_back() {
    let cell = LockCell::<_, Barging>::new(1);
    let exclusive = cell.open(cell.raw().try_lock().unwrap());
    assert!(panics(|| drop(exclusive.map(|_| -> &mut i32 { panic!("no part") }))));
    assert!(!cell.raw().is_locked());
    let cell = RwCell::new(1);
    let shared = cell.read(cell.raw().try_lock().unwrap());
    assert!(panics(|| drop(shared.filter_map(|_| -> Option<&i32> { panic!("no part") }))));
    assert_eq!(cell.raw().readers(), 0);
}

#[test]
fn what_is_forgotten_stays_locked_and_can_still_be_owned() {
    let cell = LockCell::<_, Fifo>::new(1);
    mem::forget(cell.open(cell.raw().try_lock().unwrap()));
    assert!(cell.raw().try_lock().is_none());
    let mut moved = cell;
    *moved.get_mut() += 1;
    assert!(moved.raw().is_locked());
    assert_eq!(moved.into_inner(), 2);

    let cell = RwCell::new(1);
    let reads = cell.read(cell.raw().try_lock().unwrap());
    mem::forget(cell.read(cell.raw().try_lock().unwrap()));
    drop(reads);
    assert_eq!(cell.raw().readers(), 1);
    assert!(cell.raw().try_lock::<Write>().is_none());
    assert_eq!(cell.into_inner(), 1);
}

#[test]
fn an_upgrade_that_is_forgotten_keeps_others_out_and_lets_its_owner_read() {
    let cell = RwCell::new(1);
    let mut shared = cell.upgradable(cell.raw().try_lock().unwrap());
    mem::forget(cell.try_upgrade(&mut shared).unwrap());
    assert_eq!(*shared, 1);
    assert!(cell.raw().try_lock::<Read>().is_none());
    assert!(cell.try_upgrade(&mut shared).is_none(), "it writes already, as far as anybody knows");
    assert!(poll_once(pin!(cell.upgrade(&mut shared))).is_pending());
    let shared = cell.read(shared.into_grant().downgrade());
    assert_eq!(*shared, 1);
    assert!(cell.raw().try_lock::<Upgradable>().is_none());
    drop(shared);
    assert!(cell.raw().try_lock::<Write>().is_none(), "for good");
}

/// Keeps a future where it is, for good, without it being dropped; nor is it taken for a leak.
fn forgotten<F: Future + Send + 'static>(mut future: Pin<Box<F>>) {
    assert!(poll_once(future.as_mut()).is_pending());
    leaked(Mutex::new(mem::ManuallyDrop::new(future)));
}

#[test]
fn an_upgrade_whose_future_is_forgotten_leads_to_no_two_writers() {
    let cell: &'static RwCell<i32> = leaked(RwCell::new(1));
    type Mine = Shared<i32, RwGrant<Upgradable, Borrowed<'static, Sharing>>>;
    // It lives for ever, so that its upgrade may as well.
    let mine: &'static mut Mine = {
        let mine = Box::leak(Box::new(cell.upgradable(cell.raw().try_lock().unwrap())));
        leaked(AtomicPtr::new(std::ptr::from_mut(mine)));
        mine
    };
    let reads = cell.raw().try_lock::<Read>().unwrap();
    forgotten(Box::pin(cell.upgrade(mine)));
    assert_eq!(cell.raw().waiters(), 1);
    drop(reads); // The one who sleeps for ever is let in.
    assert!(cell.raw().is_write_locked());
    assert!(cell.raw().try_lock::<Read>().is_none());
    assert!(poll_once(pin!(cell.raw().lock::<Write>())).is_pending());
}

#[test]
fn a_forgotten_waiter_stalls_a_lock_and_breaks_nothing() {
    let cell: &'static LockCell<i32> = leaked(LockCell::new(1));
    let held = cell.open(cell.raw().try_lock().unwrap());
    forgotten(Box::pin(cell.raw().lock()));
    drop(held);
    assert!(cell.raw().is_locked(), "it was handed the lock");
    assert!(poll_once(pin!(cell.raw().lock())).is_pending());

    let cell: &'static LockCell<i32, Barging> = leaked(LockCell::new(1));
    let held = cell.open(cell.raw().try_lock().unwrap());
    forgotten(Box::pin(cell.raw().lock()));
    drop(held);
    assert!(!cell.raw().is_locked(), "it was only told");
    assert!(cell.raw().try_lock().is_some());
}

/// A waker that panics when it wakes.
struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's own panic");
    }
}

#[test]
fn a_waker_that_panics_takes_no_lock_along() {
    let mad = Waker::from(Arc::new(Panics));
    fn hand_over<P: LockPolicy>(mad: &Waker) {
        let cell = LockCell::<_, P>::new(1);
        let held = cell.open(cell.raw().try_lock().unwrap());
        let mut next = Box::pin(cell.raw().lock());
        assert!(poll_with(next.as_mut(), mad).is_pending());
        assert!(panics(|| drop(held)));
        assert!(poll_once(next.as_mut()).is_ready());
        assert!(!cell.raw().is_locked());
    }
    hand_over::<Fifo>(&mad);
    hand_over::<Barging>(&mad);
}

#[test]
fn a_waker_that_panics_while_a_share_is_exchanged_takes_no_share_along() {
    let mad = Waker::from(Arc::new(Panics));
    let check = |exchange: fn(Arc<RwCell<i32>>)| {
        let cell = Arc::new(RwCell::new(1));
        let mut next = Box::pin(RawRwLock::lock_owned::<Read, _>(Arc::clone(&cell), RwCell::raw));
        let mut upgradable =
            Box::pin(RawRwLock::lock_owned::<Upgradable, _>(Arc::clone(&cell), RwCell::raw));
        let first = RawRwLock::try_lock_owned::<Upgradable, _>(Arc::clone(&cell), RwCell::raw);
        let mut first = first.unwrap();
        let writes = first.try_upgrade().unwrap();
        assert!(poll_with(next.as_mut(), &mad).is_pending());
        assert!(poll_with(upgradable.as_mut(), &mad).is_pending());
        assert!(panics(|| drop(writes)));
        drop(next);
        assert!(panics(|| drop(first)), "and lets the next upgradable one in");
        drop(upgradable);
        exchange(Arc::clone(&cell));
        assert!(cell.raw().try_lock::<Write>().is_some());
        assert_eq!((cell.raw().waiters(), Arc::strong_count(&cell)), (0, 1));
    };
    check(|cell| {
        let writes = RawRwLock::try_lock_owned::<Write, _>(Arc::clone(&cell), RwCell::raw).unwrap();
        let mut next = Box::pin(cell.raw().lock::<Read>());
        assert!(poll_with(next.as_mut(), &Waker::from(Arc::new(Panics))).is_pending());
        assert!(panics(|| drop(writes.downgrade())));
    });
    check(|cell| {
        let writes = RawRwLock::try_lock_owned::<Write, _>(Arc::clone(&cell), RwCell::raw).unwrap();
        let mut next = Box::pin(cell.raw().lock::<Read>());
        assert!(poll_with(next.as_mut(), &Waker::from(Arc::new(Panics))).is_pending());
        assert!(panics(|| drop(writes.downgrade_to_upgradable())));
    });
    check(|cell| {
        let reads = RawRwLock::try_lock_owned::<Upgradable, _>(Arc::clone(&cell), RwCell::raw);
        let mut next = Box::pin(cell.raw().lock::<Upgradable>());
        assert!(poll_with(next.as_mut(), &Waker::from(Arc::new(Panics))).is_pending());
        assert!(panics(|| drop(reads.unwrap().downgrade())));
    });
}

#[test]
fn a_share_outlives_everything_but_its_value() {
    let cell = Arc::new(LockCell::<_, Fifo>::new(String::from("kept")));
    let mut locking = Box::pin(RawLock::lock_owned(Arc::clone(&cell), LockCell::raw));
    let held = cell.open(cell.raw().try_lock().unwrap());
    assert!(poll_once(locking.as_mut()).is_pending());
    drop(held);
    drop(cell);
    let Poll::Ready(grant) = poll_once(locking.as_mut()) else { panic!("it was handed over") };
    drop(locking);
    let part = LockCell::open_owned(grant, |it| it).map(|it| &mut it[1..3]);
    assert_eq!(std::thread::spawn(move || part.to_owned()).join().unwrap(), "ep");
}

#[test]
fn who_is_woken_is_told_once() {
    let lock = RawLock::<Barging>::new();
    let held = lock.try_lock().unwrap();
    let (wakes, waker) = CountingWaker::new();
    let mut waits = pin!(lock.lock());
    assert!(poll_with(waits.as_mut(), &waker).is_pending());
    drop(held);
    drop(lock.try_lock().unwrap());
    drop(lock.try_lock().unwrap());
    assert_eq!(wakes.count(), 1, "it has not looked since");
    assert!(poll_with(waits, &waker).is_ready());
}

/// Whether a type has a trait, decided at compile time without requiring it.
macro_rules! is {
    ($trait:ident: $type:ty) => {{
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "unused for what has it")]
        trait Otherwise {
            const IS: bool = false;
        }
        impl<T: ?Sized> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "unused for what has it not")]
        impl<T: ?Sized + $trait> Probe<T> {
            const IS: bool = true;
        }
        Probe::<$type>::IS
    }};
}

/// `Send` and `Sync` of a type, for values that are both, `Send` alone, `Sync` alone, and neither.
macro_rules! table {
    ($value:ident => $type:ty) => {{
        type It<$value> = $type;
        [
            (is!(Send: It<u8>), is!(Sync: It<u8>)),
            (is!(Send: It<Cell<u8>>), is!(Sync: It<Cell<u8>>)),
            (is!(Send: It<MutexGuard<'static, u8>>), is!(Sync: It<MutexGuard<'static, u8>>)),
            (is!(Send: It<Rc<u8>>), is!(Sync: It<Rc<u8>>)),
        ]
    }};
}

#[test]
fn what_may_be_sent_and_shared_hangs_on_the_value() {
    const NO: (bool, bool) = (false, false);
    const BOTH: (bool, bool) = (true, true);
    const SEND: (bool, bool) = (true, false);
    const SYNC: (bool, bool) = (false, true);
    type Grant = LockGrant<Borrowed<'static, Mutual>>;
    type Reads = RwGrant<Read, Borrowed<'static, Sharing>>;

    // Whoever may have the lock may have the value; the value is lent to one at a time.
    assert_eq!(table!(T => LockCell<T>), [BOTH, BOTH, NO, NO]);
    // Several may read at a time.
    assert_eq!(table!(T => RwCell<T>), [BOTH, SEND, NO, NO]);
    // A mutable borrow, and a shared one.
    assert_eq!(table!(T => Exclusive<T, Grant>), [BOTH, SEND, SYNC, NO]);
    assert_eq!(table!(T => Shared<T, Reads>), [BOTH, NO, BOTH, NO]);
    assert_eq!(table!(T => Upgrading<'static, T>), [BOTH, SEND, SYNC, NO]);
    // A share may drop the value wherever it is dropped.
    assert_eq!(table!(T => LockGrant<Arc<LockCell<T>>>), [BOTH, BOTH, NO, NO]);
    assert_eq!(table!(T => Exclusive<u8, LockGrant<Arc<LockCell<T>>>>), [BOTH, BOTH, NO, NO]);
    assert_eq!(table!(T => RwGrant<Write, Arc<RwCell<T>>>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => Locking<Fifo, Arc<LockCell<T>>>), [BOTH, BOTH, NO, NO]);
    assert_eq!(table!(T => RwLocking<Read, Arc<RwCell<T>>>), [BOTH, NO, NO, NO]);
    assert!(is!(Send: Locking<Barging, Borrowed<'static, Mutual>>));
    assert!(is!(Sync: RwLocking<Upgrade, Borrowed<'static, Sharing>>));
    assert!(is!(Sync: RawLock) && is!(Sync: RawRwLock) && is!(Sync: Grant) && is!(Sync: Reads));
}

#[test]
fn futures_stay_where_they_are_and_grants_may_be_moved() {
    assert!(!is!(Unpin: Locking<Fifo, Borrowed<'static, Mutual>>));
    assert!(!is!(Unpin: RwLocking<Read, Borrowed<'static, Sharing>>));
    assert!(!is!(Unpin: Upgrading<'static, u8>));
    assert!(is!(Unpin: LockGrant<Borrowed<'static, Mutual>>));
}

#[test]
fn the_sizes_are_what_the_design_says() {
    assert_eq!((size_of::<RawLock>(), size_of::<RawRwLock>()), (32, 32));
    assert!(size_of::<Locking<Fifo, Borrowed<'static, Mutual>>>() <= 48);
    assert!(size_of::<Option<Exclusive<u8, LockGrant<Borrowed<'static, Mutual>>>>>() == 16);
}
