use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use crate::batch::fetch;
use crate::node::{Links, Node};
use crate::queue::Policy;

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
pub(super) const STRIDE: usize = 8;

/// Tells those from `2 * STRIDE` to `STRIDE` places before `last` who comes `STRIDE` places after them.
///
/// # Safety
///
/// The lock is held, `last` is in the line, and the line has that many nodes. Their notes are borrowed by nobody.
#[inline]
pub(super) unsafe fn look_ahead<P: Policy>(last: *const Links) {
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
pub(super) unsafe fn fetch_ahead<P: Policy>(node: *const Links) {
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
