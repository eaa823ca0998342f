use std::fmt;
use std::time::Instant;

use tidegate_lock::{LockGuard, OwnedLockGuard, Policy};
use tidegate_shim::const_fn;
use tidegate_waiters::{RawCondition, block_on, block_on_until};

use crate::guard::Guard;
use crate::wait::{WaitFut, WaitOwnedFut};
use crate::wait_for::WaitForFut;

/// News about what a [`Lock`](tidegate_lock::Lock) guards, for who cannot go on before it has changed.
///
/// Think of a waiting room beside the room with one key: who finds the value not as they need it hands the key in and
/// sits down there; who has changed the value calls some of them, who then stand in line for the key with everybody else.
///
/// # Examples
///
/// ```
/// use tidegate_condition::Condition;
/// use tidegate_lock::Lock;
///
/// static JOBS: Lock<Vec<u32>> = Lock::new(Vec::new());
/// static ADDED: Condition = Condition::new();
///
/// async fn add(job: u32) {
///     JOBS.lock().await.push(job);
///     ADDED.notify_one();
/// }
///
/// async fn take() -> u32 {
///     let mut jobs = ADDED.wait_for(JOBS.lock().await, |jobs| !jobs.is_empty()).await;
///     jobs.pop().expect("it was waited for")
/// }
///
/// # tidegate_test::block_on(async {
/// add(7).await;
/// assert_eq!(take().await, 7);
/// # });
/// ```
///
/// One lock may have several conditions, so that only those are woken who wait for what has happened; and one condition may
/// be used with several locks:
///
/// ```
/// use std::collections::VecDeque;
/// use tidegate_condition::Condition;
/// use tidegate_lock::Lock;
///
/// struct Channel {
///     items: Lock<VecDeque<u32>>,
///     not_empty: Condition,
///     not_full: Condition,
/// }
///
/// impl Channel {
///     async fn put(&self, item: u32) {
///         let items = self.items.lock().await;
///         let mut items = self.not_full.wait_for(items, |it| it.len() < 2).await;
///         items.push_back(item);
///         self.not_empty.notify_one();
///     }
///
///     async fn get(&self) -> u32 {
///         let items = self.items.lock().await;
///         let mut items = self.not_empty.wait_for(items, |it| !it.is_empty()).await;
///         let item = items.pop_front().expect("not empty");
///         self.not_full.notify_one();
///         item
///     }
/// }
/// # let (items, not_empty, not_full) = Default::default();
/// # let channel = Channel { items, not_empty, not_full };
/// # tidegate_test::block_on(async {
/// # channel.put(1).await;
/// # assert_eq!(channel.get().await, 1);
/// # });
/// ```
///
/// # Condition or event?
///
/// - An event is a flag that stays set: who comes late passes. It guards nothing.
/// - A condition remembers nothing: what is waited for is in the value, and who looks at it under the lock before they wait
///   can miss nothing. Reach for it when "now I may go on" is a question to the value.
///
/// # With or without the lock?
///
/// Change the value under the lock. Notify before or after you give it back:
///
/// - With the lock held, those who are notified move to the end of the lock's own line and nobody is woken. They are handed
///   the lock one after the other, behind those who asked for it earlier. However many there are, none wakes up to find it
///   taken.
/// - Without it they move there as well; if the lock is free and nobody else waits for it, the first of them is woken, to
///   take it.
///
/// # Fairness
///
/// Who has waited longest is notified first, and who was notified has the place in the lock's line of somebody who asks for
/// it at that moment. From there on the lock's own rules hold.
///
/// # Reentrancy
///
/// A waker may do anything with the condition. A predicate runs with the lock held, and under no other: it may use the
/// condition too.
///
/// # Limitations
///
/// A guard that was narrowed by [`map`](LockGuard::map) cannot wait; keep the whole.
///
/// # Cost
///
/// A lock allocates once, when it is first waited with, and is somewhat slower to take from then on. Other than that waiting
/// allocates nothing; joining and leaving are O(1). Notifying is O(1) for each who is notified, under the internal
/// locks of both lines.
#[derive(Default)]
pub struct Condition {
    raw: RawCondition,
}

impl Condition {
    const_fn! {
        /// Makes a condition that nobody waits for.
        ///
        /// # Examples
        ///
        /// ```
        /// use tidegate_condition::Condition;
        ///
        /// static CHANGED: Condition = Condition::new();
        /// assert_eq!(CHANGED.waiters(), 0);
        /// ```
        pub const fn new() -> Self {
            Self { raw: RawCondition::new() }
        }
    }

