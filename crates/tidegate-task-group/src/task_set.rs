// How it works
//
// A task that ends puts its result into a line, from which the stream takes it; a result that nobody will take any
// more is dropped by the task, before it counts as ended. Everything else is as in a group: a task has its place in
// the `Core`, lives in the set's scope, and is adopted by the scopes around when the set is dropped. A cancellation
// from around waits for the tasks, too, though nobody may be polling the set at that time: the `Core` holds a guard
// until the last has ended. Who waits for a result meanwhile does not see that cancellation, as in a group.
//
// Every spawn puts exactly one result into the line, also when the set was closed or cancelled and the future was
// dropped unpolled, or when the runtime went away.

mod line;
mod member;

use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tidegate_executor::JobCx;
use tidegate_semaphore::Semaphore;
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{CancelReason, ScopeHandle, current_scope};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, coop};

use crate::blocking::on_a_thread;
use crate::core::Core;
use crate::inherit::inherit;
use crate::remote::Remote;
use crate::task_error::TaskError;
use crate::tree::Card;
use crate::turn::Turn;
use line::Line;
use member::{Hosted, Member};

/// A set of tasks, and the stream of their results.
///
/// As a group, it owns its tasks and runs them inside the scope in which it was made; unlike one it has no body
/// and no policy: whoever has the set takes the results as they come. A panic is a result like others.
///
/// The stream ends when the results of all tasks have been taken. It can go on after that when more are spawned, as
/// [`FuturesUnordered`] does; while there are [spawners](Self::spawner) it waits for what they spawn, until it is
/// [closed](Self::close).
///
/// Dropping the set cancels its tasks; the nearest scope around waits for them to clean up before it returns.
///
/// [`FuturesUnordered`]: https://docs.rs/futures/latest/futures/stream/struct.FuturesUnordered.html
///
/// # Examples
///
/// ```
/// use tidegate_task_group::TaskSet;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut lengths = TaskSet::new().in_order();
/// for word in ["a", "tide", "gate"] {
///     lengths.spawn(async move { word.len() });
/// }
/// let mut sum = 0;
/// while let Some(length) = lengths.next().await {
///     sum += length.expect("it does not panic");
/// }
/// assert_eq!(sum, 9);
/// # }
/// ```
pub struct TaskSet<T> {
    set: Arc<Set<T>>,
    /// The scope around.
    outer: Option<ScopeHandle>,
    /// A result was kept back, because the scope around takes over.
    kept_back: bool,
}

/// What the set, its spawners and its tasks share.
struct Set<T> {
    core: Arc<Core>,
    line: Line<T>,
    /// Where tasks are spawned, also from threads that are not in a runtime.
    runtime: Option<Handle>,
}

impl<T> TaskSet<T> {
    /// An empty set, inside the current scope.
    ///
    /// # Examples
    ///
    /// See [`TaskSet`].
    #[expect(clippy::new_without_default, reason = "where it is called matters")]
    #[track_caller]
    pub fn new() -> Self {
        let outer = current_scope();
        let scope = Scope::new();
        let core = Core::new(scope.handle(), scope, Card::of_set(Location::caller()));
        core.hold();
        let set = Set { core, line: Line::new(), runtime: Handle::try_current().ok() };
        Self { set: Arc::new(set), outer, kept_back: false }
    }

    /// Lets at most `limit` of the tasks that are spawned from now on run at the same time.
    ///
    /// The others wait for their turn, in order. Results that were not taken do not count.
    ///
    /// # Panics
    ///
    /// When `limit` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_task_group::TaskSet;
    /// use tokio::time::{Instant, sleep};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let start = Instant::now();
    /// let mut naps = TaskSet::new().limit(2);
    /// for _ in 0..10 {
    ///     naps.spawn(async { sleep(Duration::from_secs(1)).await });
    /// }
    /// while naps.next().await.is_some() {}
    /// assert_eq!(start.elapsed(), Duration::from_secs(5));
    /// # }
    /// ```
    #[must_use = "the set is handed back"]
    #[track_caller]
    pub fn limit(self, limit: usize) -> Self {
        assert!(limit > 0, "a set whose limit is zero would never run a task");
        let limit = limit.min(Semaphore::MAX_PERMITS);
        self.set.line.set_limit(Arc::new(Semaphore::new(limit)));
        self
    }

