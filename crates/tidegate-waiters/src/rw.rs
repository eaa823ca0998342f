// How it works
//
//     word: [ how many read | UPGRADABLE | WRITER | WAITERS ]
//
// One compare-exchange takes a share and one gives it back while nobody waits. With somebody in line, newcomers
// join it, and shares are given back under the queue's lock, where the line is served from the front for as long
// as the first may go. So nobody is overtaken: a writer waits for those who read now and keeps those who come
// later waiting, and readers who stand next to each other go together.
//
// An upgrade is the exception: whoever may upgrade reads already, so a writer in line waits for it anyway. It goes
// to the front, and there is only one of them. While it writes it keeps `UPGRADABLE`, so that leaving takes it back to
// reading.

use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use pin_project_lite::pin_project;
use tidegate_shim::atomic::Ordering;
use tidegate_shim::const_fn;

use crate::queue::{Left, Locked, Policy, WaitQueue};
use crate::waiter::{Borrowed, Decision, Waiter};

const WAITERS: usize = WaitQueue::<Sharing>::WAITERS;
const WRITER: usize = 2;
const UPGRADABLE: usize = 4;
const READER: usize = 8;
/// Set when there are as many readers as there may be: half of what the word has room for, so that no sum of shares
/// runs over.
const FULL: usize = 1 << (usize::BITS - 1);
const MAX_READERS: usize = FULL / READER;

/// What somebody who waits for a [`RawRwLock`] wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read, beside others.
    Read,
    /// To read, beside others, as the only one who may come to write.
    Upgradable,
    /// To write, alone.
    Write,
    /// To write, alone, and to go back to reading; asked by the one who may.
    Upgrade,
}

impl Access {
    /// What it adds to the word.
    #[inline]
    const fn share(self) -> usize {
        match self {
            Self::Read => READER,
            Self::Upgradable => UPGRADABLE,
            Self::Write | Self::Upgrade => WRITER,
        }
    }

    /// Whether it may go, as far as the others who are inside are concerned.
    #[inline]
    const fn may_enter(self, word: usize) -> bool {
        match self {
            Self::Read => word & (WRITER | FULL) == 0,
            // It may come to be one that only reads, so there must be room for that.
            Self::Upgradable => word & (WRITER | UPGRADABLE | FULL) == 0,
            Self::Write => word & !WAITERS == 0,
            Self::Upgrade => word & !(WAITERS | UPGRADABLE) == 0,
        }
    }

    /// Whether a newcomer may go.
    #[inline]
    const fn may_join(self, word: usize) -> bool {
        match self {
            Self::Write => word == 0,
            Self::Upgrade => word & !UPGRADABLE == 0,
            _ => word & WAITERS == 0 && self.may_enter(word),
        }
    }
}

/// A kind of [`Access`], as a type.
pub trait Mode: sealed::Sealed + Send + Sync + Unpin + 'static {
    /// The kind.
    const ACCESS: Access;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! modes {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl sealed::Sealed for $name {}
        impl Mode for $name {
            const ACCESS: Access = Access::$name;
        }
    )*};
}
modes! {
    /// [`Access::Read`]
    Read
    /// [`Access::Upgradable`]
    Upgradable
    /// [`Access::Write`]
    Write
    /// [`Access::Upgrade`]
    Upgrade
}

/// Access for many who read or one who writes, without a value: what a reader-writer lock is made of.
///
/// # Examples
///
/// ```
/// use tidegate_waiters::{RawRwLock, Read, Write};
///
/// static LOCK: RawRwLock = RawRwLock::new();
///
/// # tidegate_waiters::block_on(async {
/// let one = LOCK.lock::<Read>().await;
/// let two = LOCK.try_lock::<Read>();
/// assert!(two.is_some() && LOCK.try_lock::<Write>().is_none());
/// # drop(one);
/// # });
/// ```
pub struct RawRwLock {
    queue: WaitQueue<Sharing>,
}

/// The policy of a [`RawRwLock`]; its state is all in the word.
#[derive(Debug)]
pub struct Sharing(());

impl RawRwLock {
    /// How many can read at a time; more wait.
    pub const MAX_READERS: usize = MAX_READERS;

    const_fn! {
        /// Makes a lock that is free.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_waiters::RawRwLock;
        ///
        /// static LOCK: RawRwLock = RawRwLock::new();
        /// assert_eq!(LOCK.readers(), 0);
        /// ```
        pub const fn new() -> Self {
            Self { queue: WaitQueue::new(0, Sharing(())) }
        }
    }

