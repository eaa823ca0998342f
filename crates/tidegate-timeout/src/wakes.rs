use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

use crate::discard::discard;

/// Wakers collected under a lock, to be woken when it is released.
#[derive(Debug, Default)]
pub(crate) struct Wakes(Vec<Waker>);

impl Wakes {
    pub(crate) fn push(&mut self, waker: Waker) {
        self.0.push(waker);
    }

    /// Wakes them all; the first panic goes on once everybody was woken.
    pub(crate) fn wake(self) {
        let mut panicked = None;
        for waker in self.0 {
            match (catch_unwind(AssertUnwindSafe(|| waker.wake())), &panicked) {
                (Err(panic), None) => panicked = Some(panic),
                (Err(panic), Some(_)) => discard(panic),
                (Ok(()), _) => {}
            }
        }
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }
}
