use tidegate_timeout::CancelReason;

/// Why a [`Task`](crate::Task) gave no value.
///
/// A body or a child that passes this on with `?` does not blur the report: the group reports the error that was
/// the cause, and this one only if there is no other.
///
/// # Examples
///
/// ```
/// # use tidegate_task_group::{BoxError, Policy, TaskError, TaskGroup};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let errors = TaskGroup::<BoxError>::builder()
///     .policy(Policy::CollectAll)
///     .scope(async |group| {
///         let task = group.spawn(async { Err::<(), _>("no paper".into()) });
///         assert_eq!(task.await, Err(TaskError::Failed));
///         Ok(())
///     })
///     .await
///     .unwrap_err();
/// assert_eq!(errors.into_first().to_string(), "no paper");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// It failed; the group has the error.
    #[error("the task failed")]
    Failed,
    /// It was cancelled: aborted, by [its own deadline](crate::TaskBuilder::deadline), or together with its group.
    #[error("the task was cancelled: {0}")]
    Cancelled(CancelReason),
    /// It panicked, with this message.
    #[error("the task panicked: {0}")]
    Panicked(String),
}

impl TaskError {
    /// Whether the group reports what is behind this anyway.
    pub(crate) fn is_echo(&self) -> bool {
        use CancelReason::{Deadline, SiblingFailed};
        match self {
            Self::Failed | Self::Panicked(_) => true,
            Self::Cancelled(reason) => matches!(reason, SiblingFailed | Deadline),
        }
    }
}

/// Why [`TaskGroup::try_spawn`](crate::TaskGroup::try_spawn) did not spawn; gives the future back.
///
/// # Examples
///
/// ```
/// # use tidegate_task_group::{BoxError, TaskGroup, TrySpawnError};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// TaskGroup::<BoxError>::builder()
///     .limit(1)
///     .scope(async |group| {
///         group.spawn(async { Ok(()) });
///         let Err(TrySpawnError::Full(future)) = group.try_spawn(async { Ok(2) }) else {
///             panic!("there is room for one");
///         };
///         assert_eq!(future.await?, 2);
///         Ok(())
///     })
///     .await
///     .unwrap();
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySpawnError<F> {
    /// As many children as the group's limit allows are running, or waiting to run.
    #[error("the group is full")]
    Full(F),
    /// The group was cancelled, or is over.
    #[error("the group is closed")]
    Closed(F),
}

impl<F> TrySpawnError<F> {
    /// The future that was not spawned.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::TrySpawnError;
    /// assert_eq!(TrySpawnError::Full("future").into_inner(), "future");
    /// ```
    pub fn into_inner(self) -> F {
        match self {
            Self::Full(future) | Self::Closed(future) => future,
        }
    }
}

impl<F> std::fmt::Debug for TrySpawnError<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}