    /// Takes a share if it is to be had this instant and nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RawRwLock, Read, Write};
    /// let lock = RawRwLock::new();
    /// let reads = lock.try_lock::<Read>();
    /// assert!(reads.is_some() && lock.try_lock::<Write>().is_none());
    /// ```
    #[inline]
    pub fn try_lock<M: Entry>(&self) -> Option<RwGrant<M, Borrowed<'_, Sharing>>> {
        // SAFETY: the share was just taken; the marker borrows the queue.
        try_take(&self.queue, M::ACCESS)
            .then(|| unsafe { RwGrant::new((&self.queue).into(), PhantomData) })
    }

    /// As [`try_lock`](Self::try_lock), for a lock inside an [`Arc`].
    ///
    /// # Errors
    ///
    /// The share of the `Arc`, when the lock is not to be had.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{RawRwLock, Write};
    /// let lock = Arc::new(RawRwLock::new());
    /// let grant = RawRwLock::try_lock_owned::<Write, _>(Arc::clone(&lock), |it| it).unwrap();
    /// assert!(lock.is_write_locked());
    /// # drop(grant);
    /// ```
    #[inline]
    pub fn try_lock_owned<M: Entry, T: ?Sized>(
        owner: Arc<T>,
        lock: fn(&T) -> &Self,
    ) -> Result<RwGrant<M, Arc<T>>, Arc<T>> {
        // Asked for once, as in `Waiter::new_owned`.
        let queue = NonNull::from(&lock(&owner).queue);
        // SAFETY: the owner keeps it alive, which this function and the grant hold.
        let queue = unsafe { queue.as_ref() };
        if try_take(queue, M::ACCESS) {
            // SAFETY: the share was just taken, and the owner keeps the queue alive.
            Ok(unsafe { RwGrant::new(queue.into(), owner) })
        } else {
            Err(owner)
        }
    }

    /// Takes a share, waiting in line for it.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped future holds nothing; asking again joins the end of the line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RawRwLock, Write};
    /// # tidegate_waiters::block_on(async {
    /// let lock = RawRwLock::new();
    /// drop(lock.lock::<Write>().await);
    /// # });
    /// ```
    #[inline]
    pub fn lock<M: Entry>(&self) -> RwLocking<M, Borrowed<'_, Sharing>> {
        RwLocking { waiter: Waiter::new(&self.queue, M::ACCESS), mode: PhantomData }
    }

    /// As [`lock`](Self::lock), for a lock inside an [`Arc`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{RawRwLock, Read};
    /// # tidegate_waiters::block_on(async {
    /// let lock = Arc::new(RawRwLock::new());
    /// let grant = RawRwLock::lock_owned::<Read, _>(lock, |it| it).await;
    /// assert_eq!(grant.owner().readers(), 1);
    /// # });
    /// ```
    #[inline]
    pub fn lock_owned<M: Entry, T: ?Sized>(
        owner: Arc<T>,
        lock: fn(&T) -> &Self,
    ) -> RwLocking<M, Arc<T>> {
        let queue = NonNull::from(&lock(&owner).queue);
        // SAFETY: as in `Waiter::new_owned`.
        let waiter = unsafe { Waiter::from_parts(queue, owner, M::ACCESS) };
        RwLocking { waiter, mode: PhantomData }
    }

    /// How many read, the one who may upgrade among them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RawRwLock, Read, Upgradable};
    /// let lock = RawRwLock::new();
    /// let both = (lock.try_lock::<Read>(), lock.try_lock::<Upgradable>());
    /// assert_eq!(lock.readers(), 2);
    /// # drop(both);
    /// ```
    pub fn readers(&self) -> usize {
        let word = self.queue.word().load(Ordering::Relaxed);
        if word & WRITER != 0 { 0 } else { word / READER + usize::from(word & UPGRADABLE != 0) }
    }

    /// Whether somebody writes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RawRwLock, Write};
    /// let lock = RawRwLock::new();
    /// let writes = lock.try_lock::<Write>();
    /// assert!(lock.is_write_locked());
    /// # drop(writes);
    /// ```
    pub fn is_write_locked(&self) -> bool {
        self.queue.word().load(Ordering::Relaxed) & WRITER != 0
    }

    /// How many are in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RawRwLock;
    /// assert_eq!(RawRwLock::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.queue.waiters()
    }

    #[inline]
    pub(crate) fn is_of<M: Mode, O>(&self, grant: &RwGrant<M, O>) -> bool {
        ptr::eq(&self.queue, grant.queue.as_ptr())
    }

    #[inline]
    pub(crate) fn is_for<M: Mode, O>(&self, locking: &RwLocking<M, O>) -> bool {
        ptr::eq(&self.queue, locking.waiter.queue())
    }
}

