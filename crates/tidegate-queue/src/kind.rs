use crate::channel::Channel;
use crate::store::Store;

/// One of the three queues: what the futures of this crate are generic over.
///
/// It is implemented by [`Queue`](crate::Queue), [`LifoQueue`](crate::LifoQueue) and
/// [`PriorityQueue`](crate::PriorityQueue), and cannot be implemented elsewhere.
///
/// # Examples
///
/// ```
/// use tidegate_queue::{AnyQueue, GetFut, Queue};
///
/// async fn next<Q: AnyQueue>(get: GetFut<'_, Q>) -> Option<Q::Item> {
///     get.await.ok()
/// }
///
/// # tidegate_test::block_on(async {
/// let queue = Queue::unbounded();
/// queue.put(7).await?;
/// assert_eq!(next(queue.get()).await, Some(7));
/// # Ok::<_, tidegate_queue::Closed<i32>>(())
/// # }).unwrap();
/// ```
pub trait AnyQueue: Sealed {
    /// What is queued.
    type Item;

    #[doc(hidden)]
    type Store: Store<Self::Item>;

    #[doc(hidden)]
    fn channel(&self) -> &Channel<Self::Item, Self::Store>;
}

/// Keeps [`AnyQueue`] at home.
pub trait Sealed {}
