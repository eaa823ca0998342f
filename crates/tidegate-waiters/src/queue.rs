// How it works
//
//     word: [ the primitive's bits ............ | WAITERS ]     lock: { line, policy }
//
// The line is a ring of nodes in order of arrival. `WAITERS` is set exactly while the line is not empty, and it
// is set and cleared only under the lock, by read-modify-write on the same word that the primitive's own bits
// live in. That is what makes lock-free fast paths safe without a fence: a releaser and a newcomer both modify
// one word, so one of them is first. If the newcomer's `WAITERS` is first, the releaser sees it and comes for the
// lock; if the release is first, the newcomer's compare-exchange fails and it decides again.
//
// Waking happens in three steps. Under the lock, a node moves from the line to the ring `leaving` (one node when
// it is granted, the whole ring in one splice when everybody is released). Still under the lock, up to a batch of
// them are taken out of that ring, their wakers moved out, their states published. After the lock, they are
// woken. While there are more, the lock is taken again for the next batch. Nodes in `leaving` may be cancelled
// meanwhile: their owner unlinks them under the lock; a sentinel on the waking thread's stack keeps the ring
// reachable whoever leaves it.
//
// `round` counts the splices. A node remembers the round in which it joined, so that under the lock anybody can
// tell a node that is in line from one that has been released with an earlier round and is not woken yet,
// although the splice touched no node.

use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::Waker;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_shim::{Mutex, MutexGuard, const_fn};

use crate::batch::{Panic, WakeBatch, fetch};
use crate::node::{Links, Node, state};

/// What a primitive adds to a line of waiters.
///
/// The type itself is the state that the queue's lock guards; see [`WaitQueue`].
pub trait Policy: Sized {
    /// What each waiter brings: a ticket, a number of permits, or nothing.
    type Note;

    /// A waiter was dropped before it looked at what became of it.
    ///
    /// Runs under the lock, after the waiter left the line; may grant, release or nudge others. What was granted
    /// to a waiter that never looked must go on to somebody here, or it is lost. Wakers run afterwards.
    fn left(line: &mut Locked<'_, Self>, note: &mut Self::Note, left: Left);

    /// Whether a waiter that joins by [`Decision::WaitInOrder`](crate::Decision::WaitInOrder) goes before `other`,
    /// who is in line. Asked from the front on; runs under the lock.
    fn precedes(_note: &Self::Note, _other: &Self::Note) -> bool {
        false
    }

    /// Whether each note keeps an [`Ahead`]: for policies that [release](Locked::release_all) long lines.
    const LOOKS_AHEAD: bool = false;

    /// Where the note keeps its [`Ahead`]; asked only if it [has one](Self::LOOKS_AHEAD). Runs under the lock; a panic
    /// counts as `None`.
    fn ahead(_note: &mut Self::Note) -> Option<&mut Ahead> {
        None
    }
}

/// Which waiter comes some places after this one, for [`Policy::ahead`].
///
/// A long line of waiters that are strewn over memory is slow to walk: each has to arrive from memory before the
/// next is known. Whoever releases it has those that are some places ahead brought near meanwhile. A policy takes part
/// by keeping one of these in each note ([`Policy::ahead`]).
#[derive(Debug, Default)]
pub struct Ahead(Option<NonNull<Links>>);

// SAFETY: never followed; it may lead to a waiter that has left.
unsafe impl Send for Ahead {}
// SAFETY: as above.
unsafe impl Sync for Ahead {}

impl Ahead {
    /// Nobody yet.
    pub const fn new() -> Self {
        Self(None)
    }
}

/// How many places ahead one looks: as many as a processor fetches at a time.
const STRIDE: usize = 8;

/// The state in which a waiter was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It was still in line.
    Waiting,
    /// It had been granted its turn ([`Locked::grant_front`]).
    Granted,
    /// It had been released with everybody else ([`Locked::release_all`]).
    Released,
}

