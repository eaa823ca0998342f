// How it works
//
//     word: [ spare slots, signed | IDLERS | ROOM | WAITERS ]     beside it: total, peak
//
// The peak is the most slots that were ever out at once. The word counts how many of those may still be taken:
//
//     spare = min(total, peak) - borrowed
//
// As long as there are any, a slot is taken and given back by one compare-exchange on the word, and neither the
// total nor the peak is looked at or changed. A slot beyond the peak, which `ROOM` says that the total allows, is
// taken under the lock and raises the peak. So the peak is exact and costs nothing: each of its values is paid
// for once. A total that is lowered below what is out makes `spare` negative: a debt, which those who give back pay
// off before anybody is served.
//
// The total and the peak change under the lock only, in one step with the word. So whoever holds the lock reads
// from the word how many slots are out, and whenever the lock is free,
//
//     somebody is in line  =>  spare <= 0 and not ROOM
//
// Nobody changes `spare` without the lock while somebody is in line. Whoever serves the line goes from the front
// for as long as there is a spare one; that is the only place where a waiter is given a slot.
//
// Those who wait until all is given back stand in a line of their own, whose word counts how often that was so.
// `IDLERS` says that there are such, and sends whoever gives back to the lock. The two locks are nested one way only,
// the main one inside: whoever finds that nothing is out says so to the other line after the main lock is gone.

use tidegate_shim::atomic::Ordering;
use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue};

use crate::limiter::CapacityLimiter;

const WAITERS: usize = WaitQueue::<Seats>::WAITERS;
/// The total allows more than were ever out at once.
const ROOM: usize = 2;
/// Somebody waits until nothing is out.
const IDLERS: usize = 4;
const SHIFT: u32 = 3;
/// One slot, as the word counts it.
const ONE: usize = 1 << SHIFT;
/// More than this are never out at once, whatever the total.
const MOST: usize = isize::MAX as usize >> SHIFT;

/// In the word of those who wait until nothing is out: one more time that it was so.
const ONCE: usize = 2;

/// The word of a limiter that is new.
pub(super) const fn first(total: usize) -> usize {
    if total > 0 { ROOM } else { 0 }
}

/// The policy of those who wait for a slot.
pub(crate) struct Seats;

impl Policy for Seats {
    type Note = ();

    fn left(line: &mut Locked<'_, Self>, (): &mut (), left: Left) {
        // It was promised a slot and never looked: it goes on. One that only waited changes nothing by leaving.
        if left == Left::Granted {
            line.word().fetch_add(ONE, Ordering::Release);
            serve(line);
        }
    }
}

/// The policy of those who wait until nothing is out.
pub(crate) struct Idlers;

impl Policy for Idlers {
    /// How often nothing had been out when it joined.
    type Note = usize;

    fn left(_line: &mut Locked<'_, Self>, _round: &mut usize, _left: Left) {}
}

impl CapacityLimiter {
    #[inline]
    pub(crate) fn queue(&self) -> &WaitQueue<Seats> {
        &self.queue
    }

    #[inline]
    pub(crate) fn idle(&self) -> &WaitQueue<Idlers> {
        &self.idle
    }

    /// Counts a slot that somebody has in their hands now.
    #[inline]
    pub(crate) fn count_granted(&self) {
        self.granted.fetch_add(1, Ordering::Relaxed);
    }

    /// Says a new total, and serves the line with what there is room for now.
    pub(super) fn change_total(&self, total: usize) {
        let mut line = self.queue.lock();
        let peak = self.peak.load(Ordering::Relaxed);
        let limit = total.min(MOST);
        let mut seen = line.word().load(Ordering::Relaxed);
        let peak = loop {
            let borrowed = self.borrowed_in(seen);
            // Whom there is room for now will all be inside at once.
            let let_in = line.len().min(limit.saturating_sub(borrowed));
            let peak = peak.max(borrowed + let_in);
            let spare = (limit.min(peak) as isize) - (borrowed as isize);
            let room = if peak < limit { ROOM } else { 0 };
            let next = (spare << SHIFT) as usize | room | seen & (WAITERS | IDLERS);
            // Relaxed: nothing is taken or given here. The line is served by a read-modify-write of its own.
            match line.word().compare_exchange_weak(
                seen,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break peak,
                Err(changed) => seen = changed,
            }
        };
        self.total.store(total, Ordering::Relaxed);
        self.peak.store(peak, Ordering::Relaxed);
        serve(&mut line);
    }

