use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use tidegate_timeout::{CancelReason, Deadline};

use crate::bounded::SpawnBoundedFut;
use crate::builder::Builder;
use crate::child::{Child, Member};
use crate::error_group::BoxError;
use crate::failure::Failure;
use crate::inherit::{Heir, inherit};
use crate::manner::Manner;
use crate::origin::Name;
use crate::ready::Ready;
use crate::scope::ScopeFut;
use crate::shared::Shared;
use crate::shelf::Shelf;
use crate::start::StartFut;
use crate::statistics::GroupStatistics;
use crate::task::{Stub, Task};
use crate::task_builder::TaskBuilder;
use crate::task_error::TrySpawnError;
use crate::tree::TaskTree;
use crate::turn::Turn;

/// Tasks that end before their group does.
///
/// [`scope`](Self::scope) runs a body that spawns children, and returns when the body and all children have ended.
/// The first that fails cancels the rest; every error is reported. A `TaskGroup` is the handle that the body gets:
/// a clone is the same group, so children may spawn children.
///
/// Children inherit the scope of the group: the deadlines and cancellations around it reach them
/// (see [`tidegate_timeout`]). From where they are spawned they have the
/// [context variables](tidegate_timeout::ContextVar) and, with the feature `tracing`, the current span. They are
/// cancelled through their scopes, so what they have to clean up asynchronously is cleaned up before the group
/// returns.
///
/// # Examples
///
/// ```
/// # use tidegate_task_group::{BoxError, TaskGroup};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// async fn length(word: &'static str) -> Result<usize, BoxError> {
///     Ok(word.len())
/// }
///
/// let total = TaskGroup::<BoxError>::scope(async |group| {
///     let tasks: Vec<_> =
///         ["tide", "gate"].into_iter().map(|word| group.spawn(length(word))).collect();
///     let mut total = 0;
///     for task in tasks {
///         total += task.await?;
///     }
///     Ok(total)
/// })
/// .await?;
/// assert_eq!(total, 8);
/// # Ok(())
/// # }
/// ```
///
/// # Limitations
///
/// A scope that is dropped from outside, by `tokio::select!`, tokio's `timeout` or `abort`, cancels its children but
/// cannot wait for them: the nearest tidegate scope around does, before it returns. Outside of every scope nobody does.
pub struct TaskGroup<E = BoxError> {
    shared: Arc<Shared<E>>,
}

impl<E> TaskGroup<E> {
    /// Runs `body` and everything it spawns, to the end.
    ///
    /// Returns the body's value once all children have ended.
    ///
    /// - The first error, of the body or of a child, cancels the rest. So does whoever cancels the scope that the body
    ///   runs in.
    /// - A cancellation from around is passed on to the body and the children. When they have ended, the scope
    ///   around takes over; but if there are errors, they are returned first.
    /// - A child that is [cancelled alone](Task::abort) is no failure.
    ///
    /// As [`builder`](Self::builder) without any setting.
    ///
    /// What a group fails with is said once: by `TaskGroup::<BoxError>::scope`, by `|group: TaskGroup|`, or by the type
    /// of what this returns. `body` is called with a handle of its own, so `async |group| { … }` and
    /// `|group| async move { … }` are the same; in a group that is spawned, both are [`Send`] if what they hold is.
    ///
    /// # Errors
    ///
    /// With all errors, in the order in which they came, the body's last. When the group was
    /// [cancelled](Self::cancel) before its body had ended, with
    /// [`Cancelled`](tidegate_timeout::Cancelled).
    ///
    /// # Panics
    ///
    /// When the body or a child panicked, with that panic, after everybody else has ended. Also when a scope that was
    /// cancelled polled this by reference, as `timeout(time, &mut future)` does, and it is polled again after that; or
    /// as `timeout(idle, unordered.next())` does with groups that are kept in a `FuturesUnordered`. Such groups are put
    /// there with [`in_current_scope`](tidegate_timeout::ScopeExt::in_current_scope), and belong to the place where that
    /// happens.
    ///
    /// # Cancel safety
    ///
    /// Weak. Dropping it drops the body and cancels the children; the nearest scope around that has not ended waits
    /// for them to clean up before it returns.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let result = TaskGroup::<BoxError>::scope(|group| async move {
    ///     group.spawn(async { Err::<(), _>("no paper".into()) });
    ///     group.spawn(std::future::pending::<Result<(), BoxError>>());
    ///     Ok("never")
    /// })
    /// .await;
    /// assert_eq!(result.unwrap_err().to_string(), "task group failed (1 error): no paper");
    /// # }
    /// ```
    #[track_caller]
    pub fn scope<T, B, Fut, Kind>(body: B) -> ScopeFut<T, E, B, Fut>
    where
        B: FnOnce(Self) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Failure<Kind>,
    {
        Builder::new().scope(body)
    }