/// A line of waiting tasks and threads, and a word and a state that decide who goes.
///
/// Picture a doorkeeper with a row of chairs. Whoever comes looks at the word on the door first (one atomic
/// load), and only when it says no do they take a chair. The rules of the house are the [`Policy`]; the chairs,
/// the waking and the leaving are this type's business. No chair is ever allocated: it is part of the future
/// that waits.
///
/// # Examples
///
/// An event that releases everybody once, built from scratch:
///
/// ```
/// use std::sync::atomic::Ordering;
/// use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};
///
/// struct Latch;
/// impl Policy for Latch {
///     type Note = ();
///     fn left(_line: &mut Locked<'_, Self>, _note: &mut (), _left: Left) {}
/// }
///
/// const OPEN: usize = 2; // Bit 0 is the queue's.
/// static LATCH: WaitQueue<Latch> = WaitQueue::new(0, Latch);
///
/// fn open() {
///     if LATCH.word().fetch_or(OPEN, Ordering::Release) & WaitQueue::<Latch>::WAITERS != 0 {
///         LATCH.lock().release_all();
///     }
/// }
///
/// async fn wait() {
///     let mut waiter = std::pin::pin!(Waiter::new(&LATCH, ()));
///     std::future::poll_fn(|cx| {
///         waiter.as_mut().poll(cx, |_line, word| match word & OPEN {
///             0 => Decision::Wait,
///             _ => Decision::Ready(()),
///         })
///     })
///     .await;
/// }
///
/// # std::thread::scope(|threads| {
/// threads.spawn(open);
/// tidegate_waiters::block_on(wait());
/// # });
/// ```
///
/// # Cost
///
/// Joining, leaving, granting and nudging are O(1) whatever the number of waiters; a broadcast is O(1) under the
/// lock plus O(1) per waiter to wake it, in batches.
pub struct WaitQueue<P: Policy> {
    word: AtomicUsize,
    line: Mutex<Line<P>>,
}

/// What the lock guards.
struct Line<P: Policy> {
    /// The first in line, or null. Of a line that is `AWAY`: the `WaitQueue` where it is.
    first: *const Links,
    /// How many are in line, or `AWAY`.
    len: u32,
    /// How many times everybody was released.
    round: u32,
    policy: P,
}

/// The length of a line that has moved to a place of its own; see [`WaitQueue::house`].
const AWAY: u32 = u32::MAX;

// SAFETY: the pointers lead to nodes whose links and notes are only touched under the lock around this struct, so
// moving it to another thread moves access to notes, which may be sent.
unsafe impl<P: Policy + Send> Send for Line<P> where P::Note: Send {}

impl<P: Policy> WaitQueue<P> {
    /// The bit of the word that says that somebody is in line.
    pub const WAITERS: usize = 1;

    const_fn! {
        /// Makes an empty line. Bit 0 of `word` must be clear.
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
        /// assert_eq!(line.waiters(), 0);
        /// ```
        pub const fn new(word: usize, policy: P) -> Self {
            assert!(word & Self::WAITERS == 0, "bit 0 of the word belongs to the queue");
            Self {
                word: AtomicUsize::new(word),
                line: Mutex::new(Line { first: ptr::null(), len: 0, round: 0, policy }),
            }
        }
    }

    /// The word.
    ///
    /// Every bit but [`WAITERS`](Self::WAITERS) is the primitive's; that one it must leave as it finds it.
    /// Getting this wrong strands waiters; it is never unsound.
    #[inline]
    pub fn word(&self) -> &AtomicUsize {
        &self.word
    }

