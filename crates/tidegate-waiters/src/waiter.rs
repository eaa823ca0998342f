// How it works
//
// A waiter is one node and the queue that it may be in. Its states are in node.rs; the owner moves through them
// like this:
//
//     FRESH --decide: Ready--------------------------------------> DONE
//       | decide: Wait                                              ^
//       v                    grant            woken                 |
//     WAITING -----------------------> LEAVING -------> GRANTED ----+
//       |  ^  \------ release_all ------------------->  RELEASED ---+
// nudge |  | decide: Wait                                           |
//       v  |                                                        |
//     NUDGED --------decide: Ready----------------------------------+
//
// A poll of a granted or released waiter reads its own state and nothing else. A poll of a waiting one compares
// its waker and returns, without the lock, if it is the same. Everything else happens under the lock.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

use tidegate_shim::atomic::Ordering;

use crate::node::{Node, state};
use crate::queue::{Locked, Policy, WaitQueue};

mod poll;

pub(crate) use poll::{abandon, poll};

/// What a waiter that was asked to decide by [`Waiter::poll`] does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<T> {
    /// It has what it came for, and leaves the line if it was in it.
    Ready(T),
    /// It waits: at the end of the line, or where it already stands.
    Wait,
    /// It waits: where [`Policy::precedes`] puts it, or where it already stands.
    WaitInOrder,
    /// It tried to change the word, which was no longer the one that it was shown: it is shown the new one.
    Retry,
}

/// How a wait ended: what [`Waiter::poll`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn<T> {
    /// By its own decision.
    Decided(T),
    /// It was given its turn by [`Locked::grant_front`].
    Granted,
    /// It was let go with everybody else by [`Locked::release_all`].
    Released,
}

/// One waiter: the part of a future that stands in line.
///
/// Embed it in a pinned future and drive it from that future's `poll`. Dropping it leaves the line, at any time
/// and from any state; what it was granted and never looked at goes to [`Policy::left`].
///
/// [`WaitQueue`] has an example.
///
/// # Cancel safety
///
/// Whatever the policy makes of it: the waiter itself leaves no trace.
pub struct Waiter<P: Policy, O = ()> {
    /// Valid while `owner` lives (or, borrowed, for the lifetime in `O`).
    queue: NonNull<WaitQueue<P>>,
    node: Node<P::Note>,
    /// Keeps the queue alive. Dropped last.
    owner: O,
}

/// Marks a [`Waiter`] that borrows its queue.
pub type Borrowed<'q, P> = PhantomData<&'q WaitQueue<P>>;

// SAFETY: the queue is shared (so it must be `Sync`, which it is if its policy and notes may be sent); the node's
// links belong to the lock, and its note goes along.
unsafe impl<P: Policy + Send, O: Send> Send for Waiter<P, O> where P::Note: Send {}
// SAFETY: a shared waiter gives access to the queue only.
unsafe impl<P: Policy + Send, O: Sync> Sync for Waiter<P, O> where P::Note: Send {}

impl<'q, P: Policy> Waiter<P, Borrowed<'q, P>> {
    /// A waiter for `queue`; it is not in line before it is polled.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let waiter = Waiter::new(&line, 1);
    /// assert_eq!(line.waiters(), 0);
    /// # drop(waiter);
    /// ```
    #[inline]
    pub fn new(queue: &'q WaitQueue<P>, note: P::Note) -> Self {
        Self { queue: NonNull::from(queue), node: Node::new(note), owner: PhantomData }
    }
}

impl<P: Policy, T: ?Sized> Waiter<P, Arc<T>> {
    /// As [`new`](Waiter::new), for a queue inside an [`Arc`]; the waiter owns its share.
    ///
    /// `queue` captures nothing: the queue is in the owner, or static.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("example_line.txt")]
    /// # use std::sync::Arc;
    /// let line = Arc::new(Line::new(0, Numbers));
    /// let waiter = Waiter::new_owned(Arc::clone(&line), |it| it, 1);
    /// assert!(Arc::ptr_eq(waiter.owner(), &line));
    /// ```
    ///
    /// An owner that only says how long the queue lives does not keep it alive:
    ///
    /// ```compile_fail,E0308
    /// # use std::sync::Arc;
    /// # use tidegate_waiters::{Borrowed, LockGrant, Mutual, RawLock};
    /// fn longer<'q>(lock: &'q RawLock) -> LockGrant<Arc<fn(&'static u8)>> {
    ///     let owner: Arc<fn(&'q u8)> = Arc::new(|_| ());
    ///     RawLock::try_lock_owned(owner, |_| lock).unwrap()
    /// }
    /// ```
    #[inline]
    pub fn new_owned(owner: Arc<T>, queue: fn(&T) -> &WaitQueue<P>, note: P::Note) -> Self {
        let queue = NonNull::from(queue(&owner));
        // SAFETY: it was asked for once: the queue lives as long as the contents of the `Arc` do, and those stay where
        // they are for as long as this share of it is held. What is asked captures nothing, so it cannot have the
        // queue from elsewhere, where it need only live as long as `T` says: `T` may come to say something else, if
        // it is contravariant (an `Arc<fn(&'short u8)>` is an `Arc<fn(&'static u8)>`).
        unsafe { Self::from_parts(queue, owner, note) }
    }

