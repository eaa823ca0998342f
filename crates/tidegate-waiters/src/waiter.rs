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

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::{fmt, ptr};

use tidegate_shim::atomic::Ordering;

use crate::node::{Node, state};
use crate::queue::{Left, Locked, Policy, WaitQueue};

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
    /// # use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};
    /// # struct Numbers;
    /// # impl Policy for Numbers {
    /// #     type Note = u32;
    /// #     fn left(_: &mut Locked<'_, Self>, _: &mut u32, _: Left) {}
    /// # }
    /// # type Line = WaitQueue<Numbers>;
    /// # fn join<'a>(line: &'a Line, note: u32) -> std::pin::Pin<Box<impl Future<Output = ()> + 'a>> {
    /// #     let mut waiter = Box::pin(Waiter::new(line, note));
    /// #     let mut wait = Box::pin(std::future::poll_fn(move |cx| {
    /// #         waiter.as_mut().poll(cx, |_, _| Decision::<()>::Wait).map(|_| ())
    /// #     }));
    /// #     assert!(tidegate_test::poll_once(wait.as_mut()).is_pending());
    /// #     wait
    /// # }
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
    /// # use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};
    /// # struct Numbers;
    /// # impl Policy for Numbers {
    /// #     type Note = u32;
    /// #     fn left(_: &mut Locked<'_, Self>, _: &mut u32, _: Left) {}
    /// # }
    /// # type Line = WaitQueue<Numbers>;
    /// # fn join<'a>(line: &'a Line, note: u32) -> std::pin::Pin<Box<impl Future<Output = ()> + 'a>> {
    /// #     let mut waiter = Box::pin(Waiter::new(line, note));
    /// #     let mut wait = Box::pin(std::future::poll_fn(move |cx| {
    /// #         waiter.as_mut().poll(cx, |_, _| Decision::<()>::Wait).map(|_| ())
    /// #     }));
    /// #     assert!(tidegate_test::poll_once(wait.as_mut()).is_pending());
    /// #     wait
    /// # }
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
    /// # use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};
    /// # struct Numbers;
    /// # impl Policy for Numbers {
    /// #     type Note = u32;
    /// #     fn left(_: &mut Locked<'_, Self>, _: &mut u32, _: Left) {}
    /// # }
    /// # type Line = WaitQueue<Numbers>;
    /// # fn join<'a>(line: &'a Line, note: u32) -> std::pin::Pin<Box<impl Future<Output = ()> + 'a>> {
    /// #     let mut waiter = Box::pin(Waiter::new(line, note));
    /// #     let mut wait = Box::pin(std::future::poll_fn(move |cx| {
    /// #         waiter.as_mut().poll(cx, |_, _| Decision::<()>::Wait).map(|_| ())
    /// #     }));
    /// #     assert!(tidegate_test::poll_once(wait.as_mut()).is_pending());
    /// #     wait
    /// # }
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
    /// # use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};
    /// # struct Numbers;
    /// # impl Policy for Numbers {
    /// #     type Note = u32;
    /// #     fn left(_: &mut Locked<'_, Self>, _: &mut u32, _: Left) {}
    /// # }
    /// # type Line = WaitQueue<Numbers>;
    /// # fn join<'a>(line: &'a Line, note: u32) -> std::pin::Pin<Box<impl Future<Output = ()> + 'a>> {
    /// #     let mut waiter = Box::pin(Waiter::new(line, note));
    /// #     let mut wait = Box::pin(std::future::poll_fn(move |cx| {
    /// #         waiter.as_mut().poll(cx, |_, _| Decision::<()>::Wait).map(|_| ())
    /// #     }));
    /// #     assert!(tidegate_test::poll_once(wait.as_mut()).is_pending());
    /// #     wait
    /// # }
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
    /// # use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};
    /// # struct Numbers;
    /// # impl Policy for Numbers {
    /// #     type Note = u32;
    /// #     fn left(_: &mut Locked<'_, Self>, _: &mut u32, _: Left) {}
    /// # }
    /// # type Line = WaitQueue<Numbers>;
    /// # fn join<'a>(line: &'a Line, note: u32) -> std::pin::Pin<Box<impl Future<Output = ()> + 'a>> {
    /// #     let mut waiter = Box::pin(Waiter::new(line, note));
    /// #     let mut wait = Box::pin(std::future::poll_fn(move |cx| {
    /// #         waiter.as_mut().poll(cx, |_, _| Decision::<()>::Wait).map(|_| ())
    /// #     }));
    /// #     assert!(tidegate_test::poll_once(wait.as_mut()).is_pending());
    /// #     wait
    /// # }
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

