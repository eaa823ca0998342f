use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tidegate_waiters::{Decision, Glance, Locked, Turn, Waiter};

use crate::channel::{Channel, Handed, Items, Shut, Slots};
use crate::error::{Closed, TryPutError};
use crate::store::Store;

/// What became of a putter that looked for room.
enum Look {
    Reserved,
    Closed,
}

impl<T, S: Store<T>> Channel<T, S> {
    /// Puts what is in `item`, if it can be done now; if not, it is still there.
    ///
    /// If a comparison panics, nothing has changed.
    // Always: some forty instructions that are the whole operation, and the call would be a fifth of it.
    #[inline(always)]
    fn offer(&self, item: &mut Option<T>) -> Result<(), Refused> {
        self.offer_under(self.getters.glance(), item)
    }

    #[inline(always)]
    fn offer_under(
        &self,
        mut line: Glance<'_, Items<T, S>>,
        item: &mut Option<T>,
    ) -> Result<(), Refused> {
        if !line.is_empty() || !line.policy().has_room() {
            return self.offer_in_line(line, item);
        }
        let state = line.policy();
        state.store.push(item);
        state.taken += 1;
        self.tasks.add();
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn offer_in_line(
        &self,
        mut line: Glance<'_, Items<T, S>>,
        item: &mut Option<T>,
    ) -> Result<(), Refused> {
        let state = line.policy();
        if state.shut != Shut::No {
            return Err(Refused::Closed);
        }
        if !state.has_room() {
            return Err(Refused::Full);
        }
        let mut line = line.stay();
        self.hand(&mut line, item);
        Ok(())
    }

    /// Gives the item to the first getter in line.
    fn hand(&self, line: &mut Locked<'_, Items<T, S>>, item: &mut Option<T>) {
        let age = line.policy().store.pass();
        if let Some(note) = line.front_mut() {
            *note = item.take().map(|item| Handed { item, age });
        }
        // Before the grant: whoever is granted may have done it already when this goes on, without the lock.
        self.tasks.add();
        line.grant_front();
    }

    // Always: as `offer`, which it repeats for a store that cannot panic, so that the item needs no place to return to.
    #[inline(always)]
    pub(crate) fn try_put(&self, mut item: T) -> Result<(), TryPutError<T>> {
        let mut line = self.getters.glance();
        if line.is_empty() && line.policy().has_room() {
            let state = line.policy();
            match state.store.push_simply(item) {
                Ok(()) => {
                    state.taken += 1;
                    self.tasks.add();
                    return Ok(());
                }
                Err(back) => item = back,
            }
        }
        self.try_put_in_line(line, item)
    }

    #[inline(never)]
    fn try_put_in_line(
        &self,
        line: Glance<'_, Items<T, S>>,
        item: T,
    ) -> Result<(), TryPutError<T>> {
        let mut item = Some(item);
        self.offer_under(line, &mut item).map_err(|refused| match refused {
            Refused::Full => TryPutError::Full(kept(&mut item)),
            Refused::Closed => TryPutError::Closed(kept(&mut item)),
        })
    }

    /// One poll of a `put` future.
    #[inline]
    pub(crate) fn poll_put<O>(
        &self,
        waiter: Pin<&mut Waiter<Slots, O>>,
        item: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Closed<T>>> {
        // One that is ready without having waited is left as it is: without its item, it says enough.
        assert!(item.is_some(), "polled after it was ready");
        if waiter.is_fresh() {
            match self.offer(item) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Refused::Closed) => return Poll::Ready(Err(Closed(kept(item)))),
                Err(Refused::Full) => {}
            }
        }
        self.poll_for_slot(waiter, item, cx)
    }

    #[cold]
    fn poll_for_slot<O>(
        &self,
        waiter: Pin<&mut Waiter<Slots, O>>,
        item: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Closed<T>>> {
        // Asked once: the word of this line changes under its lock only.
        let turn = ready!(waiter.poll(cx, |_line, _word| {
            let mut inner = self.getters.glance();
            let state = inner.policy();
            if state.shut != Shut::No {
                Decision::Ready(Look::Closed)
            } else if state.has_room() {
                state.reserved += 1;
                state.taken += 1;
                Decision::Ready(Look::Reserved)
            } else {
                state.short += 1;
                Decision::Wait
            }
        }));
        Poll::Ready(match turn {
            Turn::Decided(Look::Reserved) | Turn::Granted => self.fill(item),
            Turn::Decided(Look::Closed) | Turn::Released => Err(Closed(kept(item))),
        })
    }

    /// Puts what is in `item` into a slot that is reserved for it.
    fn fill(&self, item: &mut Option<T>) -> Result<(), Closed<T>> {
        // Whatever panics below, a comparison or a getter's waker: the slot is given back, or what is owed is settled.
        let mut after = After { channel: self, reserved: true, settle: false };
        let mut line = self.getters.lock();
        if line.policy().shut != Shut::No {
            return Err(Closed(kept(item)));
        }
        if line.is_empty() {
            let state = line.policy();
            state.store.push(item);
            state.reserved -= 1;
            after.reserved = false;
            self.tasks.add();
        } else {
            self.hand(&mut line, item);
            let state = line.policy();
            state.reserved -= 1;
            state.taken -= 1;
            after.reserved = false;
            after.settle = state.owe();
        }
        Ok(())
    }

    /// Leaves a `put` future's line.
    #[inline]
    pub(crate) fn leave_put<O>(&self, waiter: Pin<&mut Waiter<Slots, O>>) {
        if waiter.is_waiting() {
            // Also if a waker panics in `leave`.
            let _after = After { channel: self, reserved: false, settle: true };
            waiter.leave();
        }
    }
}

/// Why nothing was put.
enum Refused {
    Full,
    Closed,
}

#[inline]
fn kept<T>(item: &mut Option<T>) -> T {
    item.take().expect("what was not put is still here")
}

/// What a putter leaves to do when it is through, in whatever way.
struct After<'a, T, S: Store<T>> {
    channel: &'a Channel<T, S>,
    /// A slot is reserved for it.
    reserved: bool,
    /// Somebody else is owed one.
    settle: bool,
}

impl<T, S: Store<T>> Drop for After<'_, T, S> {
    fn drop(&mut self) {
        if self.reserved {
            let mut line = self.channel.getters.glance();
            let state = line.policy();
            state.reserved -= 1;
            state.taken -= 1;
            self.settle |= state.owe();
        }
        if self.settle {
            self.channel.settle();
        }
    }
}
