// How it works
//
// A waiter gives its lock back and stands in the condition's line. Notifying it moves its node to the end of the
// lock's line, as if it had just asked for the lock, and wakes nobody: it is woken when the lock is handed to it. So
// a node is in the line of the condition first and in that of its lock later, never in both.
//
// `moved` says which. It is written once, under the locks of both lines, so whoever holds either may trust it. The
// owner reads it without a lock to know which lock to take, and looks again once it has that of the condition.
//
// The lock of the condition's line is taken before that of a lock's line, never the other way round.
//
// A notification reaches for the lock, though nothing that it is handed keeps the lock alive: a waiter that borrows its
// lock may be leaked after it was polled, which ends the borrow, and the lock may be dropped or moved. So the lock is
// given a house when it is first waited with, its word and its line on the heap (see lock.rs), and every waiter leaves a
// share of that with its place. Whoever notifies it takes the share over, for as long as it has the house in its hands.
// The waiter itself needs none: until it is ready it keeps the lock, and the lock keeps its house. A waiter's own memory
// is pinned, and stays if it is leaked; in the line of a house that has gone, nobody looks for it.
//
// Who was notified alone and is dropped before it has the lock passes the notification on. Who was notified with
// everybody else does not: the others have theirs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tidegate_shim::atomic::{AtomicU8, Ordering};
use tidegate_shim::const_fn;

use crate::lock::{self, LockGrant, Mutual};
use crate::node::{Node, state};
use crate::queue::{Left, Locked, Policy, WaitQueue, keep_first, pass_on};
use crate::waiter;

const WAITERS: usize = WaitQueue::<Notices>::WAITERS;

/// A line to wait in for news about what a [`RawLock`](crate::RawLock) guards: what a condition is made of.
///
/// # Examples
///
/// ```
/// use tidegate_waiters::{LockCell, RawCondition};
///
/// static READY: LockCell<bool> = LockCell::new(false);
/// static CHANGED: RawCondition = RawCondition::new();
///
/// async fn ready() {
///     let mut ready = READY.open(READY.raw().lock().await);
///     while !*ready {
///         ready = READY.open(CHANGED.wait(ready.into_grant()).await);
///     }
/// }
///
/// # std::thread::scope(|threads| {
/// threads.spawn(|| {
///     *READY.open(tidegate_waiters::block_on(READY.raw().lock())) = true;
///     CHANGED.notify_all();
/// });
/// tidegate_waiters::block_on(ready());
/// # });
/// ```
///
/// # Cost
///
/// A lock allocates once, when it is first waited with, and is somewhat slower to take from then on. Other than that
/// waiting allocates nothing; joining and leaving are O(1). Notifying is O(1) for each who is notified, under the
/// locks of both lines, and wakes nobody while the lock is held.
pub struct RawCondition {
    queue: WaitQueue<Notices>,
}

/// The policy of a [`RawCondition`].
#[derive(Debug)]
pub struct Notices(());

impl Policy for Notices {
    type Note = Place;

    const OWN_BITS: bool = false;

    // Who leaves is a `Notified`, which sees to it itself.
    fn left(_line: &mut Locked<'_, Self>, _place: &mut Place, _left: Left) {}
}

/// Where somebody who waits for a [`RawCondition`] stands.
pub struct Place {
    /// The line of the lock that it gave back, in its house. Comes with a share of that, until it is moved.
    lock: NonNull<WaitQueue<Mutual>>,
    moved: AtomicU8,
}

// SAFETY: it is a share of the house and a flag.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl Place {
    #[inline]
    fn new(house: Arc<WaitQueue<Mutual>>) -> Self {
        // SAFETY: an `Arc` is never null.
        let lock = unsafe { NonNull::new_unchecked(Arc::into_raw(house).cast_mut()) };
        Self { lock, moved: AtomicU8::new(NOT_MOVED) }
    }

    /// Says that it has moved, and gives the share of the house away.
    ///
    /// # Safety
    ///
    /// It has not moved, and nobody else moves it: it is in a line whose lock is held. Its owner keeps the lock.
    #[inline]
    unsafe fn moves(&self, how: u8) -> Arc<WaitQueue<Mutual>> {
        // Release: pairs with the owner's Acquire.
        self.moved.store(how, Ordering::Release);
        // SAFETY: the share that `new` left here; it is taken once, since this place has moved now.
        unsafe { Arc::from_raw(self.lock.as_ptr()) }
    }
}

impl Drop for Place {
    #[inline]
    fn drop(&mut self) {
        if self.moved.load(Ordering::Relaxed) == NOT_MOVED {
            // SAFETY: the share that `new` left here is here still.
            drop(unsafe { Arc::from_raw(self.lock.as_ptr()) });
        }
    }
}

/// In the condition's line, or in none yet.
const NOT_MOVED: u8 = 0;
/// In the lock's line, by a notification that others wait for as well.
const MOVED: u8 = 1;
/// In the lock's line, with everybody who waited.
const MOVED_WITH_ALL: u8 = 2;