/// The modes that one can ask a [`RawRwLock`] for; an upgrade is asked of a grant.
pub trait Entry: Mode {}
impl Entry for Read {}
impl Entry for Upgradable {}
impl Entry for Write {}

impl Default for RawRwLock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RawRwLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRwLock")
            .field("readers", &self.readers())
            .field("write_locked", &self.is_write_locked())
            .field("queue", &self.queue)
            .finish()
    }
}

/// A share of a [`RawRwLock`]; dropping it gives the share back.
///
/// `O` is what keeps the lock alive: a borrow, or a share of an [`Arc`].
///
/// # Examples
///
/// ```
/// # use tidegate_waiters::{RawRwLock, Read};
/// let lock = RawRwLock::new();
/// let grant = lock.try_lock::<Read>().unwrap();
/// drop(grant);
/// assert_eq!(lock.readers(), 0);
/// ```
#[must_use = "dropping a grant gives the lock straight back"]
pub struct RwGrant<M: Mode, O> {
    /// Valid while `owner` lives.
    queue: NonNull<WaitQueue<Sharing>>,
    mode: PhantomData<M>,
    owner: O,
}

// SAFETY: the queue is shared, and whoever has the grant may give it back from any thread.
unsafe impl<M: Mode, O: Send> Send for RwGrant<M, O> {}
// SAFETY: a shared grant gives access to the owner only.
unsafe impl<M: Mode, O: Sync> Sync for RwGrant<M, O> {}

impl<M: Mode, O> RwGrant<M, O> {
    /// # Safety
    ///
    /// The share is taken, by nobody who has a grant for it, and `owner` keeps the queue alive and in its place.
    #[inline]
    unsafe fn new(queue: NonNull<WaitQueue<Sharing>>, owner: O) -> Self {
        Self { queue, mode: PhantomData, owner }
    }

    #[inline]
    fn queue(&self) -> &WaitQueue<Sharing> {
        // SAFETY: the owner keeps it alive.
        unsafe { self.queue.as_ref() }
    }

    /// What keeps the lock alive.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{RawRwLock, Read};
    /// let lock = Arc::new(RawRwLock::new());
    /// let grant = RawRwLock::try_lock_owned::<Read, _>(lock, |it| it).unwrap();
    /// assert_eq!(grant.owner().readers(), 1);
    /// ```
    #[inline]
    pub fn owner(&self) -> &O {
        &self.owner
    }

    /// Exchanges the share for one that keeps fewer others out, letting in who may come in beside that.
    fn exchange<N: Mode>(self) -> RwGrant<N, O> {
        let this = mem::ManuallyDrop::new(self);
        // SAFETY: read once: `this` is neither used nor dropped again.
        let owner = unsafe { ptr::read(&this.owner) };
        // Made first: if a waker panics below, this is what gives the new share back.
        let grant = RwGrant { queue: this.queue, mode: PhantomData, owner };
        exchange(grant.queue(), M::ACCESS.share(), N::ACCESS.share());
        grant
    }
}

impl<O> RwGrant<Write, O> {
    /// Goes on reading; others may read from now on, and no writer comes in between.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RawRwLock, Read, Write};
    /// let lock = RawRwLock::new();
    /// let reads = lock.try_lock::<Write>().unwrap().downgrade();
    /// assert!(lock.try_lock::<Read>().is_some());
    /// # drop(reads);
    /// ```
    pub fn downgrade(self) -> RwGrant<Read, O> {
        self.exchange()
    }

    /// Goes on reading as the one who may come to write.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RawRwLock, Upgradable, Write};
    /// let lock = RawRwLock::new();
    /// let reads = lock.try_lock::<Write>().unwrap().downgrade_to_upgradable();
    /// assert!(lock.try_lock::<Upgradable>().is_none());
    /// # drop(reads);
    /// ```
    pub fn downgrade_to_upgradable(self) -> RwGrant<Upgradable, O> {
        self.exchange()
    }
}

