//! How a group is ended, and what there is to see of it.

use tidegate_timeout::{CancelReason, Deadline};

use crate::group::TaskGroup;
use crate::statistics::GroupStatistics;
use crate::tree::TaskTree;

impl<E> TaskGroup<E> {
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
    /// With a [grace](crate::Builder::grace) that is not for ever. Who is still there when it has passed since the first
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
}
