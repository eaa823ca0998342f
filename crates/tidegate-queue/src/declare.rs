// How it works
//
// The three queues differ in nothing but their store and the bound that it asks for, so what they offer is written once,
// by the macro below; what each method does is in `channel.rs`. In the examples, the type's name is put in by `concat!`.
// The names that it uses are those of `queue.rs`, where the types are.

/// Declares a queue type; `$text` is its name as a string, `$bound` what its items must be.
macro_rules! queue {
    ($(#[$meta:meta])* $Name:ident, $text:literal, $Store:ident, $Channel:ident, [$($bound:tt)*]) => {
        $(#[$meta])*
        pub struct $Name<T $($bound)*> {
            channel: $Channel<T>,
        }

        impl<T $($bound)*> $Name<T> {
            const_fn! {
                /// Makes a queue that holds at most `capacity` items, so that putting waits.
                ///
                /// # Panics
                ///
                /// When `capacity` is 0.
                ///
                /// # Examples
                ///
                /// ```
                #[doc = concat!("use tidegate_queue::", $text, ";")]
                ///
                #[doc = concat!("static LINES: ", $text, "<String> = ", $text, "::bounded(100);")]
                /// assert_eq!(LINES.capacity(), Some(100));
                /// ```
                #[track_caller]
                pub const fn bounded(capacity: usize) -> Self {
                    Self { channel: Channel::bounded(capacity) }
                }
            }

            const_fn! {
                /// Makes a queue that holds as many items as there is memory, so that putting never waits.
                ///
                /// # Examples
                ///
                /// ```
                #[doc = concat!("use tidegate_queue::", $text, ";")]
                ///
                #[doc = concat!("static LINES: ", $text, "<String> = ", $text, "::unbounded();")]
                /// assert_eq!(LINES.capacity(), None);
                /// ```
                pub const fn unbounded() -> Self {
                    Self { channel: Channel::with(usize::MAX) }
                }
            }

            /// Puts an item, waiting in line while the queue is full.
            ///
            /// If somebody waits to get, the item goes to whoever has waited longest.
            ///
            /// # Errors
            ///
            /// [`Closed`] with the item when the queue is shut down, or is shut down before the item is in it.
            ///
            /// # Cancel safety
            ///
            /// Strict, but for the place in line. A future that is dropped before it resolves has put nothing, also
            /// if a slot had been granted to it, which goes to the next in line. The item is dropped with the
            /// future; [`PutFut::withdraw`] gives it back instead.
            ///
            /// # Panics
            ///
            /// When the waker of the task that gets the item panics; the item has been put then.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            /// # tidegate_test::block_on(async {
            #[doc = concat!("let queue = ", $text, "::bounded(2);")]
            /// queue.put('a').await?;
            /// assert_eq!(queue.len(), 1);
            /// # Ok::<_, tidegate_queue::Closed<char>>(())
            /// # }).unwrap();
            /// ```
            #[inline]
            pub fn put(&self, item: T) -> PutFut<'_, Self> {
                PutFut::new(self, item)
            }

            /// Puts an item if there is room this instant that nobody waits for.
            ///
            /// # Errors
            ///
            /// [`TryPutError::Full`] or [`TryPutError::Closed`], with the item.
            ///
            /// # Panics
            ///
            /// As [`put`](Self::put).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::{", $text, ", TryPutError};")]
            #[doc = concat!("let queue = ", $text, "::bounded(1);")]
            /// assert_eq!(queue.try_put('a'), Ok(()));
            /// assert_eq!(queue.try_put('b'), Err(TryPutError::Full('b')));
            /// ```
            #[inline]
            pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
                self.channel.try_put(item)
            }

            /// As [`put`](Self::put), for a queue in an [`Arc`]; the future owns its share.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::sync::Arc;
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            /// # tidegate_test::block_on(async {
            #[doc = concat!("let queue = Arc::new(", $text, "::bounded(1));")]
            /// Arc::clone(&queue).put_owned('a').await?;
            /// # Ok::<_, tidegate_queue::Closed<char>>(())
            /// # }).unwrap();
            /// ```
            pub fn put_owned(self: Arc<Self>, item: T) -> PutOwnedFut<Self> {
                PutOwnedFut::new(self, item)
            }

            /// As [`put`](Self::put), parking this thread while it waits, in the same line as the tasks.
            ///
            /// # Errors
            ///
            /// As [`put`](Self::put).
            ///
            /// # Blocking
            ///
            /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running,
            /// and one of those may be the one that gets.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::bounded(1);")]
            /// std::thread::scope(|threads| {
            ///     threads.spawn(|| (1..=3).try_for_each(|i| queue.put_blocking(i)).unwrap());
            ///     assert_eq!([1, 2, 3], [(); 3].map(|()| queue.get_blocking().unwrap()));
            /// });
            /// ```
            pub fn put_blocking(&self, item: T) -> Result<(), Closed<T>> {
                block_on(self.put(item))
            }

            /// As [`put_blocking`](Self::put_blocking), giving up at `deadline` with `None`.
            ///
            /// The item is dropped then. If there is room it is put, though the deadline has passed.
            ///
            /// # Errors
            ///
            /// As [`put`](Self::put).
            ///
            /// # Blocking
            ///
            /// As [`put_blocking`](Self::put_blocking).
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Instant;
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::bounded(1);")]
            /// assert_eq!(queue.put_blocking_until('a', Instant::now()), Some(Ok(())));
            /// assert_eq!(queue.put_blocking_until('b', Instant::now()), None);
            /// ```
            pub fn put_blocking_until(
                &self,
                item: T,
                deadline: Instant,
            ) -> Option<Result<(), Closed<T>>> {
                block_on_until(deadline, self.put(item))
            }

            /// Gets the next item, waiting in line while there is none.
            ///
            /// # Errors
            ///
            /// [`Closed`] when the queue is shut down and nothing is left.
            ///
            /// # Cancel safety
            ///
            /// Strict, but for the place in line. Nothing is lost: an item that was handed to a future which never
            /// looked goes to the next in line, or back to its place in the queue. The queue may hold more than its
            /// capacity then, until as many have been got.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            /// # tidegate_test::block_on(async {
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.put('a').await.unwrap();
            /// assert_eq!(queue.get().await?, 'a');
            /// # Ok::<_, tidegate_queue::Closed>(())
            /// # }).unwrap();
            /// ```
            #[inline]
            pub fn get(&self) -> GetFut<'_, Self> {
                GetFut::new(self)
            }

            /// Gets the next item if there is one this instant.
            ///
            /// # Errors
            ///
            /// [`TryGetError::Empty`]; or [`TryGetError::Closed`] when it will stay empty.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::{", $text, ", TryGetError};")]
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.try_put('a').unwrap();
            /// assert_eq!(queue.try_get(), Ok('a'));
            /// assert_eq!(queue.try_get(), Err(TryGetError::Empty));
            /// ```
            #[inline]
            pub fn try_get(&self) -> Result<T, TryGetError> {
                self.channel.try_get()
            }

            /// As [`get`](Self::get), for a queue in an [`Arc`]; the future owns its share.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::sync::Arc;
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            /// # tidegate_test::block_on(async {
            #[doc = concat!("let queue = Arc::new(", $text, "::unbounded());")]
            /// queue.put('a').await.unwrap();
            /// assert_eq!(Arc::clone(&queue).get_owned().await?, 'a');
            /// # Ok::<_, tidegate_queue::Closed>(())
            /// # }).unwrap();
            /// ```
            pub fn get_owned(self: Arc<Self>) -> GetOwnedFut<Self> {
                GetOwnedFut::new(self)
            }

            /// As [`get`](Self::get), parking this thread while it waits, in the same line as the tasks.
            ///
            /// # Errors
            ///
            /// As [`get`](Self::get).
            ///
            /// # Blocking
            ///
            /// As [`put_blocking`](Self::put_blocking).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.put_blocking('a').unwrap();
            /// assert_eq!(queue.get_blocking(), Ok('a'));
            /// ```
            pub fn get_blocking(&self) -> Result<T, Closed> {
                block_on(self.get())
            }

            /// As [`get_blocking`](Self::get_blocking), giving up at `deadline` with `None`.
            ///
            /// An item that is there is got, though the deadline has passed.
            ///
            /// # Errors
            ///
            /// As [`get`](Self::get).
            ///
            /// # Blocking
            ///
            /// As [`put_blocking`](Self::put_blocking).
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Instant;
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::<u8>::unbounded();")]
            /// assert_eq!(queue.get_blocking_until(Instant::now()), None);
            /// ```
            pub fn get_blocking_until(&self, deadline: Instant) -> Option<Result<T, Closed>> {
                block_on_until(deadline, self.get())
            }

            /// As [`get`](Self::get), with a [`Job`] around the item that says [`task_done`](Self::task_done) when it
            /// is dropped.
            ///
            /// # Errors
            ///
            /// As [`get`](Self::get).
            ///
            /// # Cancel safety
            ///
            /// As [`get`](Self::get): what was never looked at is not done.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            /// # tidegate_test::block_on(async {
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.put('a').await.unwrap();
            /// let job = queue.take().await?;
            /// assert_eq!((*job, queue.unfinished()), ('a', 1));
            /// drop(job);
            /// queue.join().await;
            /// # Ok::<_, tidegate_queue::Closed>(())
            /// # }).unwrap();
            /// ```
            #[inline]
            pub fn take(&self) -> TakeFut<'_, Self> {
                TakeFut::new(self)
            }

            /// As [`try_get`](Self::try_get), with a [`Job`] around the item.
            ///
            /// # Errors
            ///
            /// As [`try_get`](Self::try_get).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.try_put('a').unwrap();
            /// drop(queue.try_take());
            /// assert_eq!(queue.unfinished(), 0);
            /// ```
            pub fn try_take(&self) -> Result<Job<'_, T>, TryGetError> {
                Ok(Job::new(self.try_get()?, self.tasks()))
            }

            /// As [`take`](Self::take), for a queue in an [`Arc`]; future and job own their share.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::sync::Arc;
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            /// # tidegate_test::block_on(async {
            #[doc = concat!("let queue = Arc::new(", $text, "::unbounded());")]
            /// queue.put('a').await.unwrap();
            /// let job = Arc::clone(&queue).take_owned().await?;
            /// std::thread::spawn(move || drop(job)).join().unwrap();
            /// assert_eq!(queue.unfinished(), 0);
            /// # Ok::<_, tidegate_queue::Closed>(())
            /// # }).unwrap();
            /// ```
            pub fn take_owned(self: Arc<Self>) -> TakeOwnedFut<Self> {
                TakeOwnedFut::new(self)
            }

            /// As [`try_take`](Self::try_take), for a queue in an [`Arc`]; the job owns its share.
            ///
            /// # Errors
            ///
            /// As [`try_get`](Self::try_get).
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::sync::Arc;
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = Arc::new(", $text, "::unbounded());")]
            /// queue.try_put('a').unwrap();
            /// assert_eq!(*Arc::clone(&queue).try_take_owned().unwrap(), 'a');
            /// ```
            pub fn try_take_owned(self: Arc<Self>) -> Result<OwnedJob<Self>, TryGetError> {
                Ok(OwnedJob::new(self.try_get()?, self))
            }

            /// As [`take`](Self::take), parking this thread while it waits.
            ///
            /// # Errors
            ///
            /// As [`get`](Self::get).
            ///
            /// # Blocking
            ///
            /// As [`put_blocking`](Self::put_blocking).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.put_blocking('a').unwrap();
            /// assert_eq!(*queue.take_blocking().unwrap(), 'a');
            /// ```
            pub fn take_blocking(&self) -> Result<Job<'_, T>, Closed> {
                block_on(self.take())
            }

            /// As [`take_blocking`](Self::take_blocking), giving up at `deadline` with `None`.
            ///
            /// # Errors
            ///
            /// As [`get`](Self::get).
            ///
            /// # Blocking
            ///
            /// As [`put_blocking`](Self::put_blocking).
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Instant;
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::<u8>::unbounded();")]
            /// assert!(queue.take_blocking_until(Instant::now()).is_none());
            /// ```
            pub fn take_blocking_until(
                &self,
                deadline: Instant,
            ) -> Option<Result<Job<'_, T>, Closed>> {
                block_on_until(deadline, self.take())
            }

            /// The items, one after the other, as a stream that ends when the queue is shut down and nothing is left.
            ///
            /// Several streams, and getters beside them, share the items.
            ///
            /// # Cancel safety
            ///
            /// As [`get`](Self::get), at any time: what a stream was handed and has not given out goes back.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::pin::pin;
            ///
            /// use futures_util::StreamExt;
            #[doc = concat!("use tidegate_queue::{", $text, ", Shutdown};")]
            ///
            /// # tidegate_test::block_on(async {
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.put(1).await?;
            /// queue.put(2).await?;
            /// queue.shutdown(Shutdown::Drain);
            /// let mut items = pin!(queue.stream()); // To be asked for one at a time, it has to stay where it is.
            /// let first: Option<i32> = items.next().await;
            /// let rest: Vec<i32> = items.collect().await;
            /// assert_eq!((first.is_some(), rest.len()), (true, 1));
            /// # Ok::<_, tidegate_queue::Closed<i32>>(())
            /// # }).unwrap();
            /// ```
            pub fn stream(&self) -> GetStream<'_, Self> {
                GetStream::new(self)
            }

            /// As [`stream`](Self::stream), for a queue in an [`Arc`]; the stream owns its share.
            ///
            /// # Examples
            ///
            /// ```
            /// use futures_util::StreamExt;
            /// # use std::sync::Arc;
            #[doc = concat!("# use tidegate_queue::{", $text, ", Shutdown};")]
            ///
            /// # tidegate_test::block_on(async {
            #[doc = concat!("let queue = Arc::new(", $text, "::unbounded());")]
            /// queue.put(1).await?;
            /// queue.shutdown(Shutdown::Drain);
            /// assert_eq!(queue.stream_owned().collect::<Vec<i32>>().await, [1]);
            /// # Ok::<_, tidegate_queue::Closed<i32>>(())
            /// # }).unwrap();
            /// ```
            pub fn stream_owned(self: Arc<Self>) -> GetOwnedStream<Self> {
                GetOwnedStream::new(self)
            }

            /// Says that the work on one item that was got is done; when it was the last, [`join`](Self::join) is
            /// released.
            ///
            /// What happened before it has happened for whoever is released by `join`.
            ///
            /// # Errors
            ///
            /// [`TaskDoneError`] when it was said more often than something was put.
            ///
            /// # Panics
            ///
            /// When the waker of a task in `join` panics; all of them have been woken then.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::{", $text, ", TaskDoneError};")]
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.try_put('a').unwrap();
            /// let item = queue.try_get();
            /// assert_eq!(queue.task_done(), Ok(()));
            /// assert_eq!(queue.task_done(), Err(TaskDoneError));
            /// # drop(item);
            /// ```
            #[inline]
            pub fn task_done(&self) -> Result<(), TaskDoneError> {
                self.tasks().task_done()
            }

            /// Waits until all that was put is [done](Self::task_done); ready at once if it is.
            ///
            /// Who waits when the last is done is released for good: a [`put`](Self::put) that follows at once, before
            /// this has been polled again, does not hold it. So it says that all was done at some time since it was
            /// called, and not that nothing has come since.
            ///
            /// # Cancel safety
            ///
            /// Strict, but for such a moment: asking again waits for what has been put since.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            /// # tidegate_test::block_on(async {
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.put('a').await.unwrap();
            /// drop(queue.take().await?);
            /// queue.join().await;
            /// # Ok::<_, tidegate_queue::Closed>(())
            /// # }).unwrap();
            /// ```
            pub fn join(&self) -> JoinFut<'_> {
                self.tasks().join()
            }

            /// As [`join`](Self::join), for a queue in an [`Arc`]; the future owns its share.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::sync::Arc;
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            /// # tidegate_test::block_on(async {
            #[doc = concat!("Arc::new(", $text, "::<u8>::unbounded()).join_owned().await;")]
            /// # });
            /// ```
            pub fn join_owned(self: Arc<Self>) -> JoinOwnedFut<Self> {
                Tasks::join_owned(self)
            }

            /// As [`join`](Self::join), parking this thread.
            ///
            /// # Blocking
            ///
            /// As [`put_blocking`](Self::put_blocking).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.put_blocking('a').unwrap();
            /// std::thread::scope(|threads| {
            ///     threads.spawn(|| drop(queue.take_blocking()));
            ///     queue.join_blocking();
            /// });
            /// ```
            pub fn join_blocking(&self) {
                block_on(self.join());
            }

            /// As [`join_blocking`](Self::join_blocking), giving up at `deadline` with `None`.
            ///
            /// # Blocking
            ///
            /// As [`put_blocking`](Self::put_blocking).
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Instant;
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.put_blocking('a').unwrap();
            /// assert_eq!(queue.join_blocking_until(Instant::now()), None);
            /// ```
            pub fn join_blocking_until(&self, deadline: Instant) -> Option<()> {
                block_on_until(deadline, self.join())
            }

            /// How much was put and is not [done](Self::task_done).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.try_put('a').unwrap();
            /// assert_eq!(queue.unfinished(), 1);
            /// ```
            pub fn unfinished(&self) -> usize {
                self.tasks().unfinished()
            }

            /// Shuts the queue down for good: nothing more is put.
            ///
            /// Whoever waits to put gets its item back; also one to whom a slot had been granted that it has not
            /// filled. With [`Shutdown::Drain`], what is in the queue can still be got, and who waits on an empty
            /// queue is released with [`Closed`] at once. With [`Shutdown::Immediate`], what is in the queue is
            /// dropped and counts as [done](Self::task_done). An item that was handed to a getter before stays its
            /// own, whether it has looked or not; if it is dropped before it looks, the item goes back after a `Drain`,
            /// to whoever looks or asks next.
            ///
            /// It may be called again: from `Drain` to `Immediate`, but not back.
            ///
            /// # Panics
            ///
            /// When a waker or the drop of an item panics; everybody has been woken and all is dropped then.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::{", $text, ", Shutdown, TryGetError, TryPutError};")]
            #[doc = concat!("let queue = ", $text, "::unbounded();")]
            /// queue.try_put('a').unwrap();
            /// queue.shutdown(Shutdown::Immediate);
            /// assert_eq!(queue.try_put('b'), Err(TryPutError::Closed('b')));
            /// assert_eq!(queue.try_get(), Err(TryGetError::Closed));
            /// assert_eq!(queue.unfinished(), 0);
            /// ```
            pub fn shutdown(&self, how: Shutdown) {
                self.channel.shutdown(how);
            }

            /// Whether the queue is shut down, in either way.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("assert!(!", $text, "::<u8>::unbounded().is_shutdown());")]
            /// ```
            pub fn is_shutdown(&self) -> bool {
                self.channel.is_shutdown()
            }

            /// How many items there are.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("assert_eq!(", $text, "::<u8>::unbounded().len(), 0);")]
            /// ```
            #[inline]
            pub fn len(&self) -> usize {
                self.channel.len()
            }

            /// Whether there is nothing.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("assert!(", $text, "::<u8>::bounded(1).is_empty());")]
            /// ```
            #[inline]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether there is no room this instant for somebody new.
            ///
            /// A slot that was granted to a putter who has not filled it yet is taken: a queue of one may be empty
            /// and full.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let queue = ", $text, "::bounded(1);")]
            /// queue.try_put('a').unwrap();
            /// assert!(queue.is_full());
            /// ```
            pub fn is_full(&self) -> bool {
                self.channel.is_full()
            }

            /// How many items there may be; `None` without a limit.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("assert_eq!(", $text, "::<u8>::bounded(8).capacity(), Some(8));")]
            /// ```
            pub fn capacity(&self) -> Option<usize> {
                self.channel.capacity()
            }

            /// How many wait, to get, to put and in [`join`](Self::join).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("assert_eq!(", $text, "::<u8>::bounded(1).waiters(), 0);")]
            /// ```
            pub fn waiters(&self) -> usize {
                self.channel.waiters()
            }

            /// The counts, for a log line or a gauge; all but `joiners` of the same instant.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("# use tidegate_queue::", $text, ";")]
            #[doc = concat!("let statistics = ", $text, "::<u8>::bounded(8).statistics();")]
            /// assert_eq!((statistics.len, statistics.capacity), (0, Some(8)));
            /// ```
            pub fn statistics(&self) -> QueueStatistics {
                self.channel.statistics()
            }

            #[inline]
            fn tasks(&self) -> &Tasks {
                &self.channel.tasks
            }
        }

        impl<T $($bound)*> Default for $Name<T> {
            /// A queue without a limit.
            fn default() -> Self {
                Self::unbounded()
            }
        }

        impl<T $($bound)*> fmt::Debug for $Name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.channel.debug($text, f)
            }
        }

        impl<T $($bound)*> Sealed for $Name<T> {}

        impl<T $($bound)*> AnyQueue for $Name<T> {
            type Item = T;
            type Store = $Store<T>;

            #[inline]
            fn channel(&self) -> &Channel<T, $Store<T>> {
                &self.channel
            }
        }
    };
}

pub(crate) use queue;
