// How it works
//
//     word: [ HOUSED | BARGING | HANDOFF | LOCKED | WAITERS ]
//
// One compare-exchange takes the lock and one gives it back while nobody waits. With somebody in line it is given
// back under the queue's lock, in one of two ways:
//
// - Handed over: `LOCKED` stays, and the first in line is granted. So nobody overtakes, and the lock belongs to a
//   task that has yet to run.
// - Let go (a barging lock): `LOCKED` goes, and the first in line is nudged, keeping its place. Whoever comes first
//   takes it. If the nudged one looks and finds it taken, it raises `HANDOFF`: newcomers wait from then on, and
//   the next who gives the lock back hands it over. One lost race each is all that this costs a waiter.
//
// `HANDOFF` is up only while somebody is in line, but for an instant when the last one leaves.
//
// A barging waiter also looks when it is polled for no reason: the one that was nudged may be another future of the
// same task, which that task does not poll just now.
//
// Once somebody has waited for a condition with it, a lock has a house: its word and its line are on the heap, where
// the condition finds them whatever becomes of the lock, and the word here says `HOUSED` and is shut for good. The fast
// paths fail on that and go on in the house, and everybody who takes the queue's lock is led there.

use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use pin_project_lite::pin_project;
use tidegate_shim::atomic::Ordering;
use tidegate_shim::const_fn;

use crate::node::{Links, Node};
use crate::queue::{Left, Locked, Policy, WaitQueue};
use crate::waiter::{Borrowed, Decision, Waiter};

const WAITERS: usize = WaitQueue::<Mutual>::WAITERS;
const LOCKED: usize = 2;
const HANDOFF: usize = 4;
const BARGING: usize = 8;
const HOUSED: usize = 16;

/// Who gets a lock that is given back: [`Fifo`] or [`Barging`].
pub trait LockPolicy: sealed::Sealed + Send + Sync + Unpin + 'static {
    /// Whether a newcomer may take a free lock while others wait.
    const BARGING: bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Fifo {}
    impl Sealed for super::Barging {}
}

/// First come, first served: a lock that is given back belongs to whoever has waited longest.
///
/// # Examples
///
/// ```
/// use tidegate_waiters::{Fifo, RawLock};
///
/// let lock = RawLock::<Fifo>::new();
/// drop(lock.try_lock());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fifo;

/// Whoever is there first takes it; one who has waited and lost a race goes next.
///
/// # Examples
///
/// ```
/// use tidegate_waiters::{Barging, RawLock};
///
/// let lock = RawLock::<Barging>::new();
/// drop(lock.try_lock());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Barging;

impl LockPolicy for Fifo {
    const BARGING: bool = false;
}

impl LockPolicy for Barging {
    const BARGING: bool = true;
}

/// Mutual exclusion without a value: what a lock is made of.
///
/// What it gives is a [`LockGrant`], of which there is never more than one. [`LockCell`](crate::LockCell) puts a
/// value behind it.
///
/// # Examples
///
/// ```
/// use tidegate_waiters::RawLock;
///
/// static LOCK: RawLock = RawLock::new();
///
/// async fn alone() {
///     let _grant = LOCK.lock().await;
///     // One at a time here.
/// }
/// # tidegate_waiters::block_on(alone());
/// assert!(!LOCK.is_locked());
/// ```
pub struct RawLock<P: LockPolicy = Fifo> {
    queue: WaitQueue<Mutual>,
    policy: PhantomData<P>,
}

/// The policy of a [`RawLock`]; its state is all in the word.
#[derive(Debug)]
pub struct Mutual(());

impl<P: LockPolicy> RawLock<P> {
    const_fn! {
        /// Makes a lock that is free.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_waiters::{Barging, RawLock};
        ///
        /// static LOCK: RawLock<Barging> = RawLock::new();
        /// assert!(!LOCK.is_locked());
        /// ```
        pub const fn new() -> Self {
            let word = if P::BARGING { BARGING } else { 0 };
            Self { queue: WaitQueue::new(word, Mutual(())), policy: PhantomData }
        }
    }