    /// How many slots were out when the word was `seen`; under the lock.
    pub(super) fn borrowed_in(&self, seen: usize) -> usize {
        let level = self.total().min(MOST).min(self.peak.load(Ordering::Relaxed));
        level.saturating_add_signed(-spare(seen))
    }

    /// The fast path: one compare-exchange, while nobody waits and no more are out than ever.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        let word = self.queue.word();
        let seen = word.load(Ordering::Relaxed);
        if seen & WAITERS == 0 && seen as isize >= ONE as isize {
            // Acquire: pairs with the Release of whoever gave this slot back.
            let swapped =
                word.compare_exchange(seen, seen - ONE, Ordering::Acquire, Ordering::Relaxed);
            if swapped.is_ok() {
                return true;
            }
        }
        self.try_take_again()
    }

    /// As `try_take`, when the first look at the word did not suffice.
    #[cold]
    #[inline(never)]
    fn try_take_again(&self) -> bool {
        let word = self.queue.word();
        let mut seen = word.load(Ordering::Relaxed);
        while seen & WAITERS == 0 {
            if spare(seen) <= 0 {
                if seen & ROOM == 0 {
                    return false;
                }
                return self.try_take_locked();
            }
            // Acquire: as above.
            match word.compare_exchange_weak(seen, seen - ONE, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(changed) => seen = changed,
            }
        }
        false
    }

    fn try_take_locked(&self) -> bool {
        let mut line = self.queue.lock();
        loop {
            let seen = line.word().load(Ordering::Relaxed);
            match self.decide(&mut line, seen) {
                Decision::Ready(()) => return true,
                Decision::Retry => {}
                Decision::Wait | Decision::WaitInOrder => return false,
            }
        }
    }

    /// Under the lock: takes a slot for a newcomer, if nobody is in line, there is one, and the word is still `seen`.
    pub(crate) fn decide(&self, line: &mut Locked<'_, Seats>, seen: usize) -> Decision<()> {
        if !line.is_empty() {
            return Decision::Wait;
        }
        let peak = self.peak.load(Ordering::Relaxed);
        let (next, peak) = if spare(seen) > 0 {
            (seen - ONE, peak)
        } else if seen & ROOM != 0 {
            // As many are out as ever, so one more is a new peak: there is one more to be out, and it is.
            let peak = peak + 1;
            (if peak < self.total().min(MOST) { seen } else { seen & !ROOM }, peak)
        } else {
            return Decision::Wait;
        };
        // Acquire: pairs with the Release of whoever gave this slot back. It is also what makes sure that a new peak is
        // one: nobody gave anything back since the word was looked at.
        match line.word().compare_exchange(seen, next, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => {
                self.peak.store(peak, Ordering::Relaxed);
                Decision::Ready(())
            }
            Err(_) => Decision::Retry,
        }
    }

    /// Takes a slot back.
    #[inline]
    pub(crate) fn give_back(&self) {
        let word = self.queue.word();
        let seen = word.load(Ordering::Relaxed);
        if seen & (WAITERS | IDLERS) == 0 {
            // Release: pairs with the Acquire of whoever takes this slot, or hears that none is out.
            let next = seen.wrapping_add(ONE);
            if word.compare_exchange(seen, next, Ordering::Release, Ordering::Relaxed).is_ok() {
                return;
            }
        }
        self.give_back_again();
    }

