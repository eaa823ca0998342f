use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr;
use std::task::Waker;

use tidegate_shim::MutexGuard;
use tidegate_shim::atomic::{AtomicUsize, Ordering};

use crate::node::{Links, Node, state};
use crate::queue::ahead::{STRIDE, look_ahead};
use crate::queue::{Line, Policy, WaitQueue};

/// The state of a [`WaitQueue`], under the lock, with nobody to be woken.
///
/// # Reentrancy
///
/// As [`Locked`].
pub struct Glance<'q, P: Policy> {
    pub(super) queue: &'q WaitQueue<P>,
    pub(super) line: MutexGuard<'q, Line<P>>,
}

impl<'q, P: Policy> Glance<'q, P> {
    /// The state that the lock guards.
    #[inline]
    pub fn policy(&mut self) -> &mut P {
        &mut self.line.policy
    }

    /// How many are in line.
    pub fn len(&self) -> usize {
        self.line.len as usize
    }

    /// Whether nobody is in line.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.line.first.is_null()
    }

    /// Keeps the lock, to serve the line.
    #[inline]
    pub fn stay(self) -> Locked<'q, P> {
        Locked {
            queue: self.queue,
            line: ManuallyDrop::new(self.line),
            woken: ManuallyDrop::new(None),
            leaving: ptr::null(),
            me: ptr::null(),
            nudge: false,
        }
    }
}

impl<P: Policy> fmt::Debug for Glance<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Glance").field("waiters", &self.len()).finish_non_exhaustive()
    }
}

/// The line, under its lock.
///
/// Wakers run when this is dropped, after the lock is released. A panic of theirs comes out of that drop once all
/// have been woken.
///
/// # Reentrancy
///
/// The lock is not reentrant: to lock the same queue, to poll or drop one of its waiters, or to ask
/// [`WaitQueue::waiters`] while this lives waits for ever. Other queues may be used. A guard that is leaked keeps
/// its queue locked for good.
pub struct Locked<'q, P: Policy> {
    pub(super) queue: &'q WaitQueue<P>,
    /// The lock; let go of in `drop`.
    pub(super) line: ManuallyDrop<MutexGuard<'q, Line<P>>>,
    /// Whoever is woken first, if they were let go alone: the usual case needs no ring. Taken in `drop`.
    pub(super) woken: ManuallyDrop<Option<Waker>>,
    /// The ring of those that will be woken after it, or null.
    pub(super) leaving: *const Links,
    /// The node that is being polled, or null.
    me: *const Node<P::Note>,
    /// Whoever is first when the lock is released is to decide again.
    pub(super) nudge: bool,
}

impl<'q, P: Policy> Locked<'q, P> {
    /// The state that the lock guards.
    #[inline]
    pub fn policy(&mut self) -> &mut P {
        &mut self.line_mut().policy
    }

    /// The word; see [`WaitQueue::word`].
    #[inline]
    pub fn word(&self) -> &AtomicUsize {
        &self.queue.word
    }

    /// How many are in line.
    pub fn len(&self) -> usize {
        self.line().len as usize
    }

