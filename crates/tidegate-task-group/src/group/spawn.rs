//! The ways to spawn a child.

use std::borrow::Cow;
use std::panic::Location;

use tidegate_timeout::Deadline;

use crate::bounded::SpawnBoundedFut;
use crate::group::TaskGroup;
use crate::ready::Ready;
use crate::start::StartFut;
use crate::task::Task;
use crate::task_builder::TaskBuilder;
use crate::task_error::TrySpawnError;

impl<E> TaskGroup<E> {
    /// Spawns a child.
    ///
    /// Children may spawn children until the last one has ended. After that, and once the group was cancelled, the
    /// future is dropped and the [`Task`] says so. With a [limit](crate::Builder::limit), the child waits for its turn.
    ///
    /// # Panics
    ///
    /// When the group was not started in a tokio runtime and this is not called in one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// TaskGroup::<BoxError>::scope(async |group| {
    ///     let parent = group.clone();
    ///     group.spawn(async move {
    ///         parent.spawn(async { Ok(()) });
    ///         Ok(())
    ///     });
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn<T, F>(&self, future: F) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
    {
        self.spawn_as(None, Location::caller(), future, ())
    }

    /// Spawns a child that stays on this thread, and whose future and value need not be [`Send`].
    ///
    /// It is a child like any other, in a task of the current [`LocalSet`](tokio::task::LocalSet) or local runtime.
    ///
    /// # Panics
    ///
    /// When it is not called in a `LocalSet` or a local runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::rc::Rc;
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let words = Rc::new(["tide", "gate"]);
    /// let length = TaskGroup::<BoxError>::scope(async |group| {
    ///     let words = words.clone();
    ///     let length = group.spawn_local(async move { Ok(words.concat().len()) });
    ///     Ok(length.await?)
    /// });
    /// let length = tokio::task::LocalSet::new().run_until(length).await;
    /// assert_eq!(length.unwrap(), 8);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<T, F>(&self, future: F) -> Task<T>
    where
        T: 'static,
        F: Future<Output = Result<T, E>> + 'static,
        E: 'static,
    {
        self.spawn_local_as(None, Location::caller(), future, ())
    }

    /// Names the child that is spawned next; its errors will say so.
    ///
    /// The [`TaskBuilder`] has all the ways to spawn, and gives the child a deadline of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let errors = TaskGroup::<BoxError>::scope(async |group| {
    ///     group.task("printer").spawn(async { Err::<(), _>("no paper".into()) });
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap_err();
    /// assert!(format!("{errors:?}").contains("[printer] no paper"));
    /// # }
    /// ```
    pub fn task(&self, name: impl Into<Cow<'static, str>>) -> TaskBuilder<'_, E> {
        TaskBuilder::new(self, name.into().into())
    }

    /// Waits until the [limit](crate::Builder::limit) allows one child more, and spawns it.
    ///
    /// For bodies that produce children faster than they run. Without a limit it spawns at once.
    ///
    /// # Fairness
    ///
    /// Callers of this and children that wait for their turn are served in the order in which they came.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Cancel safety
    ///
    /// Weak. Dropping it before it is ready drops the future, which was not polled yet.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// TaskGroup::<BoxError>::builder()
    ///     .limit(8)
    ///     .scope(async |group| {
    ///         for _ in 0..100 {
    ///             group.spawn_bounded(async { Ok(()) }).await;
    ///             assert!(group.len() <= 8);
    ///         }
    ///         Ok(())
    ///     })
    ///     .await
    ///     .unwrap();
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_bounded<T, F>(&self, future: F) -> SpawnBoundedFut<F, E>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
    {
        SpawnBoundedFut::new(self, future, None, Deadline::NEVER, Location::caller())
    }

    /// Spawns a child and waits until it says that it is ready.
    ///
    /// `body` gets a [`Ready`], with which the child gives the starter a value: the address that a server listens on,
    /// say. Then the child goes on, and the group waits for it like for any other. Before that it is its starter's:
    ///
    /// - What it fails with comes out here, and the group is none the worse.
    /// - When the starter is cancelled or dropped, so is the child; the scope around the starter ends when the child
    ///   has cleaned up and is gone.
    ///
    /// Still it is a child from the beginning: the group waits for it, and a group that is cancelled cancels it. Both
    /// end this promptly, whoever waits here: the body, a child, or somebody else with a clone of the group.
    ///
    /// A child that drops its `Ready` can never be ready, and is cancelled. One that never took it along, as by
    /// `|_| async { … }`, is waited for until it ends.
    ///
    /// A child that is started does not count for the group's [limit](crate::Builder::limit): it never waits for a turn.
    /// So a child may start another where the limit is one, and a server does not take the place of those that do the
    /// work.
    ///
    /// # Errors
    ///
    /// - [`Failed`](crate::StartError::Failed) when the child failed before it was ready.
    /// - [`NeverReady`](crate::StartError::NeverReady) when it ended, or dropped its `Ready`, without being ready.
    /// - [`Cancelled`](crate::StartError::Cancelled) when the group is over or cancelled, or the child was cancelled before it
    ///   was ready.
    /// - [`Panicked`](crate::StartError::Panicked) when it panicked before it was ready. If panics are
    ///   [propagated](crate::OnPanic::Propagate), that ends the group as well.
    ///
    /// The statistics of the group count such a child all the same.
    ///
    /// # Panics
    ///
    /// When `body` itself panics, and as [`spawn`](Self::spawn). Also when a scope that was cancelled polled this by
    /// reference, and it is polled again after that.
    ///
    /// # Cancel safety
    ///
    /// Weak. Dropping it cancels a child that is not ready, and what that one fails with after is lost; the nearest
    /// scope around that has not ended waits for it to clean up. A child that is ready goes on in the group, but the
    /// value is lost if it was not taken.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, Ready, StartError, TaskGroup};
    /// # use tokio::sync::mpsc::unbounded_channel;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// TaskGroup::<BoxError>::scope(async |group| {
    ///     let (mailbox, worker) = group
    ///         .start(async |ready| {
    ///             let (send, mut receive) = unbounded_channel();
    ///             let _ = ready.set(send);
    ///             let mut sum = 0;
    ///             while let Some(n) = receive.recv().await {
    ///                 sum += n;
    ///             }
    ///             Ok(sum)
    ///         })
    ///         .await?;
    ///     mailbox.send(2)?;
    ///     mailbox.send(3)?;
    ///     drop(mailbox);
    ///     assert_eq!(worker.await?, 5);
    ///
    ///     let refused = group.start(async |_ready: Ready<()>| Err::<(), _>("no paper".into()));
    ///     assert!(matches!(refused.await, Err(StartError::Failed(_))), "and the group goes on");
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// # }
    /// ```
    #[track_caller]
    pub fn start<S, T, B, Fut>(&self, body: B) -> StartFut<S, T, E, B>
    where
        S: Send + 'static,
        T: Send + 'static,
        B: FnOnce(Ready<S>) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
    {
        StartFut::new(self, body, None, Deadline::NEVER, Location::caller())
    }

    /// Spawns a child if the [limit](crate::Builder::limit) allows it this instant.
    ///
    /// # Errors
    ///
    /// With the future, when the group is full, cancelled or over.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// See [`TrySpawnError`].
    #[track_caller]
    pub fn try_spawn<T, F>(&self, future: F) -> Result<Task<T>, TrySpawnError<F>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
    {
        self.try_spawn_as(None, Location::caller(), future, ())
    }
}
