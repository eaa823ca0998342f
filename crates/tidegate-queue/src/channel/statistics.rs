use std::fmt;

use crate::channel::{Channel, Shut};
use crate::store::{Priority, Store};

/// What a queue looks like, for a log line or a gauge.
///
/// # Examples
///
/// ```
/// use tidegate_queue::Queue;
///
/// let queue = Queue::bounded(8);
/// queue.try_put('a').unwrap();
/// let statistics = queue.statistics();
/// assert_eq!((statistics.len, statistics.capacity, statistics.unfinished), (1, Some(8), 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStatistics {
    /// Items that are there.
    pub len: usize,
    /// How many there may be, if there is a limit.
    pub capacity: Option<usize>,
    /// Slots that were granted to putters who have not filled them yet.
    pub reserved: usize,
    /// Tasks and threads that wait to get.
    pub getters: usize,
    /// Tasks and threads that wait to put.
    pub putters: usize,
    /// Tasks and threads that wait in `join`.
    pub joiners: usize,
    /// Items that were put and not yet said to be done.
    pub unfinished: usize,
    /// Whether the queue is shut down.
    pub shut_down: bool,
}

impl<T, S: Store<T>> Channel<T, S> {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.getters.glance().policy().store.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        let mut line = self.getters.glance();
        let state = line.policy();
        state.taken >= state.capacity
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        limit(self.getters.glance().policy().capacity)
    }

    pub(crate) fn waiters(&self) -> usize {
        let mut line = self.getters.glance();
        let waiting = line.len() + line.policy().putters();
        drop(line);
        waiting + self.tasks.waiting()
    }

    pub(crate) fn statistics(&self) -> QueueStatistics {
        let joiners = self.tasks.waiting();
        let mut line = self.getters.glance();
        let getters = line.len();
        let state = line.policy();
        QueueStatistics {
            len: state.store.len(),
            capacity: limit(state.capacity),
            reserved: state.reserved + state.owed,
            getters,
            putters: state.short,
            joiners,
            unfinished: self.tasks.unfinished(),
            shut_down: state.shut != Shut::No,
        }
    }

    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The numbers first: what they are written to is foreign code.
        let seen = self.getters.try_glance().map(|mut line| {
            let getters = line.len();
            let state = line.policy();
            let shut_down = state.shut != Shut::No;
            (state.store.len(), limit(state.capacity), getters, state.putters(), shut_down)
        });
        let mut out = f.debug_struct(name);
        if let Some((len, capacity, getters, putters, shut_down)) = seen {
            out.field("len", &len).field("capacity", &capacity);
            out.field("getters", &getters).field("putters", &putters);
            out.field("shut_down", &shut_down);
        } else {
            out.field("len", &format_args!("<locked>"));
        }
        out.field("unfinished", &self.tasks.unfinished()).finish_non_exhaustive()
    }
}

impl<T, S: Store<T>> fmt::Debug for Channel<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug("Channel", f)
    }
}

impl<T: Ord> Channel<T, Priority<T>> {
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.getters.glance().policy().store.first().map(look)
    }
}

#[inline]
fn limit(capacity: usize) -> Option<usize> {
    (capacity != usize::MAX).then_some(capacity)
}
