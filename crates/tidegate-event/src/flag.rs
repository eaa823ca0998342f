use tidegate_shim::atomic::Ordering;
use tidegate_waiters::{Locked, Policy, WaitQueue};

/// The flag of a word whose only other bit is the queue's.
pub(crate) const SET: usize = 2;

/// Raises the flag, answering whether it was down; `None`, changing nothing, when somebody waits.
#[inline]
pub(crate) fn raise<P: Policy>(queue: &WaitQueue<P>) -> Option<bool> {
    let word = queue.word();
    let mut seen = word.load(Ordering::Relaxed);
    loop {
        if seen & WaitQueue::<P>::WAITERS != 0 {
            return None;
        }
        // Release: pairs with the Acquire of whoever sees the flag up.
        // Acquire: who finds it up comes after the one that raised it, who finds it down after the one that lowered it.
        match word.compare_exchange_weak(seen, SET, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(before) => return Some(before & SET == 0),
            Err(changed) => seen = changed,
        }
    }
}

/// As [`raise`], whoever waits: under the lock, so that nobody joins between the flag and what follows.
#[inline]
pub(crate) fn raise_locked<P: Policy>(line: &Locked<'_, P>) -> bool {
    // Release: as above. The lock orders it after all who came for the line, and these saw the flag down.
    line.word().fetch_or(SET, Ordering::Release) & SET == 0
}
