use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::time::Duration;

use tidegate_timeout::Deadline;

use crate::error_group::{BoxError, Ways};
use crate::failure::Failure;
use crate::group::TaskGroup;
use crate::origin::Name;
use crate::policy::{OnPanic, Policy};
use crate::scope::{Plan, ScopeFut};
use crate::shared::Rules;

/// A group that is about to be opened; made by [`TaskGroup::builder`].
///
/// # Examples
///
/// ```
/// # use tidegate_task_group::{BoxError, Policy, TaskGroup};
/// # use tidegate_timeout::Deadline;
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let count = TaskGroup::<BoxError>::builder()
///     .name("crawler")
///     .limit(16)
///     .policy(Policy::CollectAll)
///     .deadline(Deadline::after(Duration::from_secs(30)))
///     .grace(Duration::from_secs(5))
///     .scope(async |group| {
///         (0..100).for_each(|_| drop(group.spawn(async { Ok(()) })));
///         Ok(group.len())
///     })
///     .await;
/// assert_eq!(count.unwrap(), 100);
/// # }
/// ```
#[must_use = "nothing happens before `scope` is called and awaited"]
pub struct Builder<E = BoxError> {
    name: Option<Name>,
    policy: Policy,
    on_panic: OnPanic,
    limit: Option<usize>,
    deadline: Deadline,
    grace: Option<Duration>,
    error: PhantomData<fn() -> E>,
}

impl<E> Builder<E> {
    pub(crate) fn new() -> Self {
        Self {
            name: None,
            policy: Policy::default(),
            on_panic: OnPanic::default(),
            limit: None,
            deadline: Deadline::NEVER,
            grace: None,
            error: PhantomData,
        }
    }

    /// Names the group, in its error.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into().into());
        self
    }

    /// What the failure of a child means for the others.
    ///
    /// # Examples
    ///
    /// See [`Policy`].
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// What becomes of a panic in a child.
    ///
    /// # Examples
    ///
    /// See [`Panicked`](crate::Panicked).
    pub fn on_panic(mut self, on_panic: OnPanic) -> Self {
        self.on_panic = on_panic;
        self
    }

    /// Lets at most `limit` children run at the same time.
    ///
    /// More may be [spawned](TaskGroup::spawn); they wait for their turn, in order. A child that awaits another one of
    /// its own group keeps its place meanwhile, so a limit and children that wait for children do not go together.
    /// Children that are [started](TaskGroup::start) do not count.
    ///
    /// # Panics
    ///
    /// When `limit` is zero.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        assert!(limit > 0, "a group whose limit is zero would never run a child");
        self.limit = Some(limit);
        self
    }

    /// Cancels the group at `deadline`, unless everybody has ended.
    ///
    /// The scope then fails with [`Cancelled`](tidegate_timeout::Cancelled) beside whatever else went wrong. If a
    /// scope around has an earlier deadline, or the same, it is that one which reports.
    /// [`TaskGroup::reschedule`](crate::TaskGroup::reschedule) moves it.
    ///
    /// # Panics
    ///
    /// The scope panics when it has to wait and is polled outside of a tokio runtime with a timer.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// Bounds the time to clean up after a cancellation, and before that the time to
    /// [stop](TaskGroup::request_stop) in.
    ///
    /// What is not done with cleaning up by then is dropped. Without it, the group waits for as long as it takes.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Opens the group: as [`TaskGroup::scope`], with these settings.
    ///
    /// # Errors
    ///
    /// As [`TaskGroup::scope`].
    ///
    /// # Panics
    ///
    /// As [`TaskGroup::scope`].
    ///
    /// # Cancel safety
    ///
    /// As [`TaskGroup::scope`].
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    #[track_caller]
    pub fn scope<T, B, Fut, Kind>(self, body: B) -> ScopeFut<T, E, B, Fut>
    where
        B: FnOnce(TaskGroup<E>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Failure<Kind>,
    {
        let rules = Rules {
            name: self.name,
            policy: self.policy,
            on_panic: self.on_panic,
            grace: self.grace,
            location: Location::caller(),
        };
        let plan = Plan { rules, limit: self.limit, deadline: self.deadline, ways: Ways::new() };
        ScopeFut::new(plan, body)
    }
}

impl<E> fmt::Debug for Builder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name.as_ref().map(Name::as_str))
            .field("policy", &self.policy)
            .field("on_panic", &self.on_panic)
            .field("limit", &self.limit)
            .field("deadline", &self.deadline)
            .field("grace", &self.grace)
            .finish()
    }
}
