// How it works
//
// A queue whose line is `AWAY` keeps a share of the queue on the heap where the line is, in the place of the first in
// line. It never comes back, so whoever borrows the queue may follow that pointer.

use std::ptr;
use std::sync::Arc;

use tidegate_shim::MutexGuard;
use tidegate_shim::atomic::Ordering;

use crate::node::Links;
use crate::queue::{AWAY, Glance, Line, Policy, WaitQueue};

impl<P: Policy> WaitQueue<P> {
    /// Moves the line and the word to a queue on the heap, where whoever locks this one finds them from then on; or
    /// answers where they are already. The word here stays `shut`.
    ///
    /// For somebody who has to reach the line without being sure that this queue stays in its place: a borrow ends when
    /// the future that holds it is leaked, and what was borrowed may be dropped, or moved without a word.
    ///
    /// For policies that let one waiter go at a time: none may be in a ring that is being woken.
    ///
    /// # Safety
    ///
    /// As [`home`](Self::home).
    #[inline]
    pub(crate) unsafe fn house(&self, shut: usize, policy: P) -> Arc<Self> {
        // SAFETY: the caller's promise.
        match unsafe { self.address(shut) } {
            // SAFETY: a line that is away keeps a share of its house until its queue is done with it.
            Some(house) => unsafe { Self::share(house) },
            None => self.move_to_house(shut, policy),
        }
    }

    #[cold]
    #[inline(never)]
    fn move_to_house(&self, shut: usize, policy: P) -> Arc<Self> {
        const { assert!(P::MOVES, "whoever locks the line would not look for its house") };
        let line = self.line.lock();
        if line.len == AWAY {
            // SAFETY: as in `house`.
            return unsafe { Self::share(line.first.cast::<Self>()) };
        }
        drop(line);
        let house = Arc::new(Self::new(0, policy));
        let mut line = self.line.lock();
        if line.len == AWAY {
            // SAFETY: as in `house`.
            return unsafe { Self::share(line.first.cast::<Self>()) };
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
    #[inline]
    pub(crate) unsafe fn home(&self, shut: usize) -> Option<&Self> {
        // SAFETY: the caller's promise.
        let house = unsafe { self.address(shut) }?;
        // SAFETY: a line that is away keeps a share of its house until its queue is done with it.
        Some(unsafe { &*house })
    }

    /// As [`home`](Self::home), as the share that is there has it.
    ///
    /// # Safety
    ///
    /// As `home`.
    #[inline]
    unsafe fn address(&self, shut: usize) -> Option<*const Self> {
        // Acquire: pairs with the Release in `move_to_house`.
        if self.word.load(Ordering::Acquire) & shut != shut {
            return None;
        }
        let line = self.line.data_ptr();
        // SAFETY: by the caller's promise the line is away, and nobody writes to it while the queue is borrowed.
        Some(unsafe { (*line).first }.cast::<Self>())
    }

    /// One more share of a house.
    ///
    /// # Safety
    ///
    /// There is one, and it was `house` that it was made of.
    #[inline]
    unsafe fn share(house: *const Self) -> Arc<Self> {
        // SAFETY: the caller's promise.
        unsafe { Arc::increment_strong_count(house) };
        // SAFETY: the share was just made.
        unsafe { Arc::from_raw(house) }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn follow<'q>(line: MutexGuard<'q, Line<P>>) -> Glance<'q, P> {
        let house = line.first.cast::<Self>();
        drop(line);
        // SAFETY: a line that is away keeps a share of its house until its queue is done with it, and that queue is
        // borrowed here.
        let house: &'q Self = unsafe { &*house };
        Glance { queue: house, line: house.line.lock() }
    }
}
