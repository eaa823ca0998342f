// How it works
//
// In three steps. Under the lock, a node moves from the line to the ring `leaving` (one node when it is granted, the
// whole ring in one splice when everybody is released). Still under the lock, up to a batch of them are taken out of
// that ring, their wakers moved out, their states published. After the lock, they are woken. While there are more, the
// lock is taken again for the next batch. Nodes in `leaving` may be cancelled meanwhile: their owner unlinks them under
// the lock; a sentinel on the waking thread's stack keeps the ring reachable whoever leaves it.

use std::mem::ManuallyDrop;
use std::pin::pin;
use std::ptr;
use std::task::Waker;

use tidegate_shim::MutexGuard;
use tidegate_shim::atomic::Ordering;

use crate::batch::{Panic, WakeBatch, fetch};
use crate::node::{Links, state};
use crate::queue::ahead::fetch_ahead;
use crate::queue::{Line, Locked, Policy};

impl<'q, P: Policy> Locked<'q, P> {
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
    pub(super) fn publish(node: &Links) -> Option<Waker> {
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
                unsafe { fetch_ahead::<P>(next) };
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