    /// The share that this waiter owns.
    pub fn owner(&self) -> &Arc<T> {
        &self.owner
    }
}

impl<P: Policy, O> Waiter<P, O> {
    /// # Safety
    ///
    /// `owner` keeps the queue alive and in its place.
    #[inline]
    pub(crate) unsafe fn from_parts(queue: NonNull<WaitQueue<P>>, owner: O, note: P::Note) -> Self {
        Self { queue, node: Node::new(note), owner }
    }

    /// The queue.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};
    /// # use std::task::{Context, Waker};
    /// # struct Numbers;
    /// # impl Policy for Numbers {
    /// #     type Note = u32;
    /// #     fn left(_: &mut Locked<'_, Self>, _: &mut u32, _: Left) {}
    /// # }
    /// # type Line = WaitQueue<Numbers>;
    /// # let cx = &mut Context::from_waker(Waker::noop());
    /// let line = Line::new(0, Numbers);
    /// let mut waiter = std::pin::pin!(Waiter::new(&line, 1));
    /// assert!(std::ptr::eq(waiter.queue(), &line));
    /// # waiter.as_mut().finish();
    /// ```
    #[inline]
    pub fn queue(&self) -> &WaitQueue<P> {
        // SAFETY: `owner` keeps it alive and in its place.
        unsafe { self.queue.as_ref() }
    }

    /// What keeps the queue alive.
    #[inline]
    pub(crate) fn keeper(&self) -> &O {
        &self.owner
    }

    /// Whether it has neither waited nor finished yet.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// assert!(Waiter::new(&line, 1).is_fresh());
    /// ```
    #[inline]
    pub fn is_fresh(&self) -> bool {
        self.node.links.state(Ordering::Relaxed) == state::FRESH
    }