impl<O> RwGrant<Upgradable, O> {
    /// Goes on reading, and lets another be the one who may come to write.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RawRwLock, Upgradable};
    /// let lock = RawRwLock::new();
    /// let reads = lock.try_lock::<Upgradable>().unwrap().downgrade();
    /// assert!(lock.try_lock::<Upgradable>().is_some());
    /// # drop(reads);
    /// ```
    pub fn downgrade(self) -> RwGrant<Read, O> {
        self.exchange()
    }

    /// Waits until nobody else reads, before all others who wait. Giving the new grant back leaves this one.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. This grant is kept whatever becomes of the future.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RawRwLock, Upgradable};
    /// # tidegate_waiters::block_on(async {
    /// let lock = RawRwLock::new();
    /// let mut reads = lock.lock::<Upgradable>().await;
    /// let writes = reads.upgrade().await;
    /// assert!(lock.is_write_locked());
    /// drop(writes);
    /// assert_eq!(lock.readers(), 1);
    /// # });
    /// ```
    #[inline]
    pub fn upgrade(&mut self) -> RwLocking<Upgrade, Borrowed<'_, Sharing>> {
        let waiter = Waiter::new(self.queue(), Access::Upgrade);
        RwLocking { waiter, mode: PhantomData }
    }

    /// As [`upgrade`](Self::upgrade), if nobody else reads this instant.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{RawRwLock, Read, Upgradable};
    /// let lock = RawRwLock::new();
    /// let mut reads = lock.try_lock::<Upgradable>().unwrap();
    /// let others = lock.try_lock::<Read>();
    /// assert!(reads.try_upgrade().is_none());
    /// drop(others);
    /// assert!(reads.try_upgrade().is_some());
    /// ```
    #[inline]
    pub fn try_upgrade(&mut self) -> Option<RwGrant<Upgrade, Borrowed<'_, Sharing>>> {
        let queue = self.queue();
        let mut taken = try_take(queue, Access::Upgrade);
        if !taken && queue.word().load(Ordering::Relaxed) & WAITERS != 0 {
            // Those who wait do so behind whoever may upgrade.
            taken = upgrade_in_line(&queue.lock());
        }
        // SAFETY: the share was just taken; the marker borrows this grant, and with it the queue.
        taken.then(|| unsafe { RwGrant::new(queue.into(), PhantomData) })
    }
}

impl<M: Mode, O> Drop for RwGrant<M, O> {
    #[inline]
    fn drop(&mut self) {
        exchange(self.queue(), M::ACCESS.share(), 0);
    }
}

impl<M: Mode, O> fmt::Debug for RwGrant<M, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwGrant").field("access", &M::ACCESS).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`RawRwLock::lock`] and of [`RwGrant::upgrade`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct RwLocking<M, O> {
        #[pin]
        waiter: Waiter<Sharing, O>,
        mode: PhantomData<M>,
    }
}

impl<M: Mode, O: Clone> Future for RwLocking<M, O> {
    type Output = RwGrant<M, O>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RwGrant<M, O>> {
        let mut waiter = self.project().waiter;
        if waiter.is_fresh() && try_take(waiter.queue(), M::ACCESS) {
            waiter.as_mut().finish_fresh();
        } else {
            ready!(poll_in_line(waiter.as_mut(), cx, M::ACCESS));
        }
        let owner = waiter.keeper().clone();
        // SAFETY: the share was taken or granted; the owner keeps the queue alive.
        Poll::Ready(unsafe { RwGrant::new(waiter.queue().into(), owner) })
    }
}

/// A poll of one who waits, or has to.
#[inline(never)]
fn poll_in_line<O>(
    waiter: Pin<&mut Waiter<Sharing, O>>,
    cx: &mut Context<'_>,
    access: Access,
) -> Poll<()> {
    waiter.poll(cx, |line, word| decide(line, word, access)).map(|_decided_or_granted| ())
}

impl<M, O> fmt::Debug for RwLocking<M, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RwLocking").field(&self.waiter).finish()
    }
}