    /// Whether nobody is in line.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.line().first.is_null()
    }

    /// What the first in line brought.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let waits = [join(&line, 1), join(&line, 2)];
    /// assert_eq!(line.lock().front(), Some(&1));
    /// # drop(waits);
    /// ```
    #[inline]
    pub fn front(&self) -> Option<&P::Note> {
        let first = self.line().first;
        if first.is_null() {
            return None;
        }
        // SAFETY: nodes in line are alive, their notes are touched under the lock only, and the borrow of `self`
        // keeps `note` from lending the same one mutably.
        let node = unsafe { &*first.cast::<Node<P::Note>>() };
        // SAFETY: as above.
        Some(node.note.with(|it| unsafe { &*it }))
    }

    /// As [`front`](Self::front), to be changed: what a waiter that is about to be granted shall find.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let wait = join(&line, 1);
    /// *line.lock().front_mut().unwrap() += 10;
    /// assert_eq!(line.lock().front(), Some(&11));
    /// # drop(wait);
    /// ```
    #[inline]
    pub fn front_mut(&mut self) -> Option<&mut P::Note> {
        let first = self.line().first;
        if first.is_null() {
            return None;
        }
        // SAFETY: nodes in line are alive, their notes are touched under the lock only, and the borrow of `self`
        // keeps the others of this guard's methods from lending the same one.
        let node = unsafe { &*first.cast::<Node<P::Note>>() };
        // SAFETY: as above.
        Some(node.note.with_mut(|it| unsafe { &mut *it }))
    }

    /// Shows what each in line brought, from the front on, to be changed; O(n) under the lock.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let waits = [join(&line, 1), join(&line, 2)];
    /// let mut sum = 0;
    /// line.lock().for_each(|note| sum += *note);
    /// assert_eq!(sum, 3);
    /// # drop(waits);
    /// ```
    pub fn for_each(&mut self, mut change: impl FnMut(&mut P::Note)) {
        let first = self.line().first;
        let mut at = first;
        while !at.is_null() {
            // SAFETY: as in `front_mut`; `change` is handed the note alone, and cannot reach this guard.
            let node = unsafe { &*at.cast::<Node<P::Note>>() };
            // SAFETY: as above.
            change(node.note.with_mut(|it| unsafe { &mut *it }));
            // SAFETY: the node is in the ring of the line, under the lock.
            let next = unsafe { node.links.next() };
            at = if ptr::eq(next, first) { ptr::null() } else { next };
        }
    }

    /// Gives the first in line its turn and takes it out of the line.
    ///
    /// Its next poll is ready with [`Turn::Granted`](crate::Turn::Granted) and touches nothing shared. Returns
    /// whether there was one.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let mut wait = join(&line, 1);
    /// assert!(line.lock().grant_front());
    /// # assert!(tidegate_test::poll_once(wait.as_mut()).is_ready());
    /// assert!(!line.lock().grant_front(), "nobody is in line");
    /// ```
    #[inline]
    pub fn grant_front(&mut self) -> bool {
        let first = self.line().first;
        if first.is_null() {
            return false;
        }
        // SAFETY: nodes in line are alive, and the lock is held.
        let node = unsafe { &*first };
        self.remove(node);
        if node.state(Ordering::Relaxed) == state::NUDGED {
            // It was woken already and has no waker here; it will find its turn when it looks.
            node.set_state(state::GRANTED, Ordering::Release);
        } else if self.woken.is_none() && self.leaving.is_null() {
            // SAFETY: the lock is held, the field is full, and the state that follows says that it is empty.
            *self.woken = Some(unsafe { node.take_waker() });
            // Release: pairs with the owner's Acquire; from here on the node may be gone.
            node.set_state(state::GRANTED, Ordering::Release);
        } else {
            node.set_state(state::LEAVING, Ordering::Relaxed);
            // SAFETY: the lock is held, and the node was just taken out of its ring.
            unsafe { Links::close(first) };
            self.append_leaving(first);
        }
        true
    }

    /// Takes the first out of the line as it is, for another line.
    ///
    /// # Panics
    ///
    /// When nobody is in line.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> *const Links {
        let first = self.line().first;
        assert!(!first.is_null(), "nobody is in line");
        // SAFETY: nodes in line are alive, and the lock is held.
        self.remove(unsafe { &*first });
        first
    }

    /// Releases everybody who is in line now, and nobody who comes later.
    ///
    /// O(1) under the lock, whatever their number. Their next polls are ready with
    /// [`Turn::Released`](crate::Turn::Released).
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let mut waits = [join(&line, 1), join(&line, 2)];
    /// line.lock().release_all();
    /// let later = join(&line, 3);
    /// # assert!(waits.iter_mut().all(|it| tidegate_test::poll_once(it.as_mut()).is_ready()));
    /// assert_eq!(line.waiters(), 1);
    /// # drop(later);
    /// ```
    pub fn release_all(&mut self) {
        if !self.is_empty() {
            self.clear_waiters();
            self.let_all_go();
        }
    }

    /// As [`release_all`](Self::release_all), raising `bits` of the word in the same step; answers the word before it.
    ///
    /// Raises them with Release, also if nobody is in line.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../example_line.txt")]
    /// use std::sync::atomic::Ordering;
    ///
    /// let line = Line::new(0, Numbers);
    /// let mut wait = join(&line, 1);
    /// assert_eq!(line.lock().release_all_raising(4), Line::WAITERS);
    /// # assert!(tidegate_test::poll_once(wait.as_mut()).is_ready());
    /// assert_eq!(line.word().load(Ordering::Acquire), 4);
    /// ```
    #[inline]
    pub fn release_all_raising(&mut self, bits: usize) -> usize {
        let word = self.word();
        let mut seen = word.load(Ordering::Relaxed);
        // The bit goes whether it is there or not: under the lock it says whether somebody is in line.
        while let Err(changed) = word.compare_exchange_weak(
            seen,
            (seen | bits) & !WaitQueue::<P>::WAITERS,
            Ordering::Release,
            Ordering::Relaxed,
        ) {
            seen = changed;
        }
        if !self.is_empty() {
            self.let_all_go();
        }
        seen
    }

    /// Moves all who are in line, and there are some, to those who will be woken.
    #[inline]
    fn let_all_go(&mut self) {
        let line = self.line_mut();
        let first = std::mem::replace(&mut line.first, ptr::null());
        let alone = line.len == 1;
        line.len = 0;
        line.round = line.round.wrapping_add(1);
        if alone && self.woken.is_none() && self.leaving.is_null() {
            // SAFETY: nodes that were in line are alive while the lock is held.
            *self.woken = Self::publish(unsafe { &*first });
        } else {
            self.append_leaving(first);
        }
    }

    /// Makes whoever is first when the lock is released decide again; it keeps its place.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("../example_line.txt")]
    /// let line = Line::new(0, Numbers);
    /// let wait = join(&line, 1);
    /// line.lock().nudge_front();
    /// assert_eq!(line.waiters(), 1, "it keeps its place");
    /// # drop(wait);
    /// ```
    #[inline]
    pub fn nudge_front(&mut self) {
        self.nudge = true;
    }

    /// Whether the waiter that is being polled is first in line, or would be if it joined.
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
    /// let polled = waiter.as_mut().poll(cx, |line, _word| match line.is_next() {
    ///     true => Decision::Ready(()),
    ///     false => Decision::Wait,
    /// });
    /// assert!(polled.is_ready());
    /// ```
    #[inline]
    pub fn is_next(&self) -> bool {
        let first = self.line().first;
        first.is_null() || ptr::eq(first, self.me.cast())
    }

    /// Whether the waiter that is being polled was [nudged](Self::nudge_front), and looks for the first time since.
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
    /// line.lock().nudge_front();
    /// let polled = waiter.as_mut().poll(cx, |line, _| match line.was_nudged() {
    ///     true => Decision::Ready(()),
    ///     false => Decision::Wait,
    /// });
    /// assert!(polled.is_ready());
    /// ```
    #[inline]
    pub fn was_nudged(&self) -> bool {
        if self.me.is_null() {
            return false;
        }
        // SAFETY: `me` is the node of the waiter whose `poll` made this guard and waits for it to be dropped.
        let node = unsafe { &*self.me };
        node.links.state(Ordering::Relaxed) == state::NUDGED
    }

    /// What the waiter that is being polled brought; `None` when no waiter is being polled.
    #[inline]
    pub fn note(&mut self) -> Option<&mut P::Note> {
        if self.me.is_null() {
            return None;
        }
        // SAFETY: `me` is the node of the waiter whose `poll` made this guard and waits for it to be dropped. The
        // lock keeps others away from its note, and the borrow of `self` keeps `front` from lending it too.
        let node = unsafe { &*self.me };
        // SAFETY: as above.
        Some(node.note.with_mut(|it| unsafe { &mut *it }))
    }

    /// Whether letting go of the lock will run no foreign code.
    #[inline]
    pub(crate) fn wakes_nobody(&self) -> bool {
        self.woken.is_none() && self.leaving.is_null() && !self.nudge
    }

    pub(crate) fn polling(mut self, me: *const Node<P::Note>) -> Self {
        self.me = me;
        self
    }

    /// Whether this is the guard that [`polling`](Self::polling) made for `me`.
    ///
    /// No type keeps a policy that is handed a `&mut Locked` from swapping another queue's guard into its place,
    /// so this has to be asked whenever one comes back and is used again.
    #[inline]
    pub(crate) fn is_polling(&self, me: &Node<P::Note>) -> bool {
        ptr::eq(self.me, me)
    }

    #[inline]
    fn line(&self) -> &Line<P> {
        &self.line
    }

    #[inline]
    fn line_mut(&mut self) -> &mut Line<P> {
        &mut self.line
    }

    #[inline]
    fn clear_waiters(&self) {
        let word = &self.queue.word;
        // Relaxed: the lock orders this among those who set the bit, and a read-modify-write keeps whatever
        // release sequence the primitive's bits belong to going.
        if P::OWN_BITS {
            word.fetch_and(!WaitQueue::<P>::WAITERS, Ordering::Relaxed);
        } else {
            word.store(word.load(Ordering::Relaxed) & !WaitQueue::<P>::WAITERS, Ordering::Relaxed);
        }
    }

    /// Whether `node` is in the line, rather than in a ring that is being woken or in none.
    #[inline]
    pub(crate) fn is_in_line(&self, node: &Links) -> bool {
        match node.state(Ordering::Relaxed) {
            // SAFETY: the lock is held.
            state::WAITING | state::NUDGED => unsafe { node.round() == self.line().round },
            _ => false,
        }
    }

    /// Puts `node` into the line: before the first that it [precedes](Policy::precedes) if `in_order`, else at the
    /// end.
    ///
    /// The caller has set `WAITERS` and publishes the node's state.
    #[inline]
    pub(crate) fn insert(&mut self, node: &Node<P::Note>, in_order: bool) {
        let links = ptr::from_ref(node).cast::<Links>();
        let before = if in_order { self.place_for(node) } else { ptr::null() };
        let line = self.line_mut();
        line.len += 1;
        // SAFETY: the lock is held and the node is in no ring.
        unsafe { node.links.set_round(line.round) };
        // SAFETY: as above.
        unsafe { Links::close(links) };
        if line.first.is_null() {
            line.first = links;
            return;
        }
        // In a ring, the end is the place before the first.
        let at = if before.is_null() { line.first } else { before };
        // SAFETY: nodes in line are alive, the lock is held, and `node` is a ring of its own.
        unsafe { Links::join(at, links) };
        if ptr::eq(before, line.first) {
            line.first = links;
        } else if P::LOOKS_AHEAD
            && line.len as usize % STRIDE == 0
            && line.len as usize >= 2 * STRIDE
        {
            // SAFETY: the lock is held, and the ring has as many nodes.
            unsafe { look_ahead::<P>(links) };
        }
    }

    /// The first in line that `node` precedes, or null.
    #[cold]
    fn place_for(&self, node: &Node<P::Note>) -> *const Links {
        let first = self.line().first;
        let mut at = first;
        while !at.is_null() {
            // SAFETY: nodes in line are alive, and the lock is held.
            let other = unsafe { &*at.cast::<Node<P::Note>>() };
            let precedes = node.note.with(|mine| {
                // SAFETY: notes are touched under the lock only; nobody has borrowed one mutably, since that would
                // borrow `self` mutably too.
                let mine = unsafe { &*mine };
                // SAFETY: as above.
                other.note.with(|other| P::precedes(mine, unsafe { &*other }))
            });
            if precedes {
                return at;
            }
            // SAFETY: the node is in the ring of the line, under the lock.
            let next = unsafe { other.links.next() };
            at = if ptr::eq(next, first) { ptr::null() } else { next };
        }
        ptr::null()
    }

    /// Takes `node` out of the line, keeping count and bit.
    #[inline]
    pub(crate) fn remove(&mut self, node: &Links) {
        // SAFETY: the lock is held, and the node is in the line, whose nodes are alive.
        let next = unsafe { node.unlink() };
        let line = self.line_mut();
        line.len -= 1;
        if ptr::eq(line.first, node) {
            line.first = next;
        }
        if line.first.is_null() {
            self.clear_waiters();
        }
    }

    /// Takes `node` out of a ring that is being woken: this guard's own, or another thread's.
    pub(crate) fn remove_leaving(&mut self, node: &Links) {
        // SAFETY: the lock is held, and the nodes of such a ring are alive: each leaves it under the lock.
        let next = unsafe { node.unlink() };
        if ptr::eq(self.leaving, node) {
            self.leaving = next;
        }
    }

    /// Adds a ring to those who will be woken.
    #[inline]
    fn append_leaving(&mut self, ring: *const Links) {
        if self.leaving.is_null() {
            self.leaving = ring;
        } else {
            // SAFETY: both are rings of live nodes, under the lock.
            unsafe { Links::join(self.leaving, ring) };
        }
    }
}

impl<P: Policy> fmt::Debug for Locked<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").field("waiters", &self.len()).finish_non_exhaustive()
    }
}
