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
// Who leaves the line to be woken stands in the ring `leaving` until they are; see wake.rs.
//
// `round` counts the splices. A node remembers the round in which it joined, so that under the lock anybody can
// tell a node that is in line from one that has been released with an earlier round and is not woken yet,
// although the splice touched no node.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_shim::{Mutex, const_fn};

use crate::node::Links;

mod ahead;
mod house;
mod locked;
mod wake;

pub use ahead::Ahead;
pub use locked::{Glance, Locked};
pub(crate) use wake::{keep_first, pass_on};

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

    /// Whether the word says more than whether somebody waits.
    ///
    /// A policy that says `false` leaves the word alone; the queue, which changes it under its lock only, saves the
    /// read-modify-writes then.
    const OWN_BITS: bool = true;

    /// Whether a line may move to a [house](WaitQueue::house), so that whoever locks it has to ask where it is.
    #[doc(hidden)]
    const MOVES: bool = false;
}

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
        #[doc = include_str!("example_line.txt")]
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
    #[doc = include_str!("example_line.txt")]
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
        if P::MOVES && line.len == AWAY {
            return Self::follow(line);
        }
        Glance { queue: self, line }
    }

    /// As [`glance`](Self::glance), if nobody holds the lock this instant: for a `Debug` that never waits.
    pub fn try_glance(&self) -> Option<Glance<'_, P>> {
        let line = self.line.try_lock()?;
        if P::MOVES && line.len == AWAY {
            return Some(Self::follow(line));
        }
        Some(Glance { queue: self, line })
    }

    /// How many are in line.
    pub fn waiters(&self) -> usize {
        self.glance().len()
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