    /// Whether it stands in line, or has been woken and has not looked yet.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        !matches!(self.node.links.state(Ordering::Relaxed), state::FRESH | state::DONE)
    }

    /// Finishes a waiter that found what it wanted without the line.
    ///
    /// # Panics
    ///
    /// When it is in line, or has finished already.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let mut waiter = std::pin::pin!(Waiter::new(&line, 1));
    /// waiter.as_mut().finish();
    /// assert!(!waiter.is_fresh() && !waiter.is_waiting());
    /// ```
    #[inline]
    #[track_caller]
    pub fn finish(self: Pin<&mut Self>) {
        assert!(self.is_fresh(), "polled after it was ready");
        self.node.links.set_state(state::DONE, Ordering::Relaxed);
    }

    /// Finishes one that has not waited yet if `pass` finds what it wants without the line; answers what that was.
    ///
    /// `pass` is not asked by any other.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let mut waiter = std::pin::pin!(Waiter::new(&line, 1));
    /// assert_eq!(waiter.as_mut().finish_with(|_line| None::<&str>), None);
    /// assert!(waiter.is_fresh());
    /// assert_eq!(waiter.as_mut().finish_with(|_line| Some("found")), Some("found"));
    /// assert!(!waiter.is_fresh() && !waiter.is_waiting());
    /// ```
    #[inline]
    pub fn finish_with<T>(
        self: Pin<&mut Self>,
        pass: impl FnOnce(&WaitQueue<P>) -> Option<T>,
    ) -> Option<T> {
        if !self.is_fresh() {
            return None;
        }
        let passed = pass(self.queue())?;
        // Nobody else knows a fresh one, and who does has lent it for this: it is fresh still.
        self.finish_fresh();
        Some(passed)
    }

    /// As [`finish`](Self::finish), for one that was just seen to be fresh.
    #[inline]
    pub(crate) fn finish_fresh(self: Pin<&mut Self>) {
        debug_assert!(self.is_fresh());
        self.node.links.set_state(state::DONE, Ordering::Relaxed);
    }

    /// What this waiter brought; `None` while others may look at it.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let mut waiter = std::pin::pin!(Waiter::new(&line, 1));
    /// *waiter.as_mut().note_mut().unwrap() = 2;
    /// ```
    #[inline]
    pub fn note_mut(self: Pin<&mut Self>) -> Option<&mut P::Note> {
        if self.is_waiting() {
            return None;
        }
        // SAFETY: nothing is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the node is in no ring, so it is the owner's alone.
        Some(this.node.note.with_mut(|it| unsafe { &mut *it }))
    }

    /// Waits, asking `decide` under the lock when there is something to decide.
    ///
    /// `decide` is shown the word, and must judge by that and by what the lock guards. When it answers that it
    /// waits, the queue sets [`WaitQueue::WAITERS`] if the word is still the one it was shown, and asks again if
    /// it is not: no change to the word between looking and joining goes unseen. (A `decide` that reads the word
    /// again by itself and then waits breaks that; it answers [`Decision::Retry`] instead.)
    ///
    /// A fresh waiter decides. A waiting one only keeps the newest waker, without the lock if that is the same
    /// one. A nudged one decides again, and once more if it has to wait. One that was granted or released is ready.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};
    /// # use std::task::{Context, Waker};
    /// # struct Numbers;
    /// # impl Policy for Numbers {
    /// #     type Note = u32;
    /// #     fn left(_: &mut Locked<'_, Self>, _: &mut u32, _: Left) {}
    /// # }
    /// # type Line = WaitQueue<Numbers>;
    /// # let cx = &mut Context::from_waker(Waker::noop());
    /// let line = Line::new(0, Numbers);
    /// let mut waiter = std::pin::pin!(Waiter::new(&line, 1));
    /// let polled = waiter.as_mut().poll(cx, |_line, word| match word {
    ///     0 => Decision::Wait,
    ///     _ => Decision::Ready(()),
    /// });
    /// assert!(polled.is_pending());
    /// assert_eq!(line.waiters(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// When it was ready before; when `decide` does, which changes nothing; and when `decide` leaves another guard
    /// in the place of the one that it was handed. When a waker panics while this stays pending; if it is ready, the
    /// result goes before such a panic.
    #[inline]
    pub fn poll<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        decide: impl FnMut(&mut Locked<'_, P>, usize) -> Decision<T>,
    ) -> Poll<Turn<T>> {
        self.poll_if(cx, false, decide)
    }

    /// As [`poll`](Self::poll), but a waiting one decides again as well: for a reason of its own, such as a timer.
    #[inline]
    pub fn poll_again<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        decide: impl FnMut(&mut Locked<'_, P>, usize) -> Decision<T>,
    ) -> Poll<Turn<T>> {
        self.poll_if(cx, true, decide)
    }

    #[inline]
    fn poll_if<T>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        again: bool,
        decide: impl FnMut(&mut Locked<'_, P>, usize) -> Decision<T>,
    ) -> Poll<Turn<T>> {
        let this = self.into_ref().get_ref();
        poll(this.queue(), &this.node, cx, again, decide)
    }

    /// Leaves the line now, as dropping it would, from any state.
    ///
    /// What [`Policy::left`] left in the note can be had from [`note_mut`](Self::note_mut) afterwards: a value that
    /// must not be dropped under the lock, or word of what the waiter had been given. A waiter that never waited, or
    /// that is ready, stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};
    /// # use std::task::{Context, Waker};
    /// # struct Numbers;
    /// # impl Policy for Numbers {
    /// #     type Note = u32;
    /// #     fn left(_: &mut Locked<'_, Self>, _: &mut u32, _: Left) {}
    /// # }
    /// # type Line = WaitQueue<Numbers>;
    /// # let cx = &mut Context::from_waker(Waker::noop());
    /// let line = Line::new(0, Numbers);
    /// let mut waiter = std::pin::pin!(Waiter::new(&line, 1));
    /// assert!(waiter.as_mut().poll(cx, |_, _| Decision::<()>::Wait).is_pending());
    /// waiter.as_mut().leave();
    /// assert_eq!(line.waiters(), 0);
    /// ```
    #[inline]
    pub fn leave(self: Pin<&mut Self>) {
        if self.is_waiting() {
            let this = self.into_ref().get_ref();
            abandon(this.queue(), &this.node);
        }
    }
}

impl<P: Policy, O> Drop for Waiter<P, O> {
    #[inline]
    fn drop(&mut self) {
        if self.is_waiting() {
            abandon(self.queue(), &self.node);
        }
    }
}

impl<P: Policy, O> fmt::Debug for Waiter<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.node.links.state(Ordering::Relaxed) {
            state::FRESH => "fresh",
            state::WAITING => "waiting",
            state::NUDGED => "nudged",
            state::DONE => "done",
            _ => "woken",
        };
        f.debug_struct("Waiter").field("state", &state).finish_non_exhaustive()
    }
}
