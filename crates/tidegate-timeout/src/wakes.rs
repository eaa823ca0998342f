use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::Waker;

use crate::discard::discard;
use crate::resident::Audience;

/// Wakers collected under a lock, to be woken when it is released; and whole audiences, to be told then.
#[derive(Default)]
pub(crate) struct Wakes {
    wakers: Vec<Waker>,
    audiences: Vec<Arc<dyn Audience>>,
}

impl Wakes {
    pub(crate) fn push(&mut self, waker: Waker) {
        self.wakers.push(waker);
    }

    pub(crate) fn push_audience(&mut self, audience: Arc<dyn Audience>) {
        self.audiences.push(audience);
    }

    /// Wakes them all; the first panic goes on once everybody was woken.
    pub(crate) fn wake(self) {
        let mut panicked = None;
        let wakers = self.wakers.into_iter().map(|waker| catch(|| waker.wake()));
        let audiences = self.audiences.into_iter().map(|audience| catch(|| audience.tell()));
        for woken in wakers.chain(audiences) {
            match (woken, &panicked) {
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

fn catch(wake: impl FnOnce()) -> std::thread::Result<()> {
    catch_unwind(AssertUnwindSafe(wake))
}