    /// Takes the lock. What was granted, released or nudged is woken when the guard is dropped.
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
    /// let wait = join(&line, 1);
    /// assert_eq!(line.lock().len(), 1);
    /// drop(wait);
    /// assert!(line.lock().is_empty());
    /// ```
    #[inline]
    pub fn lock(&self) -> Locked<'_, P> {
        self.glance().stay()
    }

    /// Takes the lock to look at the state and change it, without a word to those in line.
    ///
    /// A few instructions cheaper than [`lock`](Self::lock), for the way on which nobody is to be woken;
    /// [`Glance::stay`] makes the one of the other.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_waiters::{Left, Locked, Policy, WaitQueue};
    ///
    /// struct Items(Vec<u32>);
    /// impl Policy for Items {
    ///     type Note = Option<u32>;
    ///     fn left(_line: &mut Locked<'_, Self>, _note: &mut Option<u32>, _left: Left) {}
    /// }
    ///
    /// fn put(queue: &WaitQueue<Items>, item: u32) {
    ///     let mut line = queue.glance();
    ///     if line.is_empty() {
    ///         return line.policy().0.push(item); // Nobody is to be told.
    ///     }
    ///     let mut line = line.stay();
    ///     *line.front_mut().expect("it is not empty") = Some(item);
    ///     line.grant_front();
    /// }
    ///
    /// let queue = WaitQueue::new(0, Items(Vec::new()));
    /// put(&queue, 7);
    /// assert_eq!(queue.glance().policy().0, [7]);
    /// ```
    #[inline]
    pub fn glance(&self) -> Glance<'_, P> {
        let line = self.line.lock();
        if line.len == AWAY {
            return Self::follow(line);
        }
        Glance { queue: self, line }
    }

    /// As [`glance`](Self::glance), if nobody holds the lock this instant: for a `Debug` that never waits.
    pub fn try_glance(&self) -> Option<Glance<'_, P>> {
        let line = self.line.try_lock()?;
        if line.len == AWAY {
            return Some(Self::follow(line));
        }
        Some(Glance { queue: self, line })
    }

    /// How many are in line.
    pub fn waiters(&self) -> usize {
        self.glance().len()
    }

    /// Moves the line and the word to a queue on the heap, where whoever locks this one finds them from then on; or
    /// answers where they are already. The word here stays `shut`.
    ///
    /// For somebody who has to reach the line without being sure that this queue stays in its place: a borrow ends when
    /// the future that holds it is leaked, and what was borrowed may be dropped, or moved without a word.
    ///
    /// For policies that let one waiter go at a time: none may be in a ring that is being woken.
    pub(crate) fn house(&self, shut: usize, policy: P) -> Arc<Self> {
        let line = self.line.lock();
        if line.len == AWAY {
            return Self::share(&line);
        }
        drop(line);
        let house = Arc::new(Self::new(0, policy));
        let mut line = self.line.lock();
        if line.len == AWAY {
            return Self::share(&line);
        }
        {
            let mut there = house.line.lock();
            // A ring has no head of its own, so its nodes need not know.
            there.first = std::mem::replace(
                &mut line.first,
                Arc::into_raw(Arc::clone(&house)).cast::<Links>(),
            );
            there.len = std::mem::replace(&mut line.len, AWAY);
            there.round = line.round;
        }
        // Last, so that whoever finds it shut finds the house. Acquire: hands on what the word's bits stand for.
        let mut seen = self.word.load(Ordering::Acquire);
        loop {
            house.word.store(seen, Ordering::Relaxed);
            // Release: pairs with the Acquire in `home`.
            match self.word.compare_exchange(seen, shut, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(changed) => seen = changed,
            }
        }
        drop(line);
        house
    }

    /// Gives this queue's share of its house back; the last that is done with it.
    pub(crate) fn leave_house(&mut self) {
        let mut line = self.line.lock();
        if line.len == AWAY {
            let house = std::mem::replace(&mut line.first, ptr::null()).cast::<Self>();
            line.len = 0;
            drop(line);
            // SAFETY: `house` left this share here, and it is taken once.
            drop(unsafe { Arc::from_raw(house) });
        }
    }

    /// Where the word and the line are, if the word was shut by [`house`](Self::house). Takes no lock.
    ///
    /// # Safety
    ///
    /// Nothing but `house` ever sets these bits in the word together.
    pub(crate) unsafe fn home(&self, shut: usize) -> Option<&Self> {
        // Acquire: pairs with the Release in `house`.
        if self.word.load(Ordering::Acquire) & shut != shut {
            return None;
        }
        let line = self.line.data_ptr();
        // SAFETY: by the caller's promise the line is away, and nobody writes to it while the queue is borrowed.
        let house = unsafe { (*line).first }.cast::<Self>();
        // SAFETY: a line that is away keeps a share of its house until its queue is done with it.
        Some(unsafe { &*house })
    }

    /// One more share of the house of a line that is away.
    fn share(line: &Line<P>) -> Arc<Self> {
        let house = line.first.cast::<Self>();
        // SAFETY: a line that is away keeps a share.
        unsafe { Arc::increment_strong_count(house) };
        // SAFETY: the share was just made.
        unsafe { Arc::from_raw(house) }
    }

    #[cold]
    #[inline(never)]
    fn follow<'q>(line: MutexGuard<'q, Line<P>>) -> Glance<'q, P> {
        let house = line.first.cast::<Self>();
        drop(line);
        // SAFETY: a line that is away keeps a share of its house until its queue is done with it, and that queue is
        // borrowed here.
        let house: &'q Self = unsafe { &*house };
        Glance { queue: house, line: house.line.lock() }
    }
}

