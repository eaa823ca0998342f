//! What the compiler must refuse, each beside the like of it that it accepts.

/// What lends a value to be written keeps the lifetimes in it as they are: who could shorten them could put something
/// in that does not live as long as the lock says.
macro_rules! keeps_lifetimes {
    ($($name:ident: $($piece:literal)*;)*) => {$(
        /// ```compile_fail
        #[doc = concat!("fn shorter<'a, 's>(it: tidegate_lock::", stringify!($name), $($piece, "&'static str",)* ">)")]
        #[doc = concat!("    -> tidegate_lock::", stringify!($name), $($piece, "&'s str",)* ">")]
        /// { it }
        /// ```
        ///
        /// ```
        #[doc = concat!("fn same<'a, 's>(it: tidegate_lock::", stringify!($name), $($piece, "&'s str",)* ">)")]
        #[doc = concat!("    -> tidegate_lock::", stringify!($name), $($piece, "&'s str",)* ">")]
        /// { it }
        /// ```
        #[expect(dead_code, reason = "there to be documented")]
        struct $name;
    )*};
}
keeps_lifetimes! {
    Lock: "<";
    LockGuard: "<'a, ";
    MappedLockGuard: "<'a, ";
    OwnedLockGuard: "<";
    OwnedMappedLockGuard: "<u8, ";
    LockFut: "<'a, ";
    LockOwnedFut: "<";
    RwLock: "<";
    RwLockWriteGuard: "<'a, ";
    MappedRwLockWriteGuard: "<'a, ";
    OwnedRwLockWriteGuard: "<";
    OwnedMappedRwLockWriteGuard: "<u8, ";
    RwLockUpgradableReadGuard: "<'a, ";
    OwnedRwLockUpgradableReadGuard: "<";
    RwLockUpgradedGuard: "<'a, ";
    UpgradeFut: "<'a, ";
    WriteFut: "<'a, ";
}

/// A guard does not outlive its lock.
///
/// ```compile_fail,E0597
/// let guard;
/// {
///     let lock = tidegate_lock::Lock::new(1);
///     guard = lock.lock_blocking();
/// }
/// drop(guard);
/// ```
///
/// Nor does what is put in.
///
/// ```compile_fail,E0597
/// let lock = tidegate_lock::Lock::new("static");
/// {
///     let short = String::from("short");
///     *lock.lock_blocking() = &short;
/// }
/// println!("{}", lock.into_inner());
/// ```
///
/// A part does not outlive its guard.
///
/// ```compile_fail,E0521
/// use tidegate_lock::{Lock, LockGuard};
/// let lock = Lock::new(1);
/// let mut kept = None;
/// let part = LockGuard::map(lock.lock_blocking(), |it| {
///     kept = Some(&*it);
///     it
/// });
/// drop(part);
/// println!("{kept:?}");
/// ```
///
/// Nor is it led, by way of something that lives shorter than the guard, to what is not in the lock.
///
/// ```compile_fail
/// use std::marker::PhantomData;
/// use tidegate_lock::{LockGuard, MappedLockGuard};
/// fn longer<'s>(guard: LockGuard<'static, ()>, short: &'s mut u8) -> MappedLockGuard<'static, u8> {
///     let by = LockGuard::map(guard, |_| Box::leak(Box::new(PhantomData::<&'s ()>)));
///     MappedLockGuard::map(by, move |_: &mut PhantomData<&'s ()>| short)
/// }
/// ```
///
/// ```compile_fail
/// use std::marker::PhantomData;
/// use tidegate_lock::{OwnedLockGuard, OwnedMappedLockGuard};
/// fn longer<'s>(guard: OwnedLockGuard<()>, short: &'s mut u8) -> OwnedMappedLockGuard<(), u8> {
///     let by = OwnedLockGuard::map(guard, |_| Box::leak(Box::new(PhantomData::<&'s ()>)));
///     OwnedMappedLockGuard::map(by, move |_: &mut PhantomData<&'s ()>| short)
/// }
/// ```
///
/// ```compile_fail
/// use tidegate_lock::MappedRwLockReadGuard;
/// type Guard<V> = MappedRwLockReadGuard<'static, V>;
/// fn longer<'s>(guard: Guard<&'static str>, short: &'s u8) -> Guard<u8> {
///     let guard: Guard<&'s str> = guard;
///     MappedRwLockReadGuard::map(guard, move |_: &&'s str| short)
/// }
/// ```
///
/// ```compile_fail
/// use tidegate_lock::OwnedMappedRwLockReadGuard;
/// type Guard<V> = OwnedMappedRwLockReadGuard<&'static str, V>;
/// fn longer<'s>(guard: Guard<&'static str>, short: &'s u8) -> Guard<u8> {
///     let guard: Guard<&'s str> = guard;
///     OwnedMappedRwLockReadGuard::map(guard, move |_: &&'s str| short)
/// }
/// ```
///
/// As long as the lock is borrowed is long enough.
///
/// ```
/// use tidegate_lock::{LockGuard, MappedLockGuard};
/// fn word<'a, 's>(guard: LockGuard<'a, Vec<&'s str>>) -> MappedLockGuard<'a, &'s str> {
///     let last = LockGuard::map(guard, |it| it.as_mut_slice());
///     MappedLockGuard::map(last, |it| &mut it[0])
/// }
/// ```
///
/// What was read before an upgrade is not looked at while it is written.
///
/// ```compile_fail,E0502
/// use tidegate_lock::{RwLock, RwLockUpgradableReadGuard};
/// let lock = RwLock::new(vec![1]);
/// let mut guard = lock.upgradable_read_blocking();
/// let first = &guard[0];
/// RwLockUpgradableReadGuard::try_upgrade(&mut guard).unwrap().clear();
/// println!("{first}");
/// ```
///
/// Nor is the guard given up, or asked for another, while it is being upgraded.
///
/// ```compile_fail,E0505
/// use tidegate_lock::{RwLock, RwLockUpgradableReadGuard};
/// let lock = RwLock::new(1);
/// let mut guard = lock.upgradable_read_blocking();
/// let upgrade = RwLockUpgradableReadGuard::upgrade(&mut guard);
/// let reads = RwLockUpgradableReadGuard::downgrade(guard);
/// drop(upgrade);
/// ```
///
/// What reads is not written.
///
/// ```compile_fail,E0594
/// *tidegate_lock::RwLock::new(1).read_blocking() += 1;
/// ```
///
/// A grant is not for more than one guard.
///
/// ```compile_fail,E0382
/// use tidegate_lock::{Lock, LockGuard};
/// let lock = Lock::new(1);
/// let (_, grant) = LockGuard::into_grant(lock.lock_blocking());
/// let one = lock.guard(grant);
/// let two = lock.guard(grant);
/// ```
///
/// A part that was reached to be written is not shared by going on to read: it may be the inside of a cell.
///
/// ```compile_fail,E0308
/// use tidegate_lock::{RwLock, RwLockWriteGuard};
/// let lock = RwLock::new(std::sync::Mutex::new(std::cell::Cell::new(1)));
/// let part = RwLockWriteGuard::map(lock.write_blocking(), |it| it.get_mut().unwrap());
/// RwLockWriteGuard::downgrade(part);
/// ```
#[expect(dead_code, reason = "there to be documented")]
struct Refused;
