mod launch;
mod spawn;
mod steer;

use std::fmt;
use std::sync::Arc;

use crate::builder::Builder;
use crate::error_group::BoxError;
use crate::failure::Failure;
use crate::origin::Name;
use crate::scope::ScopeFut;
use crate::shared::Shared;

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
    /// - A child that is [cancelled alone](crate::Task::abort) is no failure.
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
