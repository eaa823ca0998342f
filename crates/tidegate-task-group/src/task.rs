use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tidegate_timeout::CancelReason;
use tokio::task::JoinHandle;

use crate::child::Delivery;
use crate::core::Core;
use crate::origin::Name;
use crate::panicked::drop_quietly;
use crate::remote::Remote;
use crate::shelf::Shelf;
use crate::task_error::TaskError;

/// A child of a group: awaits its value, or aborts it.
///
/// The group owns the child, so dropping its `Task` neither stops nor detaches it.
///
/// # Examples
///
/// ```
/// # use tidegate_task_group::{BoxError, TaskGroup};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sum = TaskGroup::<BoxError>::scope(async |group| {
///     let two = group.spawn(async { Ok(2) });
///     let three = group.task("three").spawn(async { Ok(3) });
///     assert_eq!(three.name(), Some("three"));
///     Ok(two.await? + three.await?)
/// })
/// .await;
/// assert_eq!(sum.unwrap(), 5);
/// # }
/// ```
///
/// # Cancel safety
///
/// Strict. A `Task` that is polled through `&mut` and is not ready keeps its value for the next await.
///
/// # Panics
///
/// When it is polled again after it was ready.
pub struct Task<T> {
    state: State<T>,
    name: Option<Name>,
    id: Option<u64>,
}

enum State<T> {
    Spawned(Spawned<T>),
    /// The group was over or cancelled, and the future was dropped.
    Refused(CancelReason),
}

struct Spawned<T> {
    remote: Remote<Delivery<T>>,
    shelf: Option<Arc<Shelf<T>>>,
}

/// What there is of a `Task` before the child is spawned.
pub(crate) struct Stub<T> {
    pub(crate) shelf: Option<Arc<Shelf<T>>>,
    pub(crate) core: Arc<Core>,
    pub(crate) name: Option<Name>,
    pub(crate) id: u64,
}

impl<T> Stub<T> {
    pub(crate) fn into_task(self, join: JoinHandle<Delivery<T>>) -> Task<T> {
        let Self { shelf, core, name, id } = self;
        let spawned = Spawned { remote: Remote::new(join, core, id), shelf };
        Task { state: State::Spawned(spawned), name, id: Some(id) }
    }
}

impl<T> Task<T> {
    pub(crate) fn refused(reason: CancelReason, name: Option<Name>) -> Self {
        Self { state: State::Refused(reason), name, id: None }
    }

    /// Cancels this child alone.
    ///
    /// Its scope is cancelled, so what it has to clean up is cleaned up, and the group waits for that as for
    /// everything else. For the group it is no failure. Nothing happens to a child that has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// TaskGroup::<BoxError>::scope(async |group| {
    ///     let forever = group.spawn(std::future::pending::<Result<(), BoxError>>());
    ///     forever.abort();
    ///     assert!(matches!(forever.await, Err(TaskError::Cancelled(_))));
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// # }
    /// ```
    pub fn abort(&self) {
        if let State::Spawned(spawned) = &self.state {
            spawned.remote.abort();
        }
    }

    /// The name it was given with [`TaskGroup::task`](crate::TaskGroup::task).
    ///
    /// # Examples
    ///
    /// See [`Task`].
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Name::as_str)
    }

    /// Its number among the children of its group; [`u64::MAX`] if it was never spawned.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// TaskGroup::<BoxError>::scope(async |group| {
    ///     let first = group.spawn(async { Ok(()) });
    ///     let second = group.spawn(async { Ok(()) });
    ///     assert_eq!((first.id(), second.id()), (0, 1));
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// # }
    /// ```
    pub fn id(&self) -> u64 {
        self.id.unwrap_or(u64::MAX)
    }

    /// Whether it has ended, in whatever way.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = TaskGroup::<BoxError>::scope(async |group| Ok(group.spawn(async { Ok(5) })));
    /// let task = task.await.unwrap();
    /// assert!(task.is_finished());
    /// assert_eq!(task.await, Ok(5));
    /// # }
    /// ```
    pub fn is_finished(&self) -> bool {
        match &self.state {
            State::Spawned(spawned) => spawned.remote.is_finished(),
            State::Refused(_) => true,
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let spawned = match &mut self.state {
            State::Spawned(spawned) => spawned,
            State::Refused(reason) => {
                return Poll::Ready(Err(TaskError::Cancelled(reason.clone())));
            }
        };
        let delivery = match ready!(spawned.remote.poll(cx)) {
            Ok(delivery) => delivery,
            // Only the end of the runtime stops a child from outside.
            Err(_) => Err(TaskError::Cancelled(CancelReason::Shutdown)),
        };
        Poll::Ready(delivery.map(|value| {
            let on_shelf = || spawned.shelf.as_ref().and_then(|shelf| shelf.take());
            value.or_else(on_shelf).expect("a value is delivered once")
        }))
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        if let Some(shelf) = &self.shelf {
            drop_quietly(shelf.take());
        }
    }
}

impl<T> Unpin for Task<T> {}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .field("name", &self.name())
            .field("finished", &self.is_finished())
            .finish()
    }
}
