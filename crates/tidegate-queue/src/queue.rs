use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tidegate_shim::const_fn;
use tidegate_waiters::{block_on, block_on_until};

use crate::channel::{
    Channel, FifoChannel, LifoChannel, PriorityChannel, QueueStatistics, Shutdown,
};
use crate::declare::queue;
use crate::error::{Closed, TaskDoneError, TryGetError, TryPutError};
use crate::get::{GetFut, GetOwnedFut};
use crate::job::{Job, OwnedJob};
use crate::kind::{AnyQueue, Sealed};
use crate::put::{PutFut, PutOwnedFut};
use crate::store::{Fifo, Lifo, Priority};
use crate::stream::{GetOwnedStream, GetStream};
use crate::take::{TakeFut, TakeOwnedFut};
use crate::tasks::{JoinFut, JoinOwnedFut, Tasks};

queue! {
    /// A queue: the oldest item comes out first.
    ///
    /// Think of a counter with a shelf behind it: who brings something puts it at one end of the shelf, who wants
    /// something takes it from the other, and where there is nothing to take or no room to put, people stand in line.
    ///
    /// # Examples
    ///
    /// Two workers share what a producer puts, and everybody goes home when all is done:
    ///
    /// ```
    /// use tidegate_queue::{Queue, Shutdown};
    ///
    /// static LETTERS: Queue<u32> = Queue::bounded(8);
    ///
    /// async fn sort() -> u32 {
    ///     let mut sorted = 0;
    ///     while let Ok(letter) = LETTERS.take().await {
    ///         sorted += *letter; // It is done when it is dropped.
    ///     }
    ///     sorted
    /// }
    ///
    /// # std::thread::scope(|threads| {
    /// # let workers = [(); 2].map(|()| threads.spawn(|| tidegate_test::block_on(sort())));
    /// # tidegate_test::block_on(async {
    /// for letter in 1..=10 {
    ///     LETTERS.put(letter).await?; // Waits while eight are unsorted.
    /// }
    /// LETTERS.join().await;
    /// LETTERS.shutdown(Shutdown::Drain);
    /// # Ok::<_, tidegate_queue::Closed<u32>>(())
    /// # }).unwrap();
    /// # assert_eq!(workers.map(|it| it.join().unwrap()).iter().sum::<u32>(), 55);
    /// # });
    /// ```
    ///
    /// # Queue or channel?
    ///
    /// - A queue has no ends: it is shared by `&` or `Arc`, anybody may put and get, and it is shut down by saying so.
    ///   It knows what is unfinished.
    /// - A channel is closed by dropping its senders or its receivers; reach for one when that is what ends the work.
    ///
    /// # Fairness
    ///
    /// Items go to getters, and slots to putters, in the order in which these came. What was handed over is never
    /// taken by a newcomer: a slot that was granted counts as taken until its putter fills it.
    ///
    /// # Reentrancy
    ///
    /// A waker, and the drop of an item, may call anything.
    ///
    /// # Cost
    ///
    /// Putting and getting take one short lock. Waiting allocates nothing; joining, leaving and being served are O(1)
    /// per waiter. `task_done` is one compare-exchange.
    ///
    /// The future of a `get` is larger than an item, which is handed to it there. What memory the items once took is
    /// kept for the next ones, until the queue is dropped or shut down at once.
    ///
    /// # Limitations
    ///
    /// A future that is leaked while it waits (by [`std::mem::forget`]) keeps its place in line, and what is handed to
    /// it there is lost.
    ///
    /// It knows no runtime, so a task that never has to wait here never gives way to the others of its thread.
    Queue, "Queue", Fifo, FifoChannel, []
}

queue! {
    /// A stack to wait at: the youngest item comes out first.
    ///
    /// Think of a pile of plates. It is a [`Queue`] in all but the order of the items: getters and putters are still
    /// served in the order in which they came.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_queue::LifoQueue;
    ///
    /// # tidegate_test::block_on(async {
    /// let pile = LifoQueue::unbounded();
    /// pile.put("first").await?;
    /// pile.put("second").await?;
    /// assert_eq!(pile.get().await.unwrap(), "second");
    /// # Ok::<_, tidegate_queue::Closed<&str>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Fairness
    ///
    /// As [`Queue`], for those who wait. An item at the bottom may stay there for ever.
    ///
    /// # Reentrancy
    ///
    /// As [`Queue`].
    ///
    /// # Cost
    ///
    /// As [`Queue`].
    LifoQueue, "LifoQueue", Lifo, LifoChannel, []
}

queue! {
    /// A queue from which the smallest item comes out first, equal ones in the order in which they came.
    ///
    /// Think of a waiting room where the most urgent goes in first. For the largest first, wrap the items in
    /// [`std::cmp::Reverse`]; for an order of your own, give them an [`Ord`].
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_queue::PriorityQueue;
    ///
    /// # tidegate_test::block_on(async {
    /// let room = PriorityQueue::unbounded();
    /// room.put((2, "a cold")).await?;
    /// room.put((1, "a broken leg")).await?;
    /// assert_eq!(room.get().await.unwrap(), (1, "a broken leg"));
    /// # Ok::<_, tidegate_queue::Closed<(u8, &str)>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Fairness
    ///
    /// As [`Queue`], for those who wait: an item goes to the getter who has waited longest, whatever its priority.
    ///
    /// # Reentrancy
    ///
    /// A waker, and the drop of an item, may call anything. A comparison may not: items are compared under the lock,
    /// so an [`Ord`] that calls back into the same queue waits for ever.
    ///
    /// # Panics
    ///
    /// When a comparison does. Nothing has changed then: what was to be put was not, and what was to be got is still
    /// there. If it happens while an item goes back from a getter that was dropped, the item is kept, and its turn is
    /// undefined.
    ///
    /// # Cost
    ///
    /// As [`Queue`], and some log₂ n comparisons to get, rarely more than two to put.
    PriorityQueue, "PriorityQueue", Priority, PriorityChannel, [: Ord]
}

impl<T: Ord> PriorityQueue<T> {
    /// A copy of the item that would be got next, which stays where it is.
    ///
    /// It is cloned under the lock, so a `Clone` that calls back into the same queue waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_queue::PriorityQueue;
    ///
    /// let queue = PriorityQueue::unbounded();
    /// queue.try_put(7).unwrap();
    /// queue.try_put(3).unwrap();
    /// assert_eq!(queue.peek(), Some(3));
    /// assert_eq!(queue.len(), 2);
    /// ```
    pub fn peek(&self) -> Option<T>
    where
        T: Clone,
    {
        self.channel.peek(T::clone)
    }

    /// As [`peek`](Self::peek), for a part of the item: what `look` makes of it.
    ///
    /// `look` runs under the lock, so one that calls back into the same queue waits for ever. If it panics, nothing
    /// has changed.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_queue::PriorityQueue;
    ///
    /// let queue = PriorityQueue::unbounded();
    /// queue.try_put((3, String::from("three"))).unwrap();
    /// assert_eq!(queue.peek_with(|(due, _)| *due), Some(3));
    /// ```
    pub fn peek_with<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.channel.peek(look)
    }
}
