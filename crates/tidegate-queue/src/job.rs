use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::{fmt, mem};

use crate::kind::AnyQueue;
use crate::tasks::Tasks;

/// An item that says `task_done` for itself when it is dropped.
///
/// Think of a parcel with a receipt on it, which is sent back when the parcel is put away: also when the work on it
/// panics, or is cancelled.
///
/// # Examples
///
/// ```
/// use tidegate_queue::Queue;
///
/// # tidegate_test::block_on(async {
/// let queue = Queue::unbounded();
/// queue.put("wash up").await?;
/// {
///     let job = queue.take().await.unwrap();
///     assert_eq!(*job, "wash up");
///     assert_eq!(queue.unfinished(), 1);
/// }
/// assert_eq!(queue.unfinished(), 0);
/// # Ok::<_, tidegate_queue::Closed<&str>>(())
/// # }).unwrap();
/// ```
#[must_use = "dropping a `Job` says that it is done"]
pub struct Job<'a, T> {
    item: T,
    done: Done<'a>,
}

/// Says so, when dropped.
struct Done<'a>(&'a Tasks);

impl Drop for Done<'_> {
    #[inline]
    fn drop(&mut self) {
        // Somebody may have said it too often already; that was their fault, and they were told.
        let _ = self.0.task_done();
    }
}

/// A panic of a joiner's waker would lose the item: it is the waker's fault, and the item goes before it.
fn say_calmly(done: impl Sized) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(move || drop(done))) {
        // Dropping it could panic in its turn.
        mem::forget(panic);
    }
}

impl<'a, T> Job<'a, T> {
    #[inline]
    pub(crate) fn new(item: T, tasks: &'a Tasks) -> Self {
        Self { item, done: Done(tasks) }
    }

    /// Says that it is done, and gives the item.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_queue::Queue;
    /// let queue = Queue::unbounded();
    /// queue.try_put(String::from("tea")).unwrap();
    /// let tea: String = queue.try_take().unwrap().into_inner();
    /// assert_eq!((tea.as_str(), queue.unfinished()), ("tea", 0));
    /// ```
    pub fn into_inner(self) -> T {
        say_calmly(self.done);
        self.item
    }
}

impl<T> Deref for Job<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T> DerefMut for Job<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: fmt::Debug> fmt::Debug for Job<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.item).finish()
    }
}

/// As [`Job`], for a queue in an [`Arc`]; it owns its share.
#[must_use = "dropping an `OwnedJob` says that it is done"]
pub struct OwnedJob<Q: AnyQueue> {
    item: Q::Item,
    done: OwnedDone<Q>,
}

struct OwnedDone<Q: AnyQueue>(Arc<Q>);

impl<Q: AnyQueue> Drop for OwnedDone<Q> {
    #[inline]
    fn drop(&mut self) {
        // As in `Done`.
        let _ = self.0.channel().tasks.task_done();
    }
}

impl<Q: AnyQueue> OwnedJob<Q> {
    pub(crate) fn new(item: Q::Item, queue: Arc<Q>) -> Self {
        Self { item, done: OwnedDone(queue) }
    }

    /// As [`Job::into_inner`].
    pub fn into_inner(self) -> Q::Item {
        say_calmly(self.done);
        self.item
    }
}

impl<Q: AnyQueue> Deref for OwnedJob<Q> {
    type Target = Q::Item;

    #[inline]
    fn deref(&self) -> &Q::Item {
        &self.item
    }
}

impl<Q: AnyQueue> DerefMut for OwnedJob<Q> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Q::Item {
        &mut self.item
    }
}

impl<Q: AnyQueue> fmt::Debug for OwnedJob<Q>
where
    Q::Item: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedJob").field(&self.item).finish()
    }
}
