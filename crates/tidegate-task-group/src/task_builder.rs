use std::fmt;
use std::panic::Location;

use tidegate_timeout::Deadline;

use crate::bounded::SpawnBoundedFut;
use crate::error_group::BoxError;
use crate::group::TaskGroup;
use crate::manner::Timed;
use crate::origin::Name;
use crate::ready::Ready;
use crate::start::StartFut;
use crate::task::Task;
use crate::task_error::TrySpawnError;

/// A child that is about to be spawned; made by [`TaskGroup::task`].
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use tidegate_task_group::{BoxError, TaskGroup};
/// # use tidegate_timeout::Deadline;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let errors = TaskGroup::<BoxError>::scope(async |group| {
///     let soon = Deadline::after(Duration::from_secs(5));
///     group.task("printer").deadline(soon).spawn(std::future::pending::<Result<(), _>>());
///     Ok(())
/// })
/// .await
/// .unwrap_err();
/// assert!(format!("{errors:?}").contains("[printer] cancelled: the deadline passed"));
/// # }
/// ```
#[must_use = "nothing is spawned before `spawn` is called"]
pub struct TaskBuilder<'a, E = BoxError> {
    group: &'a TaskGroup<E>,
    name: Name,
    deadline: Deadline,
}

impl<'a, E> TaskBuilder<'a, E> {
    pub(crate) fn new(group: &'a TaskGroup<E>, name: Name) -> Self {
        Self { group, name, deadline: Deadline::NEVER }
    }

    /// Cancels the child at `deadline`, unless it has ended.
    ///
    /// It cleans up as after any cancellation, within the [grace](crate::Builder::grace) of the group. Its [`Task`]
    /// then says that it was [cancelled](crate::TaskError::Cancelled) by its deadline. For the group it has failed, with
    /// [`Cancelled`](tidegate_timeout::Cancelled), and is counted as that.
    ///
    /// The time in which it waits for the group's limit counts. If the group, or a scope around, has an earlier deadline
    /// or the same, it is that one which reports.
    ///
    /// # Panics
    ///
    /// The child panics when it has to wait and its runtime has no timer.
    ///
    /// # Examples
    ///
    /// See [`TaskBuilder`].
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// As [`TaskGroup::spawn`].
    ///
    /// # Panics
    ///
    /// As [`TaskGroup::spawn`].
    ///
    /// # Examples
    ///
    /// See [`TaskGroup::task`].
    #[track_caller]
    pub fn spawn<T, F>(self, future: F) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
    {
        let (group, name, location) = (self.group, Some(self.name), Location::caller());
        match self.deadline {
            Deadline::NEVER => group.spawn_as(name, location, future, ()),
            at => group.spawn_as(name, location, future, Timed::new(at)),
        }
    }

    /// As [`TaskGroup::spawn_bounded`].
    ///
    /// # Panics
    ///
    /// As [`TaskGroup::spawn_bounded`].
    ///
    /// # Cancel safety
    ///
    /// As [`TaskGroup::spawn_bounded`].
    ///
    /// # Examples
    ///
    /// See [`TaskGroup::spawn_bounded`].
    #[track_caller]
    pub fn spawn_bounded<T, F>(self, future: F) -> SpawnBoundedFut<F, E>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
    {
        SpawnBoundedFut::new(self.group, future, Some(self.name), self.deadline, Location::caller())
    }

    /// As [`TaskGroup::try_spawn`].
    ///
    /// # Errors
    ///
    /// As [`TaskGroup::try_spawn`].
    ///
    /// # Panics
    ///
    /// As [`TaskGroup::try_spawn`].
    ///
    /// # Examples
    ///
    /// See [`TrySpawnError`].
    #[track_caller]
    pub fn try_spawn<T, F>(self, future: F) -> Result<Task<T>, TrySpawnError<F>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
    {
        let (group, name, location) = (self.group, Some(self.name), Location::caller());
        match self.deadline {
            Deadline::NEVER => group.try_spawn_as(name, location, future, ()),
            at => group.try_spawn_as(name, location, future, Timed::new(at)),
        }
    }

    /// As [`TaskGroup::spawn_local`].
    ///
    /// # Panics
    ///
    /// As [`TaskGroup::spawn_local`].
    ///
    /// # Examples
    ///
    /// See [`TaskGroup::spawn_local`].
    #[track_caller]
    pub fn spawn_local<T, F>(self, future: F) -> Task<T>
    where
        T: 'static,
        F: Future<Output = Result<T, E>> + 'static,
        E: 'static,
    {
        let (group, name, location) = (self.group, Some(self.name), Location::caller());
        match self.deadline {
            Deadline::NEVER => group.spawn_local_as(name, location, future, ()),
            at => group.spawn_local_as(name, location, future, Timed::new(at)),
        }
    }

    /// As [`TaskGroup::start`]. A deadline that passes before the child is ready concerns the starter alone.
    ///
    /// # Errors
    ///
    /// As [`TaskGroup::start`].
    ///
    /// # Panics
    ///
    /// As [`TaskGroup::start`].
    ///
    /// # Cancel safety
    ///
    /// As [`TaskGroup::start`].
    ///
    /// # Examples
    ///
    /// See [`TaskGroup::start`].
    #[track_caller]
    pub fn start<S, T, B, Fut>(self, body: B) -> StartFut<S, T, E, B>
    where
        S: Send + 'static,
        T: Send + 'static,
        B: FnOnce(Ready<S>) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + 'static,
    {
        StartFut::new(self.group, body, Some(self.name), self.deadline, Location::caller())
    }
}

impl<E> fmt::Debug for TaskBuilder<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskBuilder")
            .field("name", &self.name.as_str())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