    /// Gives the lock back, waits to be notified, and takes the lock again.
    ///
    /// The lock is held until the future is first polled. That poll joins the line and then gives the lock back, so no
    /// notification is missed by whoever takes the lock next.
    ///
    /// It returns when it was notified and never for no reason. Still, others may have had the lock in between: look at the
    /// value again, or let [`wait_for`](Self::wait_for) do it.
    ///
    /// # Cancel safety
    ///
    /// Weak. Whenever the future is dropped, at once, even while somebody else holds the lock for long, the lock is not held
    /// by it afterwards; lock it again to go on. If it had been notified by [`notify`](Self::notify) or
    /// [`notify_one`](Self::notify_one), that notification goes to the one who has waited longest then; one by
    /// [`notify_all`](Self::notify_all) does not, since the others have theirs. Nobody else is woken by its leaving.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::pin::pin;
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// # use tidegate_test::poll_once;
    /// let (lock, changed) = (Lock::new(0), Condition::new());
    /// let mut wait = pin!(changed.wait(lock.try_lock().unwrap()));
    /// assert!(lock.is_locked());
    /// assert!(poll_once(wait.as_mut()).is_pending());
    ///
    /// *lock.try_lock().expect("given back") = 5;
    /// changed.notify_one();
    /// let std::task::Poll::Ready(guard) = poll_once(wait) else { panic!("it was notified") };
    /// assert_eq!(*guard, 5);
    /// ```
    #[inline]
    pub fn wait<'a, T: ?Sized, P: Policy>(
        &self,
        guard: LockGuard<'a, T, P>,
    ) -> WaitFut<'_, 'a, T, P> {
        WaitFut::new(&self.raw, guard)
    }

    /// Waits until the value is as `ready` wants it: asks at once, and again after each notification.
    ///
    /// `ready` runs with the lock held. If it says yes when it is first asked, nothing is waited for and the lock is not
    /// given back in between.
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait): the lock is not held afterwards. A notification that was answered by asking `ready` is used
    /// up, whatever it said.
    ///
    /// # Panics
    ///
    /// When `ready` does; the lock has been given back then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// # tidegate_test::block_on(async {
    /// let (stock, changed) = (Lock::new(3), Condition::new());
    /// let mut stock = changed.wait_for(stock.lock().await, |it| *it >= 2).await;
    /// *stock -= 2;
    /// # });
    /// ```
    #[inline]
    pub fn wait_for<'a, T: ?Sized, P: Policy, F: FnMut(&mut T) -> bool>(
        &self,
        guard: LockGuard<'a, T, P>,
        ready: F,
    ) -> WaitForFut<'_, LockGuard<'a, T, P>, F> {
        WaitForFut::new(self, guard, ready)
    }

    /// As [`wait`](Self::wait), for a guard that owns its share of the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// # tidegate_test::block_on(async {
    /// let shared = Arc::new((Arc::new(Lock::new(0)), Condition::new()));
    /// let guard = Arc::clone(&shared.0).lock_owned().await;
    /// let sets = std::thread::spawn({
    ///     let shared = Arc::clone(&shared);
    ///     move || {
    ///         *shared.0.lock_blocking() = 5;
    ///         shared.1.notify_one();
    ///     }
    /// });
    /// assert_eq!(*shared.1.wait_owned(guard).await, 5);
    /// # sets.join().unwrap();
    /// # });
    /// ```
    #[inline]
    pub fn wait_owned<T: ?Sized, P: Policy>(
        &self,
        guard: OwnedLockGuard<T, P>,
    ) -> WaitOwnedFut<'_, T, P> {
        WaitOwnedFut::new(&self.raw, guard)
    }

    /// As [`wait_for`](Self::wait_for), for a guard that owns its share of the lock.
    ///
    /// # Panics
    ///
    /// As [`wait_for`](Self::wait_for).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// # tidegate_test::block_on(async {
    /// let (lock, changed) = (Arc::new(Lock::new(3)), Condition::new());
    /// let guard = changed.wait_for_owned(lock.lock_owned().await, |it| *it > 2).await;
    /// assert_eq!(*guard, 3);
    /// # });
    /// ```
    #[inline]
    pub fn wait_for_owned<T: ?Sized, P: Policy, F: FnMut(&mut T) -> bool>(
        &self,
        guard: OwnedLockGuard<T, P>,
        ready: F,
    ) -> WaitForFut<'_, OwnedLockGuard<T, P>, F> {
        WaitForFut::new(self, guard, ready)
    }

    /// As [`wait_for`](Self::wait_for) and [`wait_for_owned`](Self::wait_for_owned), for code that takes either guard.
    ///
    /// # Panics
    ///
    /// As [`wait_for`](Self::wait_for).
    ///
    /// # Examples
    ///
    /// See [`Guard`].
    #[inline]
    pub fn wait_with<G: Guard, F: FnMut(&mut G::Target) -> bool>(
        &self,
        guard: G,
        ready: F,
    ) -> WaitForFut<'_, G, F> {
        WaitForFut::new(self, guard, ready)
    }

    /// As [`wait`](Self::wait), parking this thread, in the same lines as the tasks.
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running, and one of
    /// those may be the one that would notify it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// let (done, changed) = (Lock::new(false), Condition::new());
    /// std::thread::scope(|threads| {
    ///     let guard = done.lock_blocking();
    ///     threads.spawn(|| {
    ///         *done.lock_blocking() = true;
    ///         changed.notify_one();
    ///     });
    ///     assert!(*changed.wait_blocking(guard));
    /// });
    /// ```
    pub fn wait_blocking<'a, T: ?Sized, P: Policy>(
        &self,
        guard: LockGuard<'a, T, P>,
    ) -> LockGuard<'a, T, P> {
        block_on(self.wait(guard))
    }

    /// As [`wait_blocking`](Self::wait_blocking), giving up at `deadline`: with `None` the lock is not held.
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// let (lock, changed) = (Lock::new(0), Condition::new());
    /// assert!(changed.wait_blocking_until(lock.lock_blocking(), Instant::now()).is_none());
    /// assert!(!lock.is_locked());
    /// ```
    pub fn wait_blocking_until<'a, T: ?Sized, P: Policy>(
        &self,
        guard: LockGuard<'a, T, P>,
        deadline: Instant,
    ) -> Option<LockGuard<'a, T, P>> {
        block_on_until(deadline, self.wait(guard))
    }

    /// As [`wait_for`](Self::wait_for), parking this thread.
    ///
    /// # Panics
    ///
    /// As [`wait_for`](Self::wait_for).
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// let (count, changed) = (Lock::new(0), Condition::new());
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| (0..3).for_each(|_| {
    ///         *count.lock_blocking() += 1;
    ///         changed.notify_all();
    ///     }));
    ///     assert_eq!(*changed.wait_for_blocking(count.lock_blocking(), |it| *it == 3), 3);
    /// });
    /// ```
    pub fn wait_for_blocking<'a, T: ?Sized, P: Policy>(
        &self,
        guard: LockGuard<'a, T, P>,
        ready: impl FnMut(&mut T) -> bool,
    ) -> LockGuard<'a, T, P> {
        block_on(self.wait_for(guard, ready))
    }

    /// As [`wait_for_blocking`](Self::wait_for_blocking), giving up at `deadline`: with `None` the lock is not held.
    ///
    /// `ready` is asked once even if the deadline is past.
    ///
    /// # Panics
    ///
    /// As [`wait_for`](Self::wait_for).
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// let (count, changed) = (Lock::new(1), Condition::new());
    /// let now = Instant::now();
    /// assert!(changed.wait_for_blocking_until(count.lock_blocking(), |it| *it == 1, now).is_some());
    /// assert!(changed.wait_for_blocking_until(count.lock_blocking(), |it| *it == 2, now).is_none());
    /// ```
    pub fn wait_for_blocking_until<'a, T: ?Sized, P: Policy>(
        &self,
        guard: LockGuard<'a, T, P>,
        ready: impl FnMut(&mut T) -> bool,
        deadline: Instant,
    ) -> Option<LockGuard<'a, T, P>> {
        block_on_until(deadline, self.wait_for(guard, ready))
    }

    /// As [`wait_blocking`](Self::wait_blocking), for a guard that owns its share of the lock.
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// let (done, changed) = (Arc::new(Lock::new(false)), Condition::new());
    /// std::thread::scope(|threads| {
    ///     let guard = Arc::clone(&done).lock_owned_blocking();
    ///     threads.spawn(|| {
    ///         *done.lock_blocking() = true;
    ///         changed.notify_one();
    ///     });
    ///     assert!(*changed.wait_owned_blocking(guard));
    /// });
    /// ```
    pub fn wait_owned_blocking<T: ?Sized, P: Policy>(
        &self,
        guard: OwnedLockGuard<T, P>,
    ) -> OwnedLockGuard<T, P> {
        block_on(self.wait_owned(guard))
    }

    /// As [`wait_blocking_until`](Self::wait_blocking_until), for a guard that owns its share of the lock.
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Instant;
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// let (lock, changed) = (Arc::new(Lock::new(0)), Condition::new());
    /// let guard = lock.lock_owned_blocking();
    /// assert!(changed.wait_owned_blocking_until(guard, Instant::now()).is_none());
    /// ```
    pub fn wait_owned_blocking_until<T: ?Sized, P: Policy>(
        &self,
        guard: OwnedLockGuard<T, P>,
        deadline: Instant,
    ) -> Option<OwnedLockGuard<T, P>> {
        block_on_until(deadline, self.wait_owned(guard))
    }

    /// As [`wait_for_blocking`](Self::wait_for_blocking), for a guard that owns its share of the lock.
    ///
    /// # Panics
    ///
    /// As [`wait_for`](Self::wait_for).
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// let (lock, changed) = (Arc::new(Lock::new(3)), Condition::new());
    /// let guard = changed.wait_for_owned_blocking(lock.lock_owned_blocking(), |it| *it > 2);
    /// assert_eq!(*guard, 3);
    /// ```
    pub fn wait_for_owned_blocking<T: ?Sized, P: Policy>(
        &self,
        guard: OwnedLockGuard<T, P>,
        ready: impl FnMut(&mut T) -> bool,
    ) -> OwnedLockGuard<T, P> {
        block_on(self.wait_for_owned(guard, ready))
    }

    /// As [`wait_for_blocking_until`](Self::wait_for_blocking_until), for a guard that owns its share of the lock.
    ///
    /// # Panics
    ///
    /// As [`wait_for`](Self::wait_for).
    ///
    /// # Blocking
    ///
    /// As [`wait_blocking`](Self::wait_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::time::Instant;
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// let (lock, changed) = (Arc::new(Lock::new(3)), Condition::new());
    /// let guard = lock.lock_owned_blocking();
    /// assert!(changed.wait_for_owned_blocking_until(guard, |it| *it > 3, Instant::now()).is_none());
    /// ```
    pub fn wait_for_owned_blocking_until<T: ?Sized, P: Policy>(
        &self,
        guard: OwnedLockGuard<T, P>,
        ready: impl FnMut(&mut T) -> bool,
        deadline: Instant,
    ) -> Option<OwnedLockGuard<T, P>> {
        block_on_until(deadline, self.wait_for_owned(guard, ready))
    }

    /// Notifies up to `n` of those who have waited longest.
    ///
    /// It counts who waits at that moment and remembers nothing: with nobody waiting it does nothing.
    ///
    /// # Panics
    ///
    /// When the lock is free and the waker of the first to take it panics. All `n` have been notified then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// # use tidegate_test::poll_once;
    /// let (lock, changed) = (Lock::new(()), Condition::new());
    /// let waits = [(); 3].map(|()| {
    ///     let mut wait = Box::pin(changed.wait(lock.try_lock().unwrap()));
    ///     assert!(poll_once(wait.as_mut()).is_pending());
    ///     wait
    /// });
    /// let guard = lock.try_lock().unwrap();
    /// changed.notify(2);
    /// assert_eq!((changed.waiters(), lock.waiters()), (1, 2));
    /// # drop((guard, waits));
    /// ```
    #[inline]
    pub fn notify(&self, n: usize) {
        self.raw.notify(n);
    }

    /// Notifies the one who has waited longest.
    ///
    /// # Panics
    ///
    /// As [`notify`](Self::notify).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_condition::Condition;
    /// Condition::new().notify_one(); // Nobody waits, nothing happens.
    /// ```
    #[inline]
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Notifies all who wait.
    ///
    /// # Panics
    ///
    /// As [`notify`](Self::notify).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_condition::Condition;
    /// # use tidegate_lock::Lock;
    /// let (open, changed) = (Lock::new(false), Condition::new());
    /// std::thread::scope(|threads| {
    ///     for _ in 0..3 {
    ///         threads.spawn(|| changed.wait_for_blocking(open.lock_blocking(), |it| *it));
    ///     }
    ///     *open.lock_blocking() = true;
    ///     changed.notify_all();
    /// });
    /// ```
    #[inline]
    pub fn notify_all(&self) {
        self.raw.notify_all();
    }

    /// How many wait to be notified; who has been is in the line of the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_condition::Condition;
    /// assert_eq!(Condition::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.raw.waiters()
    }

    /// The count, for a log line or a gauge.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_condition::Condition;
    /// assert_eq!(Condition::new().statistics().waiting, 0);
    /// ```
    pub fn statistics(&self) -> ConditionStatistics {
        ConditionStatistics { waiting: self.waiters() }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("raw", &self.raw).finish()
    }
}

/// What [`Condition::statistics`] answers, each part taken at its own instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConditionStatistics {
    /// Tasks and threads that wait to be notified.
    pub waiting: usize,
}