    /// Takes the lock if it is free this instant and, unless it is a barging one, nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, RawLock};
    /// let lock = RawLock::<Fifo>::new();
    /// let grant = lock.try_lock();
    /// assert!(grant.is_some() && lock.try_lock().is_none());
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<LockGrant<Borrowed<'_, Mutual>>> {
        // SAFETY: the lock was just taken; the marker borrows the queue.
        try_take::<P>(&self.queue)
            .then(|| unsafe { LockGrant::new((&self.queue).into(), PhantomData) })
    }

    /// As [`try_lock`](Self::try_lock), for a lock inside an [`Arc`]; gives the share back when it is taken.
    ///
    /// # Errors
    ///
    /// The share, when the lock is not to be had.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{Fifo, RawLock};
    /// let lock = Arc::new(RawLock::<Fifo>::new());
    /// let grant = RawLock::try_lock_owned(Arc::clone(&lock), |it| it).unwrap();
    /// assert!(lock.is_locked());
    /// # drop(grant);
    /// ```
    #[inline]
    pub fn try_lock_owned<T: ?Sized>(
        owner: Arc<T>,
        lock: fn(&T) -> &Self,
    ) -> Result<LockGrant<Arc<T>>, Arc<T>> {
        // Asked for once, as in `Waiter::new_owned`.
        let queue = NonNull::from(&lock(&owner).queue);
        // SAFETY: the owner keeps it alive, which this function and the grant hold.
        let queue = unsafe { queue.as_ref() };
        if try_take::<P>(queue) {
            // SAFETY: the lock was just taken, and the owner keeps the queue alive.
            Ok(unsafe { LockGrant::new(queue.into(), owner) })
        } else {
            Err(owner)
        }
    }

    /// Takes the lock, waiting in line for it.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped future does not hold the lock; asking again joins the end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Barging, RawLock};
    /// # tidegate_waiters::block_on(async {
    /// let lock = RawLock::<Barging>::new();
    /// drop(lock.lock().await);
    /// # });
    /// ```
    #[inline]
    pub fn lock(&self) -> Locking<P, Borrowed<'_, Mutual>> {
        Locking { waiter: Waiter::new(&self.queue, ()), policy: PhantomData }
    }

    /// As [`lock`](Self::lock), for a lock inside an [`Arc`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{Fifo, RawLock};
    /// # tidegate_waiters::block_on(async {
    /// let lock = Arc::new(RawLock::<Fifo>::new());
    /// let grant = RawLock::lock_owned(lock, |it| it).await;
    /// assert!(grant.owner().is_locked());
    /// # });
    /// ```
    #[inline]
    pub fn lock_owned<T: ?Sized>(owner: Arc<T>, lock: fn(&T) -> &Self) -> Locking<P, Arc<T>> {
        let queue = NonNull::from(&lock(&owner).queue);
        // SAFETY: as in `Waiter::new_owned`.
        let waiter = unsafe { Waiter::from_parts(queue, owner, ()) };
        Locking { waiter, policy: PhantomData }
    }

    /// Whether somebody holds it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, RawLock};
    /// let lock = RawLock::<Fifo>::new();
    /// let grant = lock.try_lock();
    /// assert!(lock.is_locked());
    /// # drop(grant);
    /// ```
    #[inline]
    pub fn is_locked(&self) -> bool {
        let word = self.queue.word().load(Ordering::Relaxed);
        match home(&self.queue) {
            Some(home) => home.word().load(Ordering::Relaxed) & LOCKED != 0,
            None => word & LOCKED != 0,
        }
    }

    /// How many are in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, RawLock};
    /// assert_eq!(RawLock::<Fifo>::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.queue.waiters()
    }

    #[inline]
    pub(crate) fn is_of<O>(&self, grant: &LockGrant<O>) -> bool {
        ptr::eq(&self.queue, grant.queue.as_ptr())
    }

    #[inline]
    pub(crate) fn is_for<O>(&self, locking: &Locking<P, O>) -> bool {
        ptr::eq(&self.queue, locking.waiter.queue())
    }
}

impl<P: LockPolicy> Drop for RawLock<P> {
    fn drop(&mut self) {
        self.queue.leave_house();
    }
}

impl<P: LockPolicy> Default for RawLock<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: LockPolicy> fmt::Debug for RawLock<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawLock")
            .field("locked", &self.is_locked())
            .field("queue", &self.queue)
            .finish()
    }
}

/// The right to be inside of a [`RawLock`]; dropping it gives the lock back.
///
/// `O` is what keeps the lock alive: a borrow, or a share of an [`Arc`].
///
/// # Examples
///
/// ```
/// # use tidegate_waiters::{Fifo, RawLock};
/// let lock = RawLock::<Fifo>::new();
/// let grant = lock.try_lock().unwrap();
/// drop(grant);
/// assert!(!lock.is_locked());
/// ```
#[must_use = "dropping a grant gives the lock straight back"]
pub struct LockGrant<O> {
    /// Valid while `owner` lives.
    queue: NonNull<WaitQueue<Mutual>>,
    owner: O,
}

// SAFETY: the queue is shared, and whoever has the grant may give the lock back from any thread.
unsafe impl<O: Send> Send for LockGrant<O> {}
// SAFETY: a shared grant gives access to the owner only.
unsafe impl<O: Sync> Sync for LockGrant<O> {}