    /// A group with a name, a limit, a deadline, another policy, …
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn builder() -> Builder<E> {
        Builder::new()
    }

    pub(crate) fn new(shared: Arc<Shared<E>>) -> Self {
        Self { shared }
    }

    /// Whether nobody can enter any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.core.closed().is_some()
    }

    #[cfg(test)]
    pub(crate) fn core(&self) -> &crate::core::Core {
        &self.shared.core
    }

    /// Spawns a child.
    ///
    /// Children may spawn children until the last one has ended. After that, and once the group was cancelled, the
    /// future is dropped and the [`Task`] says so. With a [limit](Builder::limit), the child waits for its turn.
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

    /// Waits until the [limit](Builder::limit) allows one child more, and spawns it.
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
    /// A child that is started does not count for the group's [limit](Builder::limit): it never waits for a turn. So a
    /// child may start another where the limit is one, and a server does not take the place of those that do the work.
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

    /// Spawns a child if the [limit](Builder::limit) allows it this instant.
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

    /// Moves the deadline of the group; [`Deadline::NEVER`] takes it away.
    ///
    /// One in the past ends the group at once. Where the group was cancelled before, by its deadline or otherwise, nothing
    /// happens. Deadlines of the scopes around hold all the same.
    ///
    /// asyncio moves that of a `timeout` so, trio and anyio that of a nursery's cancel scope.
    ///
    /// # Examples
    ///
    /// A session that ends when nothing has come for a minute:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # use tidegate_timeout::Deadline;
    /// # use tokio::time::{Instant, sleep};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// const IDLE: Duration = Duration::from_secs(60);
    ///
    /// let start = Instant::now();
    /// let session = TaskGroup::<BoxError>::builder().deadline(Deadline::after(IDLE));
    /// let ended = session.scope(async |group| {
    ///     let watch = group.clone();
    ///     group.spawn(async move {
    ///         for _message in 0..3 {
    ///             sleep(Duration::from_secs(50)).await;
    ///             watch.reschedule(Deadline::after(IDLE));
    ///         }
    ///         std::future::pending::<Result<(), BoxError>>().await
    ///     });
    ///     Ok(())
    /// });
    /// assert!(ended.await.is_err());
    /// assert_eq!(start.elapsed(), Duration::from_secs(50 + 50 + 50 + 60));
    /// # }
    /// ```
    pub fn reschedule(&self, deadline: Deadline) {
        self.shared.core.handle.reschedule(deadline);
        self.shared.core.signal.wake();
    }

    /// The deadline of the group, as it was last [set](Self::reschedule).
    ///
    /// An earlier one of a scope around does not show here, but in [`Deadline::ambient`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # use tidegate_timeout::Deadline;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let deadline = TaskGroup::<BoxError>::scope(async |group| Ok(group.deadline())).await;
    /// assert_eq!(deadline.unwrap(), Deadline::NEVER);
    /// # }
    /// ```
    pub fn deadline(&self) -> Deadline {
        self.shared.core.handle.deadline()
    }

    /// Cancels the body and all children, and lets nobody in any more.
    ///
    /// The first reason stays. A body that had ended keeps its value, and so does a child that is ready at once;
    /// a body that is cut off makes the scope return an error.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let value = TaskGroup::<BoxError>::scope(async |group| {
    ///     let background = group.clone();
    ///     group.spawn(async move {
    ///         background.cancel("that is enough");
    ///         std::future::pending().await
    ///     }) as tidegate_task_group::Task<()>;
    ///     Ok("done")
    /// })
    /// .await;
    /// assert_eq!(value.unwrap(), "done");
    /// # }
    /// ```
    pub fn cancel(&self, why: impl Into<CancelReason>) {
        self.shared.core.handle.cancel(why);
    }

    /// Asks the body and all children to come to an end by themselves, those of groups inside included.
    ///
    /// They learn of it by [`stop_requested`](tidegate_timeout::stop_requested) and
    /// [`is_stopping`](tidegate_timeout::is_stopping). Nobody is cancelled, and the group stays open: who winds down may
    /// spawn what it takes, which is stopping from the start. If all end in time, nothing distinguishes the result from
    /// that of any group.
    ///
    /// With a [grace](Builder::grace) that is not for ever. Who is still there when it has passed since the first
    /// request is cancelled, with [`CancelReason::Shutdown`]; and what another grace later is not done with cleaning up
    /// is dropped. It is the grace of the group that was asked which counts, not that of groups inside. Without one the
    /// group waits for as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # use tidegate_timeout::stop_requested;
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let served = TaskGroup::<BoxError>::builder()
    ///     .grace(Duration::from_secs(5))
    ///     .scope(async |group| {
    ///         let (sender, mut requests) = tokio::sync::mpsc::channel(8);
    ///         let server = group.spawn(async move {
    ///             let mut served = Vec::new();
    ///             loop {
    ///                 tokio::select! {
    ///                     biased;
    ///                     Some(request) = requests.recv() => served.push(request),
    ///                     () = stop_requested() => return Ok(served),
    ///                 }
    ///             }
    ///         });
    ///         sender.send("index.html").await?;
    ///         group.request_stop(); // as for Ctrl-C
    ///         Ok(server.await?)
    ///     })
    ///     .await;
    /// assert_eq!(served.unwrap(), ["index.html"]);
    /// # }
    /// ```
    pub fn request_stop(&self) {
        self.shared.request_stop();
    }

    /// Whether the group, or a scope around it, was asked to [stop](Self::request_stop) or cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// TaskGroup::<BoxError>::scope(async |group| {
    ///     assert!(!group.is_stopping());
    ///     group.request_stop();
    ///     assert!(group.is_stopping());
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// # }
    /// ```
    pub fn is_stopping(&self) -> bool {
        self.shared.core.handle.is_stopping()
    }

    /// The number of children that have not ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// TaskGroup::<BoxError>::scope(async |group| {
    ///     let task = group.spawn(async { Ok(()) });
    ///     assert_eq!(group.len(), 1);
    ///     task.await?;
    ///     assert!(group.is_empty());
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap();
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.shared.core.len()
    }

    /// Whether there is no child that has not ended.
    ///
    /// # Examples
    ///
    /// See [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How the group is doing.
    ///
    /// # Examples
    ///
    /// See [`GroupStatistics`].
    pub fn statistics(&self) -> GroupStatistics {
        self.shared.core.statistics()
    }

    /// What runs where, and since when: a copy that can be printed, and walked.
    ///
    /// From any task and any thread, for a look at a program that is busy, or stuck. Nobody is held up for longer than
    /// it takes to copy the list of one group's children.
    ///
    /// # Examples
    ///
    /// See [`TaskTree`].
    pub fn tree(&self) -> TaskTree {
        self.shared.tree()
    }

    #[track_caller]
    pub(crate) fn spawn_as<T, F, M>(
        &self,
        name: Option<Name>,
        location: &'static Location<'static>,
        future: F,
        manner: M,
    ) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
        M: Manner<T, E> + Send + 'static,
    {
        let turn = self.take_turn();
        self.spawn_in_turn(name, location, future, turn, manner)
    }

    #[track_caller]
    pub(crate) fn spawn_local_as<T, F, M>(
        &self,
        name: Option<Name>,
        location: &'static Location<'static>,
        future: F,
        manner: M,
    ) -> Task<T>
    where
        T: 'static,
        F: Future<Output = Result<T, E>> + 'static,
        E: 'static,
        M: Manner<T, E> + 'static,
    {
        let turn = self.take_turn();
        match Member::join(&self.shared, name.clone(), location) {
            Ok(member) => {
                let (child, stub) = self.make_child(member, future, turn, manner);
                stub.into_task(tokio::task::spawn_local(child))
            }
            Err(reason) => Task::refused(reason, name),
        }
    }

    #[track_caller]
    pub(crate) fn try_spawn_as<T, F, M>(
        &self,
        name: Option<Name>,
        location: &'static Location<'static>,
        future: F,
        manner: M,
    ) -> Result<Task<T>, TrySpawnError<F>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
        M: Manner<T, E> + Send + 'static,
    {
        if self.shared.core.closed().is_some() {
            return Err(TrySpawnError::Closed(future));
        }
        let turn = match &self.shared.core.card.limit {
            None => Turn::Come(None),
            Some(limit) => match Arc::clone(limit).try_acquire_owned() {
                Some(permit) => Turn::Come(Some(permit)),
                None => return Err(TrySpawnError::Full(future)),
            },
        };
        match Member::join(&self.shared, name, location) {
            Ok(member) => Ok(self.launch(member, future, turn, manner)),
            Err(_) => Err(TrySpawnError::Closed(future)),
        }
    }

    #[track_caller]
    pub(crate) fn spawn_in_turn<T, F, M>(
        &self,
        name: Option<Name>,
        location: &'static Location<'static>,
        future: F,
        turn: Turn,
        manner: M,
    ) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
        M: Manner<T, E> + Send + 'static,
    {
        match Member::join(&self.shared, name.clone(), location) {
            Ok(member) => self.launch(member, future, turn, manner),
            Err(reason) => Task::refused(reason, name),
        }
    }

    /// A permit or a place in line, if there is a limit.
    fn take_turn(&self) -> Turn {
        let core = &self.shared.core;
        Turn::join(core.card.limit.as_ref(), &core.scope)
    }

    #[track_caller]
    pub(crate) fn launch<T, F, M>(
        &self,
        member: Member<E>,
        future: F,
        turn: Turn,
        manner: M,
    ) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
        M: Manner<T, E> + Send + 'static,
    {
        let (child, stub) = self.make_child(member, future, turn, manner);
        stub.into_task(match &self.shared.runtime {
            Some(runtime) => runtime.spawn(child),
            None => tokio::spawn(child),
        })
    }

    /// A child that is to be spawned.
    fn make_child<T, F, M>(
        &self,
        member: Member<E>,
        future: F,
        turn: Turn,
        manner: M,
    ) -> (Child<Heir<F>, T, E, M>, Stub<T>)
    where
        F: Future<Output = Result<T, E>>,
    {
        let (id, name) = (member.id(), member.name().cloned());
        let shelf = std::mem::needs_drop::<T>().then(|| Arc::new(Shelf::new()));
        let child = Child::new(inherit(future), turn, shelf.clone(), member, manner);
        (child, Stub { shelf, core: Arc::clone(&self.shared.core), name, id })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<E>> {
        &self.shared
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("name", &self.shared.rules.name.as_ref().map(Name::as_str))
            .field("policy", &self.shared.rules.policy)
            .field("len", &self.len())
            .field("cancelled", &self.shared.core.handle.is_cancelled())
            .finish_non_exhaustive()
    }
}
