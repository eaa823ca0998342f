use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::task::{Context, Poll, Waker};

use tidegate_shim::atomic::Ordering;

use crate::node::{Node, state};
use crate::queue::{Left, Locked, Policy, WaitQueue};
use crate::waiter::{Decision, Turn};

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
        if !P::OWN_BITS {
            // Nobody else sets the bit, and there are no others.
            line.word().store(word | WaitQueue::<P>::WAITERS, Ordering::Relaxed);
            return Ok(());
        }
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