/// One poll of `node`, which is in `queue`'s line, on its way out of it, or in none yet.
#[inline]
pub(crate) fn poll<P: Policy, T>(
    queue: &WaitQueue<P>,
    node: &Node<P::Note>,
    cx: &mut Context<'_>,
    again: bool,
    decide: impl FnMut(&mut Locked<'_, P>, usize) -> Decision<T>,
) -> Poll<Turn<T>> {
    let links = &node.links;
    // Acquire: pairs with the Release that published the grant.
    match links.state(Ordering::Acquire) {
        state::GRANTED => {
            links.set_state(state::DONE, Ordering::Relaxed);
            Poll::Ready(Turn::Granted)
        }
        state::RELEASED => {
            links.set_state(state::DONE, Ordering::Relaxed);
            Poll::Ready(Turn::Released)
        }
        // SAFETY: the owner asks, and saw that the field is full.
        state::WAITING if !again && unsafe { links.has_waker(cx.waker()) } => Poll::Pending,
        state::FRESH => join(queue, node, cx, decide),
        state::DONE => panic!("polled after it was ready"),
        state::NUDGED => poll_nudged(queue, node, cx, decide),
        _ => poll_locked(queue, node, cx, again, decide),
    }
}

/// One that was told to decide again: as a rule it gets what it came for, so a waker is cloned only if it does not.
#[inline(never)]
fn poll_nudged<P: Policy, T>(
    queue: &WaitQueue<P>,
    node: &Node<P::Note>,
    cx: &mut Context<'_>,
    mut decide: impl FnMut(&mut Locked<'_, P>, usize) -> Decision<T>,
) -> Poll<Turn<T>> {
    let mut line = queue.lock().polling(ptr::from_ref(node));
    let mut old = None;
    let mut ready = turn(node, &mut line, &mut old);
    while ready.is_none() {
        let word = line.word().load(Ordering::Acquire);
        let decision = decide(&mut line, word);
        // Soundness hangs on this: `line` stands for the lock around the line that this node is in.
        assert!(line.is_polling(node), "a policy left another guard in the place of its own");
        match decision {
            Decision::Ready(value) => {
                // A policy may have granted or released the very waiter that it was asked about.
                if turn::<P, ()>(node, &mut line, &mut old).is_none() {
                    leave_line(node, &mut line, &mut old);
                    node.links.set_state(state::DONE, Ordering::Relaxed);
                }
                ready = Some(Turn::Decided(value));
            }
            Decision::Retry => {}
            Decision::Wait | Decision::WaitInOrder => break,
        }
    }
    match ready {
        Some(turn) if line.wakes_nobody() && old.is_none() => Poll::Ready(turn),
        Some(turn) => {
            unlock_quietly(line, old);
            Poll::Ready(turn)
        }
        None => {
            drop(line);
            poll_locked(queue, node, cx, true, decide)
        }
    }
}

/// The first look of a waiter, after which it is in line or done.
#[inline(never)]
fn join<P: Policy, T>(
    queue: &WaitQueue<P>,
    node: &Node<P::Note>,
    cx: &mut Context<'_>,
    mut decide: impl FnMut(&mut Locked<'_, P>, usize) -> Decision<T>,
) -> Poll<Turn<T>> {
    // Foreign code: cloned before the lock, and dropped after it if it is not needed.
    let waker = cx.waker().clone();
    let mut line = queue.lock().polling(ptr::from_ref(node));
    let mut word = line.word().load(Ordering::Acquire);
    let value = loop {
        let decision = decide(&mut line, word);
        // Soundness hangs on this: `line` stands for the lock around the line that this node joins.
        assert!(line.is_polling(node), "a policy left another guard in the place of its own");
        let in_order = match decision {
            Decision::Ready(value) => break value,
            Decision::Wait => false,
            Decision::WaitInOrder => true,
            Decision::Retry => {
                word = line.word().load(Ordering::Acquire);
                continue;
            }
        };
        if let Err(changed) = claim(&line, word) {
            word = changed;
            continue;
        }
        line.insert(node, in_order);
        // SAFETY: the owner holds the lock, the field is empty, and the state that follows says that it is full.
        unsafe { node.links.put_waker(waker) };
        node.links.set_state(state::WAITING, Ordering::Relaxed);
        return Poll::Pending;
    };
    node.links.set_state(state::DONE, Ordering::Relaxed);
    unlock_quietly(line, waker);
    Poll::Ready(Turn::Decided(value))
}

/// Makes sure that whoever changes `word` from now on comes for the lock; the word as it is, if it has changed.
#[inline]
fn claim<P: Policy>(line: &Locked<'_, P>, word: usize) -> Result<(), usize> {
    if word & WaitQueue::<P>::WAITERS == 0 {
        // Relaxed: the lock orders what the line says; the word's own bits are the policy's to acquire.
        return line
            .word()
            .compare_exchange(
                word,
                word | WaitQueue::<P>::WAITERS,
                Ordering::Relaxed,
                Ordering::Acquire,
            )
            .map(drop);
    }
    // The bit is set, and stays so while the lock is held: every change after this word has seen it. Only a change
    // that `decide` made itself has to be looked for.
    match line.word().load(Ordering::Acquire) {
        now if now == word => Ok(()),
        now => Err(now),
    }
}

/// Lets go of the lock and of what was not needed, for a waiter that is ready: what it came for would be lost with
/// its result, for a waker's fault.
#[cold]
#[inline(never)]
fn unlock_quietly<P: Policy>(line: Locked<'_, P>, unused: impl Sized) {
    let unlock = AssertUnwindSafe(move || {
        drop(line);
        drop(unused);
    });
    if let Err(panic) = catch_unwind(unlock) {
        // Dropping it could panic in its turn.
        std::mem::forget(panic);
    }
}

#[cold]
#[inline(never)]
fn poll_locked<P: Policy, T>(
    queue: &WaitQueue<P>,
    node: &Node<P::Note>,
    cx: &mut Context<'_>,
    again: bool,
    decide: impl FnMut(&mut Locked<'_, P>, usize) -> Decision<T>,
) -> Poll<Turn<T>> {
    // Cloned before the lock and dropped after it, as is the waker it replaces: both are foreign code.
    let mut new = Some(cx.waker().clone());
    let mut old = None;
    // Declared last, so that it is let go of first.
    let mut line = queue.lock().polling(ptr::from_ref(node));
    let polled = look(node, &mut line, &mut new, &mut old, again, decide);
    if polled.is_ready() {
        unlock_quietly(line, (old, new));
    }
    polled
}

/// Under the lock: what becomes of the waiter. Wakers that are not needed stay in `new` and come into `old`.
#[inline]
fn look<P: Policy, T>(
    node: &Node<P::Note>,
    line: &mut Locked<'_, P>,
    new: &mut Option<Waker>,
    old: &mut Option<Waker>,
    again: bool,
    mut decide: impl FnMut(&mut Locked<'_, P>, usize) -> Decision<T>,
) -> Poll<Turn<T>> {
    let links = &node.links;
    if let Some(turn) = turn(node, line, old) {
        return Poll::Ready(turn);
    }
    if !again && links.state(Ordering::Relaxed) == state::WAITING {
        // SAFETY: the lock is held, the field is full, and it is filled again at once.
        *old = Some(unsafe { links.take_waker() });
        let waker = new.take().expect("cloned for this");
        // SAFETY: the owner holds the lock; the field is empty, and the state says that it is full.
        unsafe { links.put_waker(waker) };
        return Poll::Pending;
    }

    let mut word = line.word().load(Ordering::Acquire);
    loop {
        let decision = decide(line, word);
        // Soundness hangs on this: below, `line` stands for the lock around this very node.
        assert!(line.is_polling(node), "a policy left another guard in the place of its own");
        // A policy may have granted or released the very waiter that it was asked about.
        if let Some(turn) = turn(node, line, old) {
            return Poll::Ready(match decision {
                Decision::Ready(value) => Turn::Decided(value),
                _ => turn,
            });
        }
        match decision {
            Decision::Ready(value) => {
                leave_line(node, line, old);
                links.set_state(state::DONE, Ordering::Relaxed);
                return Poll::Ready(Turn::Decided(value));
            }
            Decision::Wait | Decision::WaitInOrder => {}
            Decision::Retry => {
                word = line.word().load(Ordering::Acquire);
                continue;
            }
        }
        match claim(line, word) {
            Ok(()) => break,
            Err(changed) => word = changed,
        }
    }

    if links.state(Ordering::Relaxed) == state::WAITING {
        // SAFETY: the lock is held, the field is full, and it is filled again below.
        *old = Some(unsafe { links.take_waker() });
    }
    let waker = new.take().expect("cloned for this");
    // SAFETY: the owner holds the lock, the field is empty, and the state that follows says that it is full.
    unsafe { links.put_waker(waker) };
    links.set_state(state::WAITING, Ordering::Relaxed);
    Poll::Pending
}

/// Under the lock: the turn that somebody gave this waiter, if so; it is out of every ring then.
#[inline]
fn turn<P: Policy, T>(
    node: &Node<P::Note>,
    line: &mut Locked<'_, P>,
    old: &mut Option<Waker>,
) -> Option<Turn<T>> {
    let links = &node.links;
    let turn = match links.state(Ordering::Relaxed) {
        state::GRANTED => Turn::Granted,
        state::RELEASED => Turn::Released,
        state::LEAVING => {
            leave_ring(node, line, old);
            Turn::Granted
        }
        state::WAITING | state::NUDGED if !line.is_in_line(links) => {
            leave_ring(node, line, old);
            Turn::Released
        }
        _ => return None,
    };
    links.set_state(state::DONE, Ordering::Relaxed);
    Some(turn)
}

/// Out of a ring that is being woken.
#[cold]
fn leave_ring<P: Policy>(node: &Node<P::Note>, line: &mut Locked<'_, P>, old: &mut Option<Waker>) {
    let links = &node.links;
    if links.state(Ordering::Relaxed) != state::NUDGED {
        // SAFETY: the lock is held, and the caller sets a state in which the field is empty.
        *old = Some(unsafe { links.take_waker() });
    }
    line.remove_leaving(links);
}

/// Out of the line.
#[inline]
fn leave_line<P: Policy>(node: &Node<P::Note>, line: &mut Locked<'_, P>, old: &mut Option<Waker>) {
    let links = &node.links;
    if links.state(Ordering::Relaxed) == state::WAITING {
        // SAFETY: the lock is held, and the caller sets a state in which the field is empty.
        *old = Some(unsafe { links.take_waker() });
    }
    line.remove(links);
}

/// Takes `node`, which has waited, out of `queue` for good, and tells the policy.
#[cold]
#[inline(never)]
pub(crate) fn abandon<P: Policy>(queue: &WaitQueue<P>, node: &Node<P::Note>) {
    let mut old = None;
    let mut line = queue.lock();
    let left = match turn::<P, ()>(node, &mut line, &mut old) {
        Some(Turn::Granted) => Left::Granted,
        Some(_) => Left::Released,
        None => {
            leave_line(node, &mut line, &mut old);
            node.links.set_state(state::DONE, Ordering::Relaxed);
            Left::Waiting
        }
    };
    // SAFETY: the node is in no ring any more, so its note is the owner's alone.
    let note = node.note.with_mut(|it| unsafe { &mut *it });
    P::left(&mut line, note, left);
}