    /// As `give_back`, when the first look at the word did not suffice.
    #[cold]
    #[inline(never)]
    fn give_back_again(&self) {
        let word = self.queue.word();
        let mut seen = word.load(Ordering::Relaxed);
        while seen & (WAITERS | IDLERS) == 0 {
            let next = seen.wrapping_add(ONE);
            // Release: as above.
            match word.compare_exchange_weak(seen, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
        self.give_back_locked(ONE);
    }

    /// Takes `slots` back, as the word counts them, serves the line, and tells who waits until none is out if so.
    fn give_back_locked(&self, slots: usize) {
        // Dropped after the lock, also when somebody's waker panics.
        let mut tell = TellIdlers(None);
        let mut line = self.queue.lock();
        line.word().fetch_add(slots, Ordering::Release);
        serve(&mut line);
        let mut seen = line.word().load(Ordering::Relaxed);
        while seen & IDLERS != 0 && self.borrowed_in(seen) == 0 {
            // Acquire: collects what all did who gave back, also without the lock and before `IDLERS` was set; the news
            // passes it on.
            match line.word().compare_exchange_weak(
                seen,
                seen & !IDLERS,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    // Release: pairs with the Acquire of whoever tells of it; not always this one, see `TellIdlers`.
                    self.idle.word().fetch_add(ONCE, Ordering::Release);
                    tell.0 = Some(&self.idle);
                    break;
                }
                Err(changed) => seen = changed,
            }
        }
    }

    /// After a future that may have given back a slot which it never looked at.
    #[inline]
    pub(crate) fn after_leaving(&self) {
        if self.queue.word().load(Ordering::Relaxed) & IDLERS != 0 {
            self.give_back_locked(0);
        }
    }

    /// Under the lock of the idlers' line: what becomes of somebody who waits until no slot is out.
    ///
    /// If some are, whoever gives back knows from now on that it is waited for.
    pub(crate) fn decide_idle(&self, line: &mut Locked<'_, Idlers>, idlers: usize) -> Decision<()> {
        if let Some(round) = line.note() {
            *round = idlers / ONCE;
        }
        let main = self.queue.lock();
        // Acquire, here and below: pairs with the Release of whoever gave back the last slot without the lock.
        let mut seen = main.word().load(Ordering::Acquire);
        while self.borrowed_in(seen) > 0 {
            // If nothing is out after this, the idlers' word changes, and this is asked again before it waits.
            match main.word().compare_exchange_weak(
                seen,
                seen | IDLERS,
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => return Decision::Wait,
                Err(changed) => seen = changed,
            }
        }
        Decision::Ready(())
    }

    /// After somebody who waited until no slot is out: the last one lets those who give back go their fast way again.
    #[inline]
    pub(crate) fn after_idling(&self) {
        if self.queue.word().load(Ordering::Relaxed) & IDLERS != 0 {
            self.forget_idlers();
        }
    }

    #[cold]
    fn forget_idlers(&self) {
        let line = self.idle.lock();
        if line.is_empty() {
            // Under the idlers' lock, so that nobody joins in between.
            self.queue.word().fetch_and(!IDLERS, Ordering::Relaxed);
        }
    }
}

/// Tells those who wait until no slot is out that it was so, when dropped.
struct TellIdlers<'a>(Option<&'a WaitQueue<Idlers>>);

impl Drop for TellIdlers<'_> {
    fn drop(&mut self) {
        let Some(idle) = self.0 else { return };
        let mut line = idle.lock();
        // Who joined since waits for the next time. Acquire: that may have been meanwhile, for another to tell of.
        let round = line.word().load(Ordering::Acquire) / ONCE;
        while line.front().is_some_and(|it| *it != round) {
            line.grant_front();
        }
    }
}

/// How many more slots may be taken without a new peak; negative when more are out than the total allows.
#[inline]
fn spare(word: usize) -> isize {
    word as isize >> SHIFT
}

/// Serves the line from the front for as long as there is a spare slot.
fn serve(line: &mut Locked<'_, Seats>) {
    // With somebody in line the number changes under the lock only, so what was seen is still there.
    while !line.is_empty() && spare(line.word().load(Ordering::Relaxed)) > 0 {
        // Acquire: collects what those who gave these slots back did before; the grant passes it on.
        line.word().fetch_sub(ONE, Ordering::Acquire);
        line.grant_front();
    }
}