// A panic of foreign code (a waker, a policy) leaves the line as it was or as it was to be.
impl<P: Policy + UnwindSafe> UnwindSafe for WaitQueue<P> {}
impl<P: Policy + UnwindSafe> RefUnwindSafe for WaitQueue<P> {}

impl<P: Policy> fmt::Debug for WaitQueue<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        let mut out = f.debug_struct("WaitQueue");
        out.field("word", &format_args!("{word:#x}"));
        match self.try_glance() {
            Some(line) => out.field("waiters", &line.len()),
            None => out.field("waiters", &format_args!("<locked>")),
        };
        out.finish()
    }
}

/// The state of a [`WaitQueue`], under the lock, with nobody to be woken.
///
/// # Reentrancy
///
/// As [`Locked`].
pub struct Glance<'q, P: Policy> {
    queue: &'q WaitQueue<P>,
    line: MutexGuard<'q, Line<P>>,
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
    queue: &'q WaitQueue<P>,
    /// The lock; let go of in `drop`.
    line: ManuallyDrop<MutexGuard<'q, Line<P>>>,
    /// Whoever is woken first, if they were let go alone: the usual case needs no ring. Taken in `drop`.
    woken: ManuallyDrop<Option<Waker>>,
    /// The ring of those that will be woken after it, or null.
    leaving: *const Links,
    /// The node that is being polled, or null.
    me: *const Node<P::Note>,
    /// Whoever is first when the lock is released is to decide again.
    nudge: bool,
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
    /// let mut waits = [join(&line, 1), join(&line, 2)];
    /// line.lock().release_all();
    /// let later = join(&line, 3);
    /// # assert!(waits.iter_mut().all(|it| tidegate_test::poll_once(it.as_mut()).is_ready()));
    /// assert_eq!(line.waiters(), 1);
    /// # drop(later);
    /// ```
    pub fn release_all(&mut self) {
        let line = self.line_mut();
        let first = std::mem::replace(&mut line.first, ptr::null());
        if first.is_null() {
            return;
        }
        let alone = line.len == 1;
        line.len = 0;
        line.round = line.round.wrapping_add(1);
        self.clear_waiters();
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
        // Relaxed: the lock orders this among those who set the bit, and a read-modify-write keeps whatever
        // release sequence the primitive's bits belong to going.
        self.queue.word.fetch_and(!WaitQueue::<P>::WAITERS, Ordering::Relaxed);
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
            unsafe { Self::look_ahead(links) };
        }
    }

    /// Tells those from `2 * STRIDE` to `STRIDE` places before `last` who comes `STRIDE` places after them.
    ///
    /// # Safety
    ///
    /// The lock is held, `last` is in the line, and the line has that many nodes. Their notes are borrowed by nobody.
    #[inline]
    unsafe fn look_ahead(last: *const Links) {
        let mut ahead = [last; STRIDE];
        let mut at = last;
        for place in &mut ahead {
            *place = at;
            // SAFETY: nodes in line are alive, and the lock is held.
            let node = unsafe { &*at };
            // SAFETY: in a ring, under the lock.
            at = unsafe { node.prev() };
        }
        for place in ahead {
            // SAFETY: nodes in line are alive, and the lock is held.
            let node = unsafe { &*at.cast::<Node<P::Note>>() };
            node.note.with_mut(|note| {
                // SAFETY: notes are touched under the lock only, and nobody has borrowed this one.
                with_ahead::<P>(unsafe { &mut *note }, |it| it.0 = NonNull::new(place.cast_mut()));
            });
            // SAFETY: in a ring, under the lock.
            at = unsafe { node.links.prev() };
        }
    }

    /// Has the waiter near that comes some places after `node`, if that is known.
    ///
    /// # Safety
    ///
    /// The lock is held, and `node` leads to a live node of this queue.
    #[inline]
    unsafe fn fetch_ahead(node: *const Links) {
        // SAFETY: the caller's promise.
        let node = unsafe { &*node.cast::<Node<P::Note>>() };
        node.note.with_mut(|note| {
            // SAFETY: notes are touched under the lock only, and nobody has borrowed this one.
            with_ahead::<P>(unsafe { &mut *note }, |it| {
                if let Some(ahead) = it.0 {
                    fetch(ahead.as_ptr());
                }
            });
        });
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

    /// Unlocks, and wakes more than one.
    #[cold]
    #[inline(never)]
    fn wake(&mut self) {
        // SAFETY: called by `drop` alone, which does not touch it again.
        let guard = unsafe { ManuallyDrop::take(&mut self.line) };
        let mut batch = WakeBatch::new();
        let nudged = if self.nudge { Self::nudged(&guard) } else { None };
        for waker in self.woken.take().into_iter().chain(nudged) {
            batch.push(waker);
        }
        self.wake_all(guard, batch);
    }

    /// Wakes those in `batch` and those in the ring.
    fn wake_all(&mut self, mut guard: MutexGuard<'q, Line<P>>, mut batch: WakeBatch) {
        let mut panic = None;
        if self.leaving.is_null() {
            drop(guard);
            keep_first(&mut panic, batch.wake_all());
        } else {
            // The sentinel stays at this address until the ring is empty again: it is pinned, and nothing below
            // unwinds.
            let sentinel = pin!(Links::new());
            let sentinel = sentinel.into_ref().get_ref();
            // SAFETY: the sentinel is in no ring, and it lives to the end of this block.
            unsafe { Links::close(sentinel) };
            // SAFETY: two rings of live nodes, under the lock.
            unsafe { Links::join(self.leaving, sentinel) };
            self.leaving = ptr::null();
            loop {
                let done = Self::collect(sentinel, &mut batch);
                drop(guard);
                keep_first(&mut panic, batch.wake_all());
                if done {
                    break;
                }
                guard = self.queue.line.lock();
            }
        }
        pass_on(panic);
    }

    /// The waker of the first in line, which is to decide again, if it still has one.
    fn nudged(line: &Line<P>) -> Option<Waker> {
        if line.first.is_null() {
            return None;
        }
        // SAFETY: nodes in line are alive, and the lock is held.
        let first = unsafe { &*line.first };
        if first.state(Ordering::Relaxed) != state::WAITING {
            return None;
        }
        // SAFETY: the lock is held, the field is full, and the state that follows says that it is empty.
        let waker = unsafe { first.take_waker() };
        first.set_state(state::NUDGED, Ordering::Release);
        Some(waker)
    }

    /// Publishes what became of a node that is in no ring any more; its waker, if it has not been woken already.
    ///
    /// From then on the node may be gone. The lock is held.
    #[inline]
    fn publish(node: &Links) -> Option<Waker> {
        let became = match node.state(Ordering::Relaxed) {
            state::LEAVING => state::GRANTED,
            state::NUDGED => {
                // Woken before it was released; it finds out when it looks.
                node.set_state(state::RELEASED, Ordering::Release);
                return None;
            }
            _ => state::RELEASED,
        };
        // SAFETY: the lock is held, the field is full, and the state that follows says that it is empty.
        let waker = unsafe { node.take_waker() };
        // Release: pairs with the owner's Acquire.
        node.set_state(became, Ordering::Release);
        Some(waker)
    }

    /// Moves wakers from the ring around `sentinel` into the batch, and publishes what became of their nodes.
    ///
    /// The lock is held. Returns whether the ring is empty.
    fn collect(sentinel: &Links, batch: &mut WakeBatch) -> bool {
        loop {
            // SAFETY: the sentinel is alive and in a ring, and the lock is held.
            let next = unsafe { sentinel.next() };
            if ptr::eq(next, sentinel) {
                return true;
            }
            if batch.is_full() {
                return false;
            }
            // SAFETY: nodes leave the ring only under the lock, so this one is alive.
            let node = unsafe { &*next };
            if P::LOOKS_AHEAD {
                // SAFETY: the node is alive, and the lock is held.
                unsafe { Self::fetch_ahead(next) };
            }
            // SAFETY: the lock is held, and the node is in this ring.
            unsafe { node.unlink() };
            if let Some(waker) = Self::publish(node) {
                fetch(waker.data());
                batch.push(waker);
            }
        }
    }
}