/// The fast path: one look, and one compare-exchange.
#[inline]
fn try_take(queue: &WaitQueue<Sharing>, access: Access) -> bool {
    let word = queue.word();
    let seen = word.load(Ordering::Relaxed);
    // Acquire: pairs with the Release of whoever gave back what kept this one out.
    access.may_join(seen)
        && (word
            .compare_exchange(seen, seen + access.share(), Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            || try_take_again(queue, access))
}

/// As [`try_take`], when the word changed in between: until the share is taken, or not to be had.
#[cold]
#[inline(never)]
fn try_take_again(queue: &WaitQueue<Sharing>, access: Access) -> bool {
    let word = queue.word();
    let mut seen = word.load(Ordering::Relaxed);
    while access.may_join(seen) {
        // Acquire: as above.
        match word.compare_exchange_weak(
            seen,
            seen + access.share(),
            Ordering::Acquire,
            Ordering::Relaxed,
        ) {
            Ok(_) => return true,
            Err(changed) => seen = changed,
        }
    }
    false
}

/// Gives `old` back and keeps `new`, which keeps nobody out whom `old` let in.
#[inline]
fn exchange(queue: &WaitQueue<Sharing>, old: usize, new: usize) {
    let word = queue.word();
    let seen = word.load(Ordering::Relaxed);
    // Release: pairs with the Acquire of whoever comes in next.
    if seen & WAITERS != 0
        || word
            .compare_exchange(seen, seen - old + new, Ordering::Release, Ordering::Relaxed)
            .is_err()
    {
        exchange_again(queue, old, new);
    }
}

/// As [`exchange`], when the first look at the word did not suffice.
#[cold]
#[inline(never)]
fn exchange_again(queue: &WaitQueue<Sharing>, old: usize, new: usize) {
    let word = queue.word();
    let mut seen = word.load(Ordering::Relaxed);
    while seen & WAITERS == 0 {
        // Release: as above.
        match word.compare_exchange_weak(
            seen,
            seen - old + new,
            Ordering::Release,
            Ordering::Relaxed,
        ) {
            Ok(_) => return,
            Err(changed) => seen = changed,
        }
    }
    Sharing::give_back(&mut queue.lock(), old, new);
}

/// Takes the lock for the one who may upgrade, past everybody in line.
fn upgrade_in_line(line: &Locked<'_, Sharing>) -> bool {
    let mut seen = line.word().load(Ordering::Relaxed);
    while Access::Upgrade.may_enter(seen) {
        // Acquire: as in `try_take`.
        match line.word().compare_exchange_weak(
            seen,
            seen + WRITER,
            Ordering::Acquire,
            Ordering::Relaxed,
        ) {
            Ok(_) => return true,
            Err(changed) => seen = changed,
        }
    }
    false
}

fn decide(line: &mut Locked<'_, Sharing>, word: usize, access: Access) -> Decision<()> {
    let upgrade = access == Access::Upgrade;
    if !access.may_enter(word) || !(upgrade || line.is_next()) {
        return if upgrade { Decision::WaitInOrder } else { Decision::Wait };
    }
    // Acquire: as in `try_take`.
    match line.word().compare_exchange(
        word,
        word + access.share(),
        Ordering::Acquire,
        Ordering::Relaxed,
    ) {
        Ok(_) => Decision::Ready(()),
        Err(_) => Decision::Retry,
    }
}

impl Sharing {
    fn give_back(line: &mut Locked<'_, Self>, old: usize, new: usize) {
        // In one step: if everybody in line has left meanwhile, the lock-free side moves the word too.
        // Release: as in `exchange`.
        line.word().fetch_add(new.wrapping_sub(old), Ordering::Release);
        Self::serve(line);
    }

    /// Lets go of the line from the front for as long as the first may go.
    fn serve(line: &mut Locked<'_, Self>) {
        while let Some(&access) = line.front() {
            // With somebody in line the word changes under the lock only, so it is still this one below.
            if !access.may_enter(line.word().load(Ordering::Relaxed)) {
                break;
            }
            // Acquire: collects what those who were inside did before; the grant passes it on.
            line.word().fetch_add(access.share(), Ordering::Acquire);
            line.grant_front();
        }
    }
}

impl Policy for Sharing {
    type Note = Access;

    fn left(line: &mut Locked<'_, Self>, access: &mut Access, left: Left) {
        match left {
            // It was let in and never looked.
            Left::Granted => Self::give_back(line, access.share(), 0),
            // It may have kept those behind it waiting.
            Left::Waiting => Self::serve(line),
            Left::Released => {}
        }
    }

    fn precedes(access: &Access, _other: &Access) -> bool {
        *access == Access::Upgrade
    }
}

#[cfg(test)]
mod tests;