impl RawCondition {
    const_fn! {
        /// Makes a condition that nobody waits for.
        pub const fn new() -> Self {
            Self { queue: WaitQueue::new(0, Notices(())) }
        }
    }

    /// Gives the lock back and waits to be notified, and then for the lock.
    ///
    /// The lock is given back when the future is first polled, after it joined the line: no notification by a later
    /// holder of the lock is missed.
    ///
    /// # Cancel safety
    ///
    /// Weak. The lock is not held after the future was dropped, whenever that is; a notification that it had been
    /// given by [`notify`](Self::notify) goes to the next who waits.
    #[inline]
    pub fn wait<O>(&self, grant: LockGrant<O>) -> Notified<'_, O> {
        let (raw, owner) = grant.into_parts();
        // SAFETY: the owner keeps the lock alive.
        let place = Place::new(lock::house(unsafe { raw.as_ref() }));
        Notified { condition: self, node: Node::new(place), raw, owner: Some(owner) }
    }

    /// Notifies up to `n` of those who have waited longest; answers how many.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RawCondition;
    /// assert_eq!(RawCondition::new().notify(1), 0);
    /// ```
    #[inline]
    pub fn notify(&self, n: usize) -> usize {
        self.move_to_locks(n, MOVED)
    }

    /// Notifies all who wait; answers how many.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::RawCondition;
    /// assert_eq!(RawCondition::new().notify_all(), 0);
    /// ```
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.move_to_locks(usize::MAX, MOVED_WITH_ALL)
    }

    /// How many wait to be notified.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Fifo, RawCondition, RawLock};
    /// let (lock, condition) = (RawLock::<Fifo>::new(), RawCondition::new());
    /// let mut wait = std::pin::pin!(condition.wait(lock.try_lock().unwrap()));
    /// # assert!(tidegate_test::poll_once(wait.as_mut()).is_pending()); // Polled once, it stands in line.
    /// assert_eq!((condition.waiters(), lock.is_locked()), (1, false));
    /// ```
    pub fn waiters(&self) -> usize {
        self.queue.waiters()
    }

    #[inline]
    fn move_to_locks(&self, n: usize, how: u8) -> usize {
        // Relaxed: whoever notifies after the waiter gave the lock back has that lock's word for it.
        if self.queue.word().load(Ordering::Relaxed) & WAITERS == 0 {
            return 0;
        }
        self.move_to_locks_slow(n, how)
    }

    #[inline(never)]
    fn move_to_locks_slow(&self, n: usize, how: u8) -> usize {
        let mut line = self.queue.lock();
        let n = n.min(line.len());
        let mut moved = 0;
        let mut panic = None;
        while moved < n {
            // One lock after the other; they are one and the same, as a rule.
            let Some(place) = line.front() else { break };
            // For the share, to be dropped after `target`.
            let mut share = None;
            // Locked before it moves: its owner may look for it there from then on.
            // SAFETY: it is in this line, and has its share as long as it has not moved; then it is here.
            let mut target = unsafe { place.lock.as_ref() }.lock();
            // SAFETY: it is in this line.
            let house: &Arc<_> = share.insert(unsafe { place.moves(how) });
            loop {
                let node = line.pop_front();
                // SAFETY: it was in the line, so it waits with a waker; a `Node<Place>` begins as a `Node<()>`
                // does; its owner looks for it there from now on.
                unsafe { Mutual::admit(&mut target, node) };
                moved += 1;
                match line.front() {
                    // SAFETY: it is in this line. The share is not the last: there is `house`.
                    Some(it) if moved < n && ptr::eq(it.lock.as_ptr(), &**house) => unsafe {
                        drop(it.moves(how));
                    },
                    _ => break,
                }
            }
            // In this order: `target` may wake somebody.
            drop(line);
            if moved == n && panic.is_none() {
                drop(target);
                return moved;
            }
            // A waker that panics keeps nobody else waiting: those who gave back another lock come next.
            keep_first(&mut panic, catch_unwind(AssertUnwindSafe(|| drop(target))).err());
            line = self.queue.lock();
        }
        drop(line);
        pass_on(panic);
        moved
    }
}

impl Default for RawCondition {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RawCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawCondition").field("queue", &self.queue).finish()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

/// The future of [`RawCondition::wait`]: resolves to the grant, once the lock is held again.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Notified<'c, O> {
    condition: &'c RawCondition,
    /// Fresh as long as the lock is held still; done once it is held again.
    node: Node<Place>,
    /// The lock's own queue, valid while `owner` lives.
    raw: NonNull<WaitQueue<Mutual>>,
    /// Keeps the lock alive. `Some` until the grant is made of it.
    owner: Option<O>,
}

// SAFETY: the queues are shared, and the node's links belong to their locks.
unsafe impl<O: Send> Send for Notified<'_, O> {}
// SAFETY: a shared one gives access to nothing but its state.
unsafe impl<O: Sync> Sync for Notified<'_, O> {}

