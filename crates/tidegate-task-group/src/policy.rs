/// What the failure of a child means for the others.
///
/// The body is not a child: when it fails, all children are cancelled, except under
/// [`CollectAll`](Self::CollectAll).
///
/// # Examples
///
/// ```
/// # use tidegate_task_group::{BoxError, Policy, TaskGroup};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let errors = TaskGroup::<BoxError>::builder()
///     .policy(Policy::CollectAll)
///     .scope(async |group| {
///         for name in ["paper", "ink"] {
///             group.spawn(async move { Err::<(), _>(format!("no {name}").into()) });
///         }
///         Ok(())
///     })
///     .await
///     .unwrap_err();
/// assert_eq!(errors.len(), 2);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// The first failure cancels the body and the other children. All errors are reported.
    #[default]
    FailFast,
    /// A failure cancels nobody. All errors are reported once everybody has ended.
    CollectAll,
    /// A child's failure is counted in the statistics, dropped, and otherwise of no consequence.
    ///
    /// For servers, whose connections fail one by one. What fails the group is its body, or a panic if these are
    /// [propagated](OnPanic::Propagate).
    Supervise,
    /// The first child that succeeds cancels the other children, and errors do not matter any more.
    ///
    /// The body goes on: it has the [`Task`](crate::Task)s and finds out who won. If no child succeeded, all errors
    /// are reported.
    FirstSuccess,
}

/// What becomes of a panic in a child.
///
/// # Examples
///
/// See [`Panicked`](crate::Panicked).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnPanic {
    /// It ends the group, whatever the policy, and goes on in the caller once everybody has ended.
    ///
    /// Of several panics the first goes on. Errors are lost then, as they are when the caller itself panics.
    #[default]
    Propagate,
    /// It is a failure like others, and is reported with its message, its task and its place.
    Capture,
}
