// How it works
//
// A node lives in a pinned future, and while it waits other threads reach it by address. Three rules make that
// sound:
//
// 1. `next` and `prev` are read and written only under the queue's lock, or by the owner while the node is in no
//    ring.
// 2. The waker is written only by the owner, under the lock. Whoever wakes the node moves the waker out by
//    reading it, under the lock, and then publishes a state in which the field counts as empty. So the owner may
//    compare it with a new waker without the lock: its reads race only with reads.
// 3. A node's memory goes away only when its owner drops it, and the owner first takes it out of its ring under
//    the lock, unless the state says that it is in none.
//
// A ring is circular and has no head of its own; whoever owns it keeps a pointer to one of its nodes.

use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::ptr;
use std::task::Waker;

use tidegate_shim::UnsafeCell;
use tidegate_shim::atomic::{AtomicU32, Ordering};

/// Where a node is and who may touch it.
pub(crate) mod state {
    // The two in which the queue knows nothing of the node come first: one comparison tells them from the others.

    /// In no ring and never waited; the owner's alone.
    pub(crate) const FRESH: u32 = 0;
    /// In no ring, and the owner has looked; the owner's alone.
    pub(crate) const DONE: u32 = 1;
    /// In the line, or in a ring that is being released; the waker field is full.
    pub(crate) const WAITING: u32 = 2;
    /// In the line, told to decide again; the waker field is empty.
    pub(crate) const NUDGED: u32 = 3;
    /// Granted, but still in the ring of those about to be woken; the waker field is full.
    pub(crate) const LEAVING: u32 = 4;
    /// In no ring, with what it waited for; the owner's alone.
    pub(crate) const GRANTED: u32 = 5;
    /// In no ring, let go with everybody else; the owner's alone.
    pub(crate) const RELEASED: u32 = 6;
}

/// The part of a node that does not depend on what the waiter brings.
#[derive(Debug)]
pub(crate) struct Links {
    next: UnsafeCell<*const Links>,
    prev: UnsafeCell<*const Links>,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    state: AtomicU32,
    /// How many broadcasts the queue had seen when this node joined the line. Under the lock only.
    round: UnsafeCell<u32>,
    // Other threads reach into a node while its owner holds `&mut` to the future around it. `PhantomPinned`
    // takes the promise of uniqueness from that `&mut`; `UnsafePinned` will say it outright once it is stable.
    _pinned: PhantomPinned,
}

/// A waiter's node: the links first, so that a pointer to them is a pointer to the node.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Node<N> {
    pub(crate) links: Links,
    pub(crate) note: UnsafeCell<N>,
}

impl<N> Node<N> {
    #[inline]
    pub(crate) fn new(note: N) -> Self {
        Self { links: Links::new(), note: UnsafeCell::new(note) }
    }
}