    /// Gives the results in the order in which the tasks were spawned, not in which they end.
    ///
    /// A result waits until those before it have been taken.
    ///
    /// # Panics
    ///
    /// When something was spawned already.
    ///
    /// # Examples
    ///
    /// See [`TaskSet`].
    #[must_use = "the set is handed back"]
    #[track_caller]
    pub fn in_order(self) -> Self {
        self.set.line.set_in_order();
        self
    }

    /// Bounds the time to clean up after a cancellation, of the whole set or of one task.
    ///
    /// What is not done by then is dropped. Without it, there is no bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_task_group::TaskSet;
    ///
    /// let set = TaskSet::<()>::new().grace(Duration::from_secs(5));
    /// # drop(set);
    /// ```
    #[must_use = "the set is handed back"]
    pub fn grace(self, grace: Duration) -> Self {
        let _same = self.set.core.scope.clone().with_grace(grace);
        self
    }

    /// Spawns a task, whose result the stream will give.
    ///
    /// If the set was cancelled or [closed](Self::close), the future is dropped, and the result says so.
    ///
    /// # Panics
    ///
    /// When the set was not made in a tokio runtime and this is not called in one.
    ///
    /// # Examples
    ///
    /// See [`TaskSet`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> SetTask
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.set.spawn(future)
    }

    /// Spawns a task that blocks: it runs on a thread of [`to_thread`](tidegate_executor::to_thread).
    ///
    /// A task like any other; it ends, is cancelled and is limited as
    /// [that of a group](crate::TaskGroup::spawn_blocking).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_task_group::TaskSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut sums = TaskSet::new();
    /// for last in [10, 100] {
    ///     sums.spawn_blocking(move |_| (1..=last).sum::<u64>());
    /// }
    /// let mut all = 0;
    /// while let Some(sum) = sums.next().await {
    ///     all += sum.unwrap();
    /// }
    /// assert_eq!(all, 55 + 5050);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<W>(&self, work: W) -> SetTask
    where
        T: Send + 'static,
        W: FnOnce(&JobCx) -> T + Send + 'static,
    {
        self.set.spawn(on_a_thread(work))
    }

    /// Spawns a task that stays on its thread, and may therefore hold what cannot be sent.
    ///
    /// # Panics
    ///
    /// Outside of a [`LocalSet`](tokio::task::LocalSet) or local runtime; the task then counts as cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    /// use tidegate_task_group::TaskSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let length = async {
    ///     let mut set = TaskSet::new();
    ///     let words = Rc::new(["tide", "gate"]);
    ///     set.spawn_local(async move { words.concat().len() });
    ///     set.next().await
    /// };
    /// let length = tokio::task::LocalSet::new().run_until(length).await;
    /// assert_eq!(length, Some(Ok(8)));
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> SetTask
    where
        T: 'static,
        F: Future<Output = T> + 'static,
    {
        match self.set.admit(future) {
            Ok((id, task)) => self.set.spawned(id, tokio::task::spawn_local(task)),
            Err(refused) => refused,
        }
    }

    /// A handle with which others spawn tasks into the set, for instance its tasks.
    ///
    /// # Examples
    ///
    /// See [`Spawner`].
    pub fn spawner(&self) -> Spawner<T> {
        self.set.line.add_spawner();
        Spawner { set: Arc::clone(&self.set) }
    }

    /// The next result; `None` when all have been taken.
    ///
    /// # Cancel safety
    ///
    /// Strict. A result that was not given stays in the set.
    ///
    /// # Examples
    ///
    /// See [`TaskSet`].
    pub async fn next(&mut self) -> Option<Result<T, TaskError>> {
        self.next_with_id().await.map(|(_, result)| result)
    }

    /// The next result, with the [id](SetTask::id) of its task; `None` when all have been taken.
    ///
    /// # Cancel safety
    ///
    /// Strict. A result that was not given stays in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_task_group::TaskSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut set = TaskSet::new();
    /// let task = set.spawn(async { "done" });
    /// assert_eq!(set.next_with_id().await, Some((task.id(), Ok("done"))));
    /// # }
    /// ```
    pub async fn next_with_id(&mut self) -> Option<(u64, Result<T, TaskError>)> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The next result, if there is one this instant.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_task_group::TaskSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut set = TaskSet::new();
    /// set.spawn(async { 5 });
    /// assert_eq!(set.try_next(), None);
    /// tokio::task::yield_now().await;
    /// assert_eq!(set.try_next(), Some(Ok(5)));
    /// # }
    /// ```
    pub fn try_next(&mut self) -> Option<Result<T, TaskError>> {
        self.set.line.take().map(|(_, result)| result)
    }

    /// Lets nobody in any more: the stream ends when the results of those inside have been taken. Whoever is spawned
    /// all the same still adds a result, which says that it was refused.
    ///
    /// # Examples
    ///
    /// See [`Spawner`].
    pub fn close(&self) {
        self.set.line.close();
    }

    /// Cancels all tasks, and lets nobody in any more. The first reason stays.
    ///
    /// Their results say so, but for those that are ready all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use tidegate_task_group::{TaskError, TaskSet};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut set = TaskSet::<()>::new();
    /// set.spawn(pending());
    /// set.cancel("closing time");
    /// assert!(matches!(set.next().await, Some(Err(TaskError::Cancelled(_)))));
    /// assert_eq!(set.next().await, None);
    /// # }
    /// ```
    pub fn cancel(&self, why: impl Into<CancelReason>) {
        self.set.core.handle.cancel(why);
    }

    /// How many results have not been taken: those of tasks that run or wait, and those that are there.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_task_group::TaskSet;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut set = TaskSet::new();
    /// set.spawn(async {});
    /// assert_eq!(set.len(), 1);
    /// set.next().await;
    /// assert!(set.is_empty());
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.set.line.len()
    }

    /// Whether all results have been taken.
    ///
    /// # Examples
    ///
    /// See [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<(u64, Result<T, TaskError>)>> {
        let budget = ready!(coop::poll_proceed(cx));
        let polled = self.set.line.poll(cx);
        let cancelled = match &polled {
            Poll::Ready(Some((_, result))) => matches!(result, Err(TaskError::Cancelled(_))),
            Poll::Ready(None) => self.kept_back,
            Poll::Pending => return Poll::Pending,
        };
        if cancelled && self.is_taken_over() {
            self.kept_back = true;
            return Poll::Pending;
        }
        budget.made_progress();
        polled
    }

    /// Whether a scope around was cancelled and is about to drop whoever polls this.
    fn is_taken_over(&self) -> bool {
        let cancelled = self.outer.as_ref().is_some_and(ScopeHandle::is_cancelled);
        cancelled && self.set.core.scope.is_dropped_from_around()
    }
}