impl<P: Policy> Drop for Locked<'_, P> {
    #[inline]
    fn drop(&mut self) {
        if !self.leaving.is_null() || (self.nudge && self.woken.is_some()) {
            return self.wake();
        }
        if self.nudge {
            *self.woken = Self::nudged(&self.line);
        }
        // SAFETY: this is the end of it.
        unsafe { ManuallyDrop::drop(&mut self.line) };
        if let Some(waker) = self.woken.take() {
            wake_one(waker);
        }
    }
}

impl<P: Policy> fmt::Debug for Locked<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").field("waiters", &self.len()).finish_non_exhaustive()
    }
}

/// Shows `look` the [`Ahead`] in `note`, if it keeps one.
///
/// The policy is asked where there is no way back: for a node that is in a ring already, or still. If it panics, it has
/// not said anything.
#[inline]
fn with_ahead<P: Policy>(note: &mut P::Note, look: impl FnOnce(&mut Ahead)) {
    let asked = catch_unwind(AssertUnwindSafe(|| P::ahead(note).map(look)));
    if let Err(panic) = asked {
        // Dropping it could panic in its turn.
        std::mem::forget(panic);
    }
}

#[inline]
fn wake_one(waker: Waker) {
    if std::thread::panicking() {
        wake_while_panicking(waker);
    } else {
        waker.wake();
    }
}

/// A second panic would abort.
#[cold]
#[inline(never)]
fn wake_while_panicking(waker: Waker) {
    let mut batch = WakeBatch::new();
    batch.push(waker);
    pass_on(batch.wake_all());
}

/// A waker's panic goes to whoever made it wake.
pub(crate) fn pass_on(panic: Option<Panic>) {
    match panic {
        // Not on top of another panic, nor with a payload whose drop might panic there: that would abort.
        Some(panic) if std::thread::panicking() => std::mem::forget(panic),
        Some(panic) => std::panic::resume_unwind(panic),
        None => {}
    }
}

pub(crate) fn keep_first(first: &mut Option<Panic>, next: Option<Panic>) {
    match (&first, next) {
        (None, next) => *first = next,
        // Dropping a payload could panic in its turn; it is not worth an abort.
        (Some(_), next) => std::mem::forget(next),
    }
}
