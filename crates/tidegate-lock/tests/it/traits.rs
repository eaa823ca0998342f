use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::MutexGuard;

use tidegate_lock::{
    Barging, Fifo, Lock, LockFut, LockGuard, LockOwnedFut, LockStatistics, MappedLockGuard,
    MappedRwLockReadGuard, MappedRwLockWriteGuard, OwnedLockGuard, OwnedMappedLockGuard,
    OwnedMappedRwLockReadGuard, OwnedMappedRwLockWriteGuard, OwnedRwLockReadGuard,
    OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, ReadFut, ReadOwnedFut, RwLock,
    RwLockReadGuard, RwLockUpgradableReadGuard, RwLockUpgradedGuard, RwLockWriteGuard,
    UpgradableReadFut, UpgradableReadOwnedFut, UpgradeFut, WriteFut, WriteOwnedFut,
};

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

const NO: (bool, bool) = (false, false);
const BOTH: (bool, bool) = (true, true);
const SEND: (bool, bool) = (true, false);
const SYNC: (bool, bool) = (false, true);

// R27, RUSTSEC-2020-0072: what may be sent and shared hangs on the value.
#[test]
fn a_lock_may_be_shared_if_its_value_may_be_sent() {
    assert_eq!(table!(T => Lock<T>), [BOTH, BOTH, NO, NO]);
    assert_eq!(table!(T => Lock<T, Barging>), [BOTH, BOTH, NO, NO]);
    assert_eq!(table!(T => LockFut<'static, T>), [BOTH, BOTH, NO, NO]);
    assert_eq!(table!(T => LockOwnedFut<T>), [BOTH, BOTH, NO, NO]);
}

#[test]
fn a_guard_may_be_shared_if_its_value_may_be() {
    assert_eq!(table!(T => LockGuard<'static, T>), [BOTH, SEND, NO, NO]);
    assert_eq!(table!(T => OwnedLockGuard<T>), [BOTH, SEND, NO, NO]);
    assert_eq!(table!(T => MappedLockGuard<'static, T>), [BOTH, SEND, SYNC, NO]);
    // A part may be fit to be sent or shared when the whole is not, and the other way round.
    assert_eq!(table!(T => OwnedMappedLockGuard<u8, T>), [BOTH, SEND, SYNC, NO]);
    assert_eq!(table!(T => OwnedMappedLockGuard<T, u8>), [BOTH, BOTH, NO, NO]);
}

#[test]
fn a_lock_for_readers_may_be_shared_if_its_value_may_be_sent_and_shared() {
    assert_eq!(table!(T => RwLock<T>), [BOTH, SEND, NO, NO]);
    assert_eq!(table!(T => ReadFut<'static, T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => WriteFut<'static, T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => UpgradableReadFut<'static, T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => ReadOwnedFut<T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => WriteOwnedFut<T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => UpgradableReadOwnedFut<T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => UpgradeFut<'static, T>), [BOTH, SEND, SYNC, NO]);
}

#[test]
fn a_readers_or_writers_guard_is_a_borrow_of_the_value() {
    assert_eq!(table!(T => RwLockReadGuard<'static, T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => RwLockWriteGuard<'static, T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => RwLockUpgradableReadGuard<'static, T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => RwLockUpgradedGuard<'static, T>), [BOTH, SEND, SYNC, NO]);
    assert_eq!(table!(T => MappedRwLockReadGuard<'static, T>), [BOTH, NO, BOTH, NO]);
    assert_eq!(table!(T => MappedRwLockWriteGuard<'static, T>), [BOTH, SEND, SYNC, NO]);
    assert_eq!(table!(T => OwnedRwLockReadGuard<T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => OwnedRwLockWriteGuard<T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => OwnedRwLockUpgradableReadGuard<T>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => OwnedMappedRwLockReadGuard<u8, T>), [BOTH, NO, BOTH, NO]);
    assert_eq!(table!(T => OwnedMappedRwLockReadGuard<T, u8>), [BOTH, NO, NO, NO]);
    assert_eq!(table!(T => OwnedMappedRwLockWriteGuard<u8, T>), [BOTH, SEND, SYNC, NO]);
    assert_eq!(table!(T => OwnedMappedRwLockWriteGuard<T, u8>), [BOTH, NO, NO, NO]);
}

#[test]
fn guards_may_be_moved_and_futures_may_not() {
    assert!(is!(Unpin: Lock<u8>) && is!(Unpin: RwLock<u8>));
    assert!(is!(Unpin: LockGuard<'static, u8>) && is!(Unpin: OwnedLockGuard<u8, Barging>));
    assert!(is!(Unpin: RwLockReadGuard<'static, u8>) && is!(Unpin: OwnedRwLockWriteGuard<u8>));
    assert!(!is!(Unpin: LockFut<'static, u8>) && !is!(Unpin: LockOwnedFut<u8, Barging>));
    assert!(!is!(Unpin: ReadFut<'static, u8>) && !is!(Unpin: WriteOwnedFut<u8>));
    assert!(!is!(Unpin: UpgradeFut<'static, u8>));
}

#[test]
fn a_lock_crosses_a_caught_panic_if_its_value_does() {
    assert!(is!(UnwindSafe: Lock<u8>) && is!(UnwindSafe: RwLock<u8>));
    // Nothing is poisoned, so a value may be seen as a panic left it: that is said by hand.
    assert!(!is!(RefUnwindSafe: Lock<u8>) && !is!(RefUnwindSafe: RwLock<u8>));
}

#[test]
fn the_sizes_are_what_the_design_says() {
    assert_eq!((size_of::<Lock<()>>(), size_of::<Lock<(), Barging>>()), (32, 32));
    assert_eq!(size_of::<RwLock<()>>(), 32);
    assert!(size_of::<LockFut<'_, u8>>() <= 56 && size_of::<LockOwnedFut<u8, Fifo>>() <= 56);
    assert!(size_of::<ReadFut<'_, u8>>() <= 64 && size_of::<WriteOwnedFut<u8>>() <= 64);
    assert_eq!(size_of::<Option<LockGuard<'_, u8>>>(), 24);
    assert_eq!(size_of::<LockStatistics>(), 16);
}