impl<O> LockGrant<O> {
    /// # Safety
    ///
    /// The lock is held, by nobody who has a grant for it, and `owner` keeps the queue alive and in its place.
    #[inline]
    pub(crate) unsafe fn new(queue: NonNull<WaitQueue<Mutual>>, owner: O) -> Self {
        Self { queue, owner }
    }

    /// What keeps the lock alive.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{Fifo, RawLock};
    /// let lock = Arc::new(RawLock::<Fifo>::new());
    /// let grant = RawLock::try_lock_owned(lock, |it| it).unwrap();
    /// assert!(grant.owner().is_locked());
    /// ```
    #[inline]
    pub fn owner(&self) -> &O {
        &self.owner
    }

    /// Takes the grant apart; the lock stays held.
    #[inline]
    pub(crate) fn into_parts(self) -> (NonNull<WaitQueue<Mutual>>, O) {
        let this = mem::ManuallyDrop::new(self);
        // SAFETY: read once: `this` is neither used nor dropped again.
        (this.queue, unsafe { ptr::read(&this.owner) })
    }
}

impl<O> Drop for LockGrant<O> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the owner keeps the queue alive.
        unlock(unsafe { self.queue.as_ref() });
    }
}

impl<O> fmt::Debug for LockGrant<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGrant").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`RawLock::lock`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Locking<P, O> {
        #[pin]
        waiter: Waiter<Mutual, O>,
        policy: PhantomData<P>,
    }
}

impl<P: LockPolicy, O: Clone> Future for Locking<P, O> {
    type Output = LockGrant<O>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGrant<O>> {
        let mut waiter = self.project().waiter;
        if waiter.is_fresh() && try_take::<P>(waiter.queue()) {
            waiter.as_mut().finish_fresh();
        } else {
            ready!(poll_in_line::<P, O>(waiter.as_mut(), cx));
        }
        let owner = waiter.keeper().clone();
        // SAFETY: the lock was taken or handed over; the owner keeps the queue alive.
        Poll::Ready(unsafe { LockGrant::new(waiter.queue().into(), owner) })
    }
}

/// A poll of one who waits, or has to.
#[inline(never)]
fn poll_in_line<P: LockPolicy, O>(
    waiter: Pin<&mut Waiter<Mutual, O>>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let turn = if P::BARGING && is_to_be_had(waiter.queue()) {
        waiter.poll_again(cx, decide)
    } else {
        waiter.poll(cx, decide)
    };
    turn.map(|_decided_or_granted| ())
}

impl<P, O> fmt::Debug for Locking<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Locking").field(&self.waiter).finish()
    }
}