impl<O> Notified<'_, O> {
    /// Whether it is to be found in the lock's line, or has been there.
    #[inline]
    fn moved(&self) -> u8 {
        // SAFETY: a note of this kind is written once, when it is made; what changes in it is atomic.
        let place = self.node.note.with(|it| unsafe { &*it });
        // Acquire: pairs with the Release of whoever notified it.
        place.moved.load(Ordering::Acquire)
    }

    /// The line of the lock. Not once it is ready: it may keep nothing by then.
    #[inline]
    fn lock(&self) -> &WaitQueue<Mutual> {
        debug_assert!(self.owner.is_some());
        // SAFETY: as in `moved`.
        let place = self.node.note.with(|it| unsafe { &*it });
        // SAFETY: `owner` keeps the lock, which keeps its house.
        unsafe { place.lock.as_ref() }
    }

    /// This node as one that waits for a lock.
    #[inline]
    fn as_locking(&self) -> &Node<()> {
        // SAFETY: both begin with the links, and there is nothing more in a `Node<()>`.
        unsafe { &*ptr::from_ref(&self.node).cast::<Node<()>>() }
    }

    /// Joins the condition's line and gives the lock back.
    fn join(&self, cx: &mut Context<'_>) {
        let waker = cx.waker().clone();
        {
            let mut line = self.condition.queue.lock();
            // Relaxed: whoever has to see it comes after this one gave the lock back. The word holds nothing else.
            line.word().store(WAITERS, Ordering::Relaxed);
            line.insert(&self.node, false);
            // SAFETY: the owner holds the lock of the line, the field is empty, and the state says that it is full.
            unsafe { self.node.links.put_waker(waker) };
            self.node.links.set_state(state::WAITING, Ordering::Relaxed);
        }
        lock::unlock(self.lock());
    }

    /// Keeps the newest waker, if nobody has notified this one yet.
    fn keep_waker(&self, cx: &mut Context<'_>) -> bool {
        let new = cx.waker().clone();
        let line = self.condition.queue.lock();
        if self.moved() != NOT_MOVED {
            drop(line);
            return false;
        }
        // SAFETY: the lock of the line that it is in is held; the field is full, and is filled again at once.
        let old = unsafe { self.node.links.take_waker() };
        // SAFETY: the owner holds that lock, the field is empty, and the state says that it is full.
        unsafe { self.node.links.put_waker(new) };
        drop(line);
        drop(old);
        true
    }

    /// Leaves whichever line it is in.
    #[cold]
    fn leave(&self) {
        if self.moved() == NOT_MOVED {
            let mut line = self.condition.queue.lock();
            if self.moved() == NOT_MOVED {
                // SAFETY: the lock of the line that it is in is held, the field is full, and the state that
                // follows says that it is empty.
                let old = unsafe { self.node.links.take_waker() };
                line.remove(&self.node.links);
                self.node.links.set_state(state::DONE, Ordering::Relaxed);
                drop(line);
                drop(old);
                return;
            }
        }
        // Also if a waker panics below.
        let _pass_on = (self.moved() == MOVED).then(|| PassOn(self.condition));
        waiter::abandon(self.lock(), self.as_locking());
    }
}

/// Passes a notification on when dropped.
struct PassOn<'c>(&'c RawCondition);

impl Drop for PassOn<'_> {
    fn drop(&mut self) {
        self.0.notify(1);
    }
}

impl<O> Future for Notified<'_, O> {
    type Output = LockGrant<O>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LockGrant<O>> {
        let this = self.as_ref().get_ref();
        let links = &this.node.links;
        if links.state(Ordering::Relaxed) == state::FRESH {
            this.join(cx);
            return Poll::Pending;
        }
        assert!(this.owner.is_some(), "polled after it was ready");
        if this.moved() == NOT_MOVED {
            // SAFETY: not moved, so it waits (or was moved just now), and the field was full: the owner asks.
            if unsafe { links.has_waker(cx.waker()) } || this.keep_waker(cx) {
                return Poll::Pending;
            }
        }
        let again = lock::is_to_be_had_by_barging(this.lock());
        _ = ready!(waiter::poll(this.lock(), this.as_locking(), cx, again, lock::decide));
        let raw = this.raw;
        // SAFETY: nothing that is pinned is moved.
        let owner = unsafe { &mut self.get_unchecked_mut().owner };
        let owner = owner.take().expect("ready once");
        // SAFETY: the lock was taken or handed over; the owner keeps it alive.
        Poll::Ready(unsafe { LockGrant::new(raw, owner) })
    }
}

impl<O> Drop for Notified<'_, O> {
    fn drop(&mut self) {
        match self.node.links.state(Ordering::Relaxed) {
            state::FRESH => lock::unlock(self.lock()),
            state::DONE => {}
            _ => self.leave(),
        }
    }
}

impl<O> fmt::Debug for Notified<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").field("notified", &(self.moved() != NOT_MOVED)).finish()
    }
}