impl<T> Set<T> {
    #[track_caller]
    fn spawn<F>(self: &Arc<Self>, future: F) -> SetTask
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (id, task) = match self.admit(future) {
            Ok(admitted) => admitted,
            Err(refused) => return refused,
        };
        let join = match &self.runtime {
            Some(runtime) => runtime.spawn(task),
            None => tokio::spawn(task),
        };
        self.spawned(id, join)
    }

    /// A task with its place in the set, ready to be spawned; or what is left of one that may not be.
    #[track_caller]
    fn admit<F>(
        self: &Arc<Self>,
        future: F,
    ) -> Result<(u64, Hosted<impl Future<Output = T> + use<F, T>>), SetTask>
    where
        F: Future<Output = T>,
    {
        let (id, limit, closed) = self.line.announce();
        let closed = closed.or_else(|| self.core.closed());
        let entered = closed.is_none() && self.core.enter().is_some();
        let in_time = entered && self.core.is_in_time();
        if entered && !in_time {
            self.core.child_ended();
        }
        if !in_time {
            let reason = closed.unwrap_or_else(|| self.core.reason());
            self.line.put(id, Err(TaskError::Cancelled(reason)));
            return Err(SetTask { id, remote: None });
        }
        let member = Member::new(Arc::clone(self), id, Location::caller());
        let turn = Turn::join(limit.as_ref(), &self.core.scope);
        Ok((id, Hosted::new(self.core.scope.host(inherit(future)), turn, member)))
    }

    fn spawned(&self, id: u64, join: JoinHandle<()>) -> SetTask {
        SetTask { id, remote: Some(Remote::new(join, Arc::clone(&self.core), id)) }
    }
}