/// The fast path: one look, and one compare-exchange.
#[inline]
fn try_take<P: LockPolicy>(queue: &WaitQueue<Mutual>) -> bool {
    let word = queue.word();
    let seen = word.load(Ordering::Relaxed);
    if seen & shut::<P>() != 0 {
        return seen & HOUSED != 0 && home(queue).is_some_and(try_take_again::<P>);
    }
    // Acquire: pairs with the Release of whoever gave the lock back.
    word.compare_exchange(seen, seen | LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
        || try_take_again::<P>(queue)
}

/// As [`try_take`], when the word changed in between: until it is taken or shut.
#[cold]
#[inline(never)]
fn try_take_again<P: LockPolicy>(queue: &WaitQueue<Mutual>) -> bool {
    let word = queue.word();
    let mut seen = word.load(Ordering::Relaxed);
    while seen & shut::<P>() == 0 {
        // Acquire: as above.
        match word.compare_exchange(seen, seen | LOCKED, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(changed) => seen = changed,
        }
    }
    false
}

/// What keeps a newcomer from taking the lock.
#[inline]
const fn shut<P: LockPolicy>() -> usize {
    if P::BARGING { LOCKED | HANDOFF } else { LOCKED | WAITERS }
}

/// Whether one who waits for a barging lock would find it free.
#[inline]
fn is_to_be_had(queue: &WaitQueue<Mutual>) -> bool {
    let word = queue.word().load(Ordering::Relaxed);
    // In a house one has to look.
    word & (LOCKED | HANDOFF) == 0 || word & HOUSED != 0
}

/// As [`is_to_be_had`], for a lock of either kind.
#[inline]
pub(crate) fn is_to_be_had_by_barging(queue: &WaitQueue<Mutual>) -> bool {
    queue.word().load(Ordering::Relaxed) & (BARGING | LOCKED | HANDOFF) == BARGING
}

#[inline]
pub(crate) fn unlock(queue: &WaitQueue<Mutual>) {
    let word = queue.word();
    let seen = word.load(Ordering::Relaxed);
    // Release: pairs with the Acquire of whoever takes the lock next.
    // While the lock is held, the word changes only because somebody comes to wait, or the last of them leaves.
    if seen & WAITERS != 0
        || word
            .compare_exchange(seen, seen & !LOCKED, Ordering::Release, Ordering::Relaxed)
            .is_err()
    {
        unlock_slow(queue);
    }
}

#[cold]
#[inline(never)]
fn unlock_slow(queue: &WaitQueue<Mutual>) {
    match home(queue) {
        Some(home) => unlock(home),
        None => Mutual::unlock(&mut queue.lock()),
    }
}

pub(crate) fn decide(line: &mut Locked<'_, Mutual>, word: usize) -> Decision<()> {
    let barging = word & BARGING != 0;
    let next = line.is_next();
    if word & LOCKED == 0 && (next || (barging && word & HANDOFF == 0)) {
        // A hand-over that was promised to the first is kept by this.
        let taken = if next { (word | LOCKED) & !HANDOFF } else { word | LOCKED };
        // Acquire: as in `try_take`.
        return match line.word().compare_exchange(word, taken, Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => Decision::Ready(()),
            Err(_) => Decision::Retry,
        };
    }
    if barging && word & (LOCKED | HANDOFF) == LOCKED && line.was_nudged() {
        // It lost a race; the next who gives the lock back hands it over. Whether this raised the flag or the word
        // has changed: look again.
        _ = line.word().compare_exchange(
            word,
            word | HANDOFF,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        return Decision::Retry;
    }
    Decision::Wait
}

/// The house of a lock, if it has one.
#[inline]
fn home(queue: &WaitQueue<Mutual>) -> Option<&WaitQueue<Mutual>> {
    // SAFETY: the bit is set by `house` alone; the word of a lock is changed in this file and by the queue only.
    unsafe { queue.home(HOUSED) }
}

/// Where the word and the line of a lock are to be found whatever becomes of it, from now on.
pub(crate) fn house(queue: &WaitQueue<Mutual>) -> Arc<WaitQueue<Mutual>> {
    // SAFETY: as in `home`.
    unsafe { queue.house(HOUSED | HANDOFF | LOCKED | WAITERS, Mutual(())) }
}

impl Mutual {
    /// Gives the lock back, on behalf of whoever holds it.
    fn unlock(line: &mut Locked<'_, Self>) {
        let seen = line.word().load(Ordering::Relaxed);
        if line.is_empty() {
            // Whoever waited has left in the meantime. Release: as in `unlock`.
            line.word().fetch_and(!(LOCKED | HANDOFF), Ordering::Release);
        } else if seen & (BARGING | HANDOFF) == BARGING {
            // Release: as in `unlock`.
            line.word().fetch_and(!LOCKED, Ordering::Release);
            line.nudge_front();
        } else {
            if seen & HANDOFF != 0 {
                line.word().fetch_and(!HANDOFF, Ordering::Relaxed);
            }
            line.grant_front();
        }
    }

    /// Puts a waiter that stands in no line at the end of this one, as if it had just asked for the lock.
    ///
    /// If the lock is free, whoever is first is nudged.
    ///
    /// # Safety
    ///
    /// `node` leads to the live, pinned links of a [`Node<()>`] that is waiting with a waker, in no ring; its owner
    /// looks for it in this line from now on.
    pub(crate) unsafe fn admit(line: &mut Locked<'_, Self>, node: *const Links) {
        let mut seen = line.word().load(Ordering::Relaxed);
        // As a waiter that joins by itself: the bit is set on the word that was judged.
        while let Err(changed) =
            line.word().compare_exchange(seen, seen | WAITERS, Ordering::Relaxed, Ordering::Relaxed)
        {
            seen = changed;
        }
        // SAFETY: the caller's promise: the links are those of such a node.
        line.insert(unsafe { &*node.cast::<Node<()>>() }, false);
        if seen & LOCKED == 0 {
            line.nudge_front();
        }
    }
}

impl Policy for Mutual {
    type Note = ();

    const MOVES: bool = true;

    fn left(line: &mut Locked<'_, Self>, (): &mut (), left: Left) {
        match left {
            // It was handed the lock and never looked: the lock goes on.
            Left::Granted => Self::unlock(line),
            Left::Waiting if line.is_empty() => {
                line.word().fetch_and(!HANDOFF, Ordering::Relaxed);
            }
            // It may have been the one that was to take a free lock. One that is taken after this look is given
            // back under the lock, since somebody is in line.
            Left::Waiting => {
                if line.word().load(Ordering::Relaxed) & LOCKED == 0 {
                    line.nudge_front();
                }
            }
            Left::Released => {}
        }
    }
}
