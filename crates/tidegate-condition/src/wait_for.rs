// How it works
//
//     asked:    `guard` is there                      the lock is held
//     waiting:  `wait` is there                       the lock is held by others, or handed over and not looked at
//     ended:    neither                               ready, or the predicate panicked
//
// While the predicate runs the guard is out of the future, so that a panic gives the lock back there and then.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::condition::Condition;
use crate::guard::Guard;

pin_project! {
    /// The future of [`Condition::wait_for`] and [`Condition::wait_for_owned`].
    #[must_use = "dropping it gives the lock back, and waits for nothing"]
    pub struct WaitForFut<'c, G: Guard, F> {
        condition: &'c Condition,
        ready: F,
        guard: Option<G>,
        #[pin]
        wait: Option<G::Wait<'c>>,
    }
}

impl<'c, G: Guard, F> WaitForFut<'c, G, F> {
    #[inline]
    pub(crate) fn new(condition: &'c Condition, guard: G, ready: F) -> Self {
        Self { condition, ready, guard: Some(guard), wait: None }
    }
}

impl<G: Guard, F: FnMut(&mut G::Target) -> bool> Future for WaitForFut<'_, G, F> {
    type Output = G;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let mut this = self.project();
        loop {
            if let Some(wait) = this.wait.as_mut().as_pin_mut() {
                let guard = ready!(wait.poll(cx));
                *this.guard = Some(guard);
                this.wait.set(None);
            }
            let mut guard = this.guard.take().expect("polled after it was ready");
            if (this.ready)(&mut guard) {
                return Poll::Ready(guard);
            }
            this.wait.set(Some(guard.wait(this.condition)));
        }
    }
}

impl<G: Guard, F> fmt::Debug for WaitForFut<'_, G, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (&self.guard, &self.wait) {
            (Some(_), _) => "not asked yet",
            (None, Some(_)) => "waiting",
            (None, None) => "ended",
        };
        f.debug_struct("WaitForFut").field("state", &state).finish_non_exhaustive()
    }
}
