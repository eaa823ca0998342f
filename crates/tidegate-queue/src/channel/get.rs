use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tidegate_waiters::{Decision, Glance, Turn, Waiter};

use crate::channel::{Channel, Finish, Items, Shut};
use crate::error::{Closed, TryGetError};
use crate::store::Store;

impl<T, S: Store<T>> Channel<T, S> {
    // Always: as `offer`.
    #[inline(always)]
    pub(crate) fn try_get(&self) -> Result<T, TryGetError> {
        let mut line = self.getters.glance();
        let state = line.policy();
        let Some(item) = state.store.pop() else {
            return Err(state.why_empty());
        };
        state.taken -= 1;
        if state.short > 0 {
            self.serve_putters(line);
        }
        Ok(item)
    }

    /// A slot has become free while putters are in line.
    ///
    /// A panic of a waker of theirs would lose the item that the caller holds: the item goes before it.
    #[cold]
    #[inline(never)]
    fn serve_putters(&self, mut line: Glance<'_, Items<T, S>>) {
        if line.policy().owe() {
            drop(line);
            self.settle_calmly();
        }
    }

    /// One poll of a `get` future.
    #[inline]
    pub(crate) fn poll_get<O>(
        &self,
        mut waiter: Pin<&mut Waiter<Items<T, S>, O>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, Closed>> {
        let got = waiter.as_mut().finish_with(|_| match self.try_get() {
            Ok(item) => Some(Ok(item)),
            Err(TryGetError::Empty) => None,
            Err(TryGetError::Closed) => Some(Err(Closed(()))),
        });
        match got {
            Some(result) => Poll::Ready(result),
            None => self.poll_for_item(waiter, cx),
        }
    }

    #[inline]
    fn poll_for_item<O>(
        &self,
        mut waiter: Pin<&mut Waiter<Items<T, S>, O>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, Closed>> {
        let turn = ready!(waiter.as_mut().poll(cx, |line, _word| {
            let state = line.policy();
            match state.store.pop() {
                Some(item) => {
                    state.taken -= 1;
                    Decision::Ready(Some((item, state.owe())))
                }
                None if state.shut != Shut::No => Decision::Ready(None),
                None => Decision::Wait,
            }
        }));
        Poll::Ready(match turn {
            Turn::Granted => {
                let handed = waiter.note_mut().and_then(Option::take);
                Ok(handed.expect("a getter is granted an item").item)
            }
            Turn::Decided(Some((item, settle))) => {
                if settle {
                    self.settle_calmly();
                }
                Ok(item)
            }
            Turn::Decided(None) => Err(Closed(())),
            // Another getter may have been dropped since, and what had been handed to it has come back.
            Turn::Released => self.try_get().map_err(|_| Closed(())),
        })
    }

    /// Leaves a `get` future's line.
    #[inline]
    pub(crate) fn leave_get<O>(&self, mut waiter: Pin<&mut Waiter<Items<T, S>, O>>) {
        if waiter.is_waiting() {
            waiter.as_mut().leave();
            // It is still here if the queue was shut down at once: it is dropped, and then it is done.
            if let Some(handed) = waiter.note_mut().and_then(Option::take) {
                let _done = Finish { tasks: &self.tasks, count: 1 };
                drop(handed);
            }
        }
    }
}
