use std::mem;

use crate::channel::{Channel, Finish, Shut};
use crate::store::Store;

/// How a queue is shut down.
///
/// # Examples
///
/// ```
/// use tidegate_queue::{Queue, Shutdown, TryGetError};
///
/// let queue = Queue::unbounded();
/// queue.try_put("last").unwrap();
/// queue.shutdown(Shutdown::Drain);
/// assert_eq!(queue.try_get(), Ok("last"));
/// assert_eq!(queue.try_get(), Err(TryGetError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// What is in the queue can still be got.
    Drain,
    /// What is in the queue is dropped, and counts as done.
    Immediate,
}

impl<T, S: Store<T>> Channel<T, S> {
    pub(crate) fn shutdown(&self, how: Shutdown) {
        // Dropped from the last to the first, also when a waker or an item's drop panics.
        let mut done = Finish { tasks: &self.tasks, count: 0 };
        let mut dropped = None;
        let putters = ReleasePutters { channel: self };
        let mut line = self.getters.lock();
        let state = line.policy();
        let how = match how {
            Shutdown::Drain => Shut::Drain,
            Shutdown::Immediate => Shut::Immediate,
        };
        state.shut = state.shut.max(how);
        state.limit = 0;
        if how == Shut::Immediate {
            let store = mem::replace(&mut state.store, S::EMPTY);
            done.count = store.len();
            state.taken -= store.len();
            dropped = Some(store);
        }
        line.release_all();
        drop(line);
        drop(putters);
        drop(dropped);
        drop(done);
    }

    /// Everybody who waits to put gets to know; the queue has been shut by now, so nobody comes after them.
    fn release_putters(&self) {
        let mut line = self.putters.lock();
        let mut inner = self.getters.glance();
        let state = inner.policy();
        state.take_off(mem::take(&mut line.policy().gone));
        state.short = 0;
        line.release_all();
        drop(inner);
        drop(line);
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        self.getters.glance().policy().shut != Shut::No
    }
}

/// Releases the putters in line, when dropped.
struct ReleasePutters<'a, T, S: Store<T>> {
    channel: &'a Channel<T, S>,
}

impl<T, S: Store<T>> Drop for ReleasePutters<'_, T, S> {
    fn drop(&mut self) {
        self.channel.release_putters();
    }
}