impl<T> Stream for TaskSet<T> {
    type Item = Result<T, TaskError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx).map(|item| item.map(|(_, result)| result))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), None)
    }
}

impl<T> Unpin for TaskSet<T> {}

impl<T> Drop for TaskSet<T> {
    fn drop(&mut self) {
        let drop_results = || self.set.line.abandon();
        self.set.core.abandon("the task set was dropped", true, drop_results);
    }
}

impl<T> fmt::Debug for TaskSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSet")
            .field("len", &self.len())
            .field("running", &self.set.core.len())
            .field("cancelled", &self.set.core.handle.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// Spawns tasks into a [`TaskSet`]; made by [`TaskSet::spawner`].
///
/// While there is one, the set's stream waits for what it may spawn.
///
/// # Examples
///
/// ```
/// use tidegate_task_group::TaskSet;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut set = TaskSet::new();
/// let spawner = set.spawner();
/// let producer = tokio::spawn(async move {
///     for number in 0..3 {
///         tokio::task::yield_now().await;
///         spawner.spawn(async move { number });
///     }
/// });
/// let mut sum = 0;
/// while let Some(number) = set.next().await {
///     sum += number.unwrap();
/// }
/// assert_eq!(sum, 3);
/// # producer.await.unwrap();
/// # }
/// ```
pub struct Spawner<T> {
    set: Arc<Set<T>>,
}

impl<T> Spawner<T> {
    /// As [`TaskSet::spawn`].
    ///
    /// # Panics
    ///
    /// As [`TaskSet::spawn`].
    ///
    /// # Examples
    ///
    /// See [`Spawner`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> SetTask
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.set.spawn(future)
    }
}

impl<T> Clone for Spawner<T> {
    fn clone(&self) -> Self {
        self.set.line.add_spawner();
        Self { set: Arc::clone(&self.set) }
    }
}

impl<T> Drop for Spawner<T> {
    fn drop(&mut self) {
        self.set.line.remove_spawner();
    }
}

impl<T> fmt::Debug for Spawner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").field("len", &self.set.line.len()).finish_non_exhaustive()
    }
}

/// A task of a [`TaskSet`], to abort it. Dropping this does nothing.
///
/// # Examples
///
/// ```
/// use std::future::pending;
/// use tidegate_task_group::{TaskError, TaskSet};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut set = TaskSet::<()>::new();
/// let forever = set.spawn(pending());
/// forever.abort();
/// assert!(matches!(set.next().await, Some(Err(TaskError::Cancelled(_)))));
/// assert!(forever.is_finished());
/// # }
/// ```
pub struct SetTask {
    id: u64,
    remote: Option<Remote<()>>,
}

impl SetTask {
    /// Cancels this task alone, as [`Task::abort`](crate::Task::abort).
    ///
    /// # Examples
    ///
    /// See [`SetTask`].
    pub fn abort(&self) {
        self.remote.iter().for_each(Remote::abort);
    }

    /// Its number: how many were spawned into the set before it.
    ///
    /// # Examples
    ///
    /// See [`TaskSet::next_with_id`].
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether it has ended. On another thread, that is a moment after its result can be taken.
    ///
    /// # Examples
    ///
    /// See [`SetTask`].
    pub fn is_finished(&self) -> bool {
        self.remote.as_ref().is_none_or(Remote::is_finished)
    }
}

impl fmt::Debug for SetTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetTask")
            .field("id", &self.id)
            .field("finished", &self.is_finished())
            .finish()
    }
}