impl Links {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            next: UnsafeCell::new(ptr::null()),
            prev: UnsafeCell::new(ptr::null()),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            state: AtomicU32::new(state::FRESH),
            round: UnsafeCell::new(0),
            _pinned: PhantomPinned,
        }
    }

    #[inline]
    pub(crate) fn state(&self, order: Ordering) -> u32 {
        self.state.load(order)
    }

    #[inline]
    pub(crate) fn set_state(&self, state: u32, order: Ordering) {
        self.state.store(state, order);
    }

    /// # Safety
    ///
    /// As rule 1 says for the links.
    #[inline]
    pub(crate) unsafe fn round(&self) -> u32 {
        // SAFETY: the caller's promise excludes writers; the cell holds an initialised number.
        self.round.with(|it| unsafe { *it })
    }

    /// # Safety
    ///
    /// As rule 1 says for the links.
    #[inline]
    pub(crate) unsafe fn set_round(&self, round: u32) {
        // SAFETY: the caller's promise excludes readers and writers.
        self.round.with_mut(|it| unsafe { *it = round });
    }

    /// Whether the stored waker is `waker`. Compares two pointers; follows neither.
    ///
    /// # Safety
    ///
    /// Called by the owner, after it saw a state in which the field is full.
    #[inline]
    pub(crate) unsafe fn has_waker(&self, waker: &Waker) -> bool {
        self.waker.with(|it| {
            // SAFETY: the field has been written (the caller saw it full), only the owner writes it, and reading
            // it concurrently with a notifier that moves it out is a read beside a read. Should it have been moved
            // out meanwhile, its bits are still there, and comparing them is all that happens.
            let stored = unsafe { &*it.cast::<Waker>() };
            stored.will_wake(waker)
        })
    }

    /// Fills the empty waker field.
    ///
    /// # Safety
    ///
    /// Called by the owner, under the lock, in a state in which the field is empty; a state in which it is full
    /// must follow before the lock is released.
    #[inline]
    pub(crate) unsafe fn put_waker(&self, waker: Waker) {
        self.waker.with_mut(|it| {
            // SAFETY: the lock excludes notifiers, and the owner is here.
            unsafe { it.cast::<Waker>().write(waker) };
        });
    }

    /// Moves the waker out.
    ///
    /// # Safety
    ///
    /// Called under the lock in a state in which the field is full; a state in which it is empty must follow
    /// (or a new waker be put) before the lock is released.
    #[inline]
    pub(crate) unsafe fn take_waker(&self) -> Waker {
        self.waker.with(|it| {
            // SAFETY: the field is full, and what follows makes sure that it is not read as full again.
            unsafe { it.cast::<Waker>().read() }
        })
    }

    /// The node after this one in its ring.
    ///
    /// # Safety
    ///
    /// Rule 1, and the node is in a ring.
    #[inline]
    pub(crate) unsafe fn next(&self) -> *const Links {
        // SAFETY: rule 1, by the caller's promise.
        self.next.with(|it| unsafe { *it })
    }

    /// The node before this one in its ring.
    ///
    /// # Safety
    ///
    /// Rule 1, and the node is in a ring.
    #[inline]
    pub(crate) unsafe fn prev(&self) -> *const Links {
        // SAFETY: rule 1, by the caller's promise.
        self.prev.with(|it| unsafe { *it })
    }

    /// Makes `second` follow `first`.
    ///
    /// # Safety
    ///
    /// Both are alive, and rule 1 holds for both.
    #[inline]
    unsafe fn tie(first: *const Links, second: *const Links) {
        // SAFETY: alive, by the caller's promise.
        let one = unsafe { &*first };
        // SAFETY: rule 1, by the caller's promise.
        one.next.with_mut(|it| unsafe { *it = second });
        // SAFETY: alive, by the caller's promise.
        let two = unsafe { &*second };
        // SAFETY: rule 1, by the caller's promise.
        two.prev.with_mut(|it| unsafe { *it = first });
    }

    /// Makes `node` a ring of one.
    ///
    /// By pointer, so that what the ring remembers leads to the whole node and not to its links alone.
    ///
    /// # Safety
    ///
    /// The node is alive and in no ring; the lock is held or the node is the caller's alone.
    #[inline]
    pub(crate) unsafe fn close(node: *const Links) {
        // SAFETY: the caller's promise.
        unsafe { Self::tie(node, node) };
    }

    /// Joins two rings: all of `ring`'s nodes, in their order, come to stand just before `at`.
    ///
    /// # Safety
    ///
    /// The lock is held, both are in rings, in two different ones, and all nodes of both rings are alive.
    #[inline]
    pub(crate) unsafe fn join(at: *const Links, ring: *const Links) {
        // SAFETY: alive, by the caller's promise.
        let first = unsafe { &*at };
        // SAFETY: in a ring, under the lock.
        let last = unsafe { first.prev() };
        // SAFETY: alive, by the caller's promise.
        let ring_first = unsafe { &*ring };
        // SAFETY: in a ring, under the lock.
        let ring_last = unsafe { ring_first.prev() };
        // SAFETY: both are nodes of these rings.
        unsafe { Self::tie(last, ring) };
        // SAFETY: both are nodes of these rings.
        unsafe { Self::tie(ring_last, at) };
    }

    /// Takes this node out of its ring; returns the node that followed it, or null if it was alone.
    ///
    /// # Safety
    ///
    /// The lock is held, and the node is in a ring whose nodes are alive.
    pub(crate) unsafe fn unlink(&self) -> *const Links {
        // SAFETY: the node is in a ring, under the lock.
        let next = unsafe { self.next() };
        if ptr::eq(next, self) {
            return ptr::null();
        }
        // SAFETY: the node is in a ring, under the lock.
        let prev = unsafe { self.prev() };
        // SAFETY: the neighbours are nodes of the same ring.
        unsafe { Self::tie(prev, next) };
        next
    }
}
