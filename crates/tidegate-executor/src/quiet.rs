use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f`; a panic has been reported by the panic hook and goes no further.
///
/// For users' code (a destructor, a waker) that runs where nobody could catch its panic: on a pool's
/// thread, or between two jobs that are both to be dropped.
pub(crate) fn quietly(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Drops what a panic carried, which may panic in turn.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // Whoever panics while a panic's payload is dropped does it for sport: let it be.
        std::mem::forget(again);
    }
}
