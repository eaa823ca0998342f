use std::any::Any;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// How many tasks are woken between two looks at the line.
///
/// Two under the model checkers, so that a model of three waiters has a second batch.
pub(crate) const BATCH: usize = if cfg!(any(tidegate_loom, tidegate_shuttle)) { 2 } else { 32 };

/// Wakers that were collected under the lock, to be woken after it.
pub(crate) struct WakeBatch {
    len: usize,
    // The first `len` are full.
    wakers: [MaybeUninit<Waker>; BATCH],
}

/// What a waker that panicked left behind.
pub(crate) type Panic = Box<dyn Any + Send>;

impl WakeBatch {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { len: 0, wakers: [const { MaybeUninit::uninit() }; BATCH] }
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.len == BATCH
    }

    #[inline]
    pub(crate) fn push(&mut self, waker: Waker) {
        self.wakers[self.len].write(waker);
        self.len += 1;
    }

    /// Wakes all of them, whatever the wakers do, and empties the batch.
    ///
    /// Returns the first panic; a waker that panics keeps nobody else asleep.
    #[must_use = "a waker's panic belongs to whoever made it wake"]
    pub(crate) fn wake_all(&mut self) -> Option<Panic> {
        let mut first = None;
        let mut next = 0;
        let end = std::mem::take(&mut self.len);
        while next < end {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                while next < end {
                    // SAFETY: the slot is one of the first `len`, and `next` moves past it before anything can
                    // unwind, so it is read once.
                    let waker = unsafe { self.wakers[next].assume_init_read() };
                    next += 1;
                    waker.wake();
                }
            }));
            if let Err(panic) = outcome {
                match first {
                    None => first = Some(panic),
                    // Dropping a second payload could panic in its turn; it is not worth an abort.
                    Some(_) => std::mem::forget(panic),
                }
            }
        }
        first
    }
}

impl Drop for WakeBatch {
    fn drop(&mut self) {
        // Only non-empty when somebody unwound between collecting and waking.
        if let Some(panic) = self.wake_all() {
            std::mem::forget(panic);
        }
    }
}

/// Has what is at `address` brought near. A hint: nothing is read, and the address may lead nowhere.
#[inline]
pub(crate) fn fetch<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: it follows no pointer; every processor of this kind has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast::<i8>()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
