//! Ours.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::{Clear, Contender};
use crate::guarantee::{Guarantee, Who};

pub(crate) use tidegate_barrier::Barrier;
pub(crate) use tidegate_event::Event;
use tidegate_executor::{
    Job, JobError, SlowPollWatch, ThreadPool, TimerHandle, call_later, watched,
};
use tidegate_lock::{Barging, LockGuard, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use tidegate_semaphore::Semaphore;
use tidegate_semaphore::{Closed, Permit};
use tidegate_task_group::{BoxError, Policy, TaskGroup, gather};
pub(crate) use tidegate_time_lock::TimeLock;
use tidegate_timeout::scope::{self, Ended};
use tidegate_timeout::{ScopeExt, ScopeHandle, cancel_scope, checkpoint};

impl Contender for Semaphore {
    const WHO: Who = Who::ours("tidegate", Guarantee::Fifo);
}

impl super::Semaphore for Semaphore {
    type Permit<'a> = Result<Permit<'a>, Closed>;

    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }
    #[inline(always)]
    fn try_acquire(&self) -> Option<Self::Permit<'_>> {
        self.try_acquire().map(Ok)
    }
    #[inline(always)]
    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.acquire()
    }
    fn free(&self) -> usize {
        self.available_permits()
    }
}

impl super::SemaphoreMany for Semaphore {
    #[inline(always)]
    fn acquire_many(&self, n: usize) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.acquire_many(n)
    }
}

impl Contender for Event {
    const WHO: Who = Who::ours("tidegate", Guarantee::Released);
}

impl super::Event for Event {
    fn new() -> Self {
        Event::new()
    }
    #[inline(always)]
    fn set(&self) {
        self.set();
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.is_set()
    }
    #[inline(always)]
    fn wait(&self) -> impl Future<Output = ()> + Send {
        self.wait()
    }
}

impl Clear for Event {
    #[inline(always)]
    fn clear(&self) {
        self.clear();
    }
}

impl Contender for TimeLock {
    const WHO: Who = Who::ours("tidegate", Guarantee::Fifo);
}

impl super::OpenGate for TimeLock {
    fn new() -> Self {
        TimeLock::new()
    }
    #[inline(always)]
    async fn pass(&self) {
        self.acquire().await.expect("it is not closed").ok();
    }
    #[inline(always)]
    fn try_pass(&self) {
        self.try_acquire().expect("it is open").ok();
    }
}

impl Contender for Barrier {
    const WHO: Who = Who::ours("tidegate", Guarantee::Fifo);
}

impl super::Barrier for Barrier {
    fn new(parties: usize) -> Self {
        Barrier::new(parties)
    }
    #[inline(always)]
    async fn wait(&self) -> bool {
        self.wait().await.expect("nobody breaks it").is_leader()
    }
}

pub(crate) type Lock = tidegate_lock::Lock<u64>;
pub(crate) type BargingLock = tidegate_lock::Lock<u64, Barging>;

impl Contender for Lock {
    const WHO: Who = Who::ours("tidegate", Guarantee::Fifo);
}

impl super::Lock for Lock {
    type Guard<'a> = LockGuard<'a, u64>;

    fn new() -> Self {
        Lock::new(0)
    }
    #[inline(always)]
    fn try_lock(&self) -> Option<Self::Guard<'_>> {
        self.try_lock()
    }
    #[inline(always)]
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock()
    }
}

impl Contender for BargingLock {
    const WHO: Who = Who::ours("tidegate (Barging)", Guarantee::Barging);
}

impl super::Lock for BargingLock {
    type Guard<'a> = LockGuard<'a, u64, Barging>;

    fn new() -> Self {
        BargingLock::with_policy(0)
    }
    #[inline(always)]
    fn try_lock(&self) -> Option<Self::Guard<'_>> {
        self.try_lock()
    }
    #[inline(always)]
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock()
    }
}

pub(crate) type RwLock = tidegate_lock::RwLock<u64>;

impl Contender for RwLock {
    const WHO: Who = Who::ours("tidegate", Guarantee::Fifo);
}

impl super::RwLock for RwLock {
    type Read<'a> = RwLockReadGuard<'a, u64>;
    type Write<'a> = RwLockWriteGuard<'a, u64>;

    fn new() -> Self {
        RwLock::new(0)
    }
    #[inline(always)]
    fn try_read(&self) -> Option<Self::Read<'_>> {
        self.try_read()
    }
    #[inline(always)]
    fn read(&self) -> impl Future<Output = Self::Read<'_>> + Send {
        self.read()
    }
    #[inline(always)]
    fn write(&self) -> impl Future<Output = Self::Write<'_>> + Send {
        self.write()
    }
}

pub(crate) use tidegate_queue::{PriorityQueue, Queue};

macro_rules! queue {
    ($queue:ident, $who:expr) => {
        impl Contender for $queue<u64> {
            const WHO: Who = $who;
        }

        impl super::Queue for $queue<u64> {
            type Put = Arc<Self>;
            type Get = Arc<Self>;

            fn bounded(capacity: usize) -> (Self::Put, Self::Get) {
                let queue = Arc::new($queue::bounded(capacity));
                (Arc::clone(&queue), queue)
            }
            #[inline(always)]
            fn try_put(to: &Self::Put, item: u64) -> bool {
                to.try_put(item).is_ok()
            }
            #[inline(always)]
            fn try_get(from: &mut Self::Get) -> Option<u64> {
                from.try_get().ok()
            }
            #[inline(always)]
            async fn put(to: &Self::Put, item: u64) {
                to.put(item).await.expect("nobody shuts it down");
            }
            #[inline(always)]
            async fn get(from: &mut Self::Get) -> u64 {
                from.get().await.expect("nobody shuts it down")
            }
        }

        impl super::Shared for $queue<u64> {
            fn another_put(to: &Self::Put) -> Self::Put {
                Arc::clone(to)
            }
            fn another_get(from: &Self::Get) -> Self::Get {
                Arc::clone(from)
            }
        }
    };
}

queue!(Queue, Who::ours("tidegate", Guarantee::Fifo));
queue!(PriorityQueue, Who::ours("tidegate", Guarantee::Fifo));

/// The condition, with the lock that belongs to it.
pub(crate) struct Condition {
    condition: tidegate_condition::Condition,
    lock: Lock,
}

impl Contender for Condition {
    const WHO: Who = Who::ours("tidegate", Guarantee::Fifo);
}

impl super::Condition for Condition {
    type Guard<'a> = LockGuard<'a, u64>;

    fn new() -> Self {
        Self { condition: tidegate_condition::Condition::new(), lock: Lock::new(0) }
    }
    #[inline(always)]
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock.lock()
    }
    #[inline(always)]
    fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> impl Future<Output = Self::Guard<'a>> + Send {
        self.condition.wait(guard)
    }
    #[inline(always)]
    fn notify_one(&self) {
        self.condition.notify_one();
    }
    #[inline(always)]
    fn notify_all(&self) {
        self.condition.notify_all();
    }
}

/// [`tidegate_timeout::timeout`].
pub(crate) struct Timeout;

impl Contender for Timeout {
    const WHO: Who = Who::ours("tidegate", Guarantee::InTime);
}

impl super::Timeout for Timeout {
    type Ended<T: Send> = Result<T, tidegate_timeout::Elapsed>;

    #[inline(always)]
    fn timeout<F>(after: Duration, future: F) -> impl Future<Output = Self::Ended<F::Output>> + Send
    where
        F: Future<Output: Send> + Send,
    {
        tidegate_timeout::timeout(after, future)
    }
    #[inline(always)]
    fn value<T: Send>(ended: Self::Ended<T>) -> Option<T> {
        ended.ok()
    }
}

/// [`tidegate_timeout::scope::Scope`].
pub(crate) struct Scope(scope::Scope);

impl Contender for Scope {
    const WHO: Who = Who::ours("tidegate", Guarantee::Reaches);
}

impl super::Scope for Scope {
    fn new() -> Self {
        Self(scope::Scope::new())
    }
    #[inline(always)]
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.enter(f)
    }
    #[inline(always)]
    fn carry<F: Future + Send>(&self, future: F) -> impl Future<Output = F::Output> + Send {
        self.0.enter(|| future.in_current_scope())
    }
    #[inline(always)]
    fn child(&self) -> Self {
        Self(scope::Scope::new())
    }
    fn cancel(&self) {
        self.0.handle().cancel("enough");
    }
    #[inline(always)]
    async fn run<F>(&self, future: F) -> Option<F::Output>
    where
        F: Future<Output: Send> + Send,
    {
        match self.0.run(future).await {
            Ended::Value(value) => Some(value),
            Ended::Cancelled(_) | Ended::Panicked(_) => None,
        }
    }
    #[inline(always)]
    async fn run_in_child<F>(&self, future: F) -> Option<F::Output>
    where
        F: Future<Output: Send> + Send,
    {
        cancel_scope(async |_| future.await).await.ok()
    }
}

/// Held in the hand.
pub(crate) struct Handle(ScopeHandle);

impl Contender for Handle {
    const WHO: Who = Who::ours("tidegate", Guarantee::Reaches);
}

impl super::Ask for Handle {
    fn new() -> Self {
        Self(scope::Scope::new().handle())
    }
    #[inline(always)]
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
    fn cancel(&self) {
        self.0.cancel("enough");
    }
    #[inline(always)]
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Asked by whoever knows of no scope.
pub(crate) struct Checkpoint(scope::Scope);

impl Contender for Checkpoint {
    const WHO: Who = Who::ours("tidegate checkpoint", Guarantee::Reaches);
}

impl super::Ask for Checkpoint {
    fn new() -> Self {
        Self(scope::Scope::new())
    }
    #[inline(always)]
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.enter(f)
    }
    fn cancel(&self) {
        self.0.handle().cancel("enough");
    }
    #[inline(always)]
    fn is_cancelled(&self) -> bool {
        checkpoint().is_err()
    }
}

/// Children of a task group.
pub(crate) struct Group;

impl Contender for Group {
    const WHO: Who = Who::ours("tidegate", Guarantee::Joins);
}

impl super::Group for Group {
    async fn run<F>(n: u64, child: impl Fn() -> F + Send)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let all = TaskGroup::<BoxError>::scope(|group| async move {
            for _ in 0..n {
                drop(group.spawn(child().map(Ok)));
            }
            Ok(())
        });
        all.await.expect("no child fails");
    }
}

impl super::Supervisor for Group {
    async fn serve<F, L>(
        times: u64,
        tasks: u64,
        task: impl Fn() -> F + Send,
        mut look: impl FnMut() -> L + Send,
    ) where
        F: Future<Output = ()> + Send + 'static,
        L: Future<Output = ()> + Send,
    {
        let all =
            TaskGroup::<BoxError>::builder().policy(Policy::Supervise).scope(|group| async move {
                for _ in 0..times {
                    for _ in 0..tasks {
                        drop(group.spawn(task().map(Ok)));
                    }
                    look().await;
                }
                Ok(())
            });
        all.await.expect("no child fails");
    }
}

/// Futures in one task.
pub(crate) struct Together;

impl Contender for Together {
    const WHO: Who = Who::ours("tidegate", Guarantee::Joins);
}

impl super::Together for Together {
    async fn sum<F>(futures: Vec<F>) -> u64
    where
        F: Future<Output = u64> + Send,
    {
        let futures = futures.into_iter().map(|it| async { Ok::<_, ()>(it.await) });
        gather(futures).await.expect("none fails").into_iter().sum()
    }
}

/// At most four.
pub(crate) struct Threads(ThreadPool);

impl Contender for Threads {
    const WHO: Who = Who::ours("tidegate", Guarantee::Fifo);
}

impl super::Threads for Threads {
    type Running = Job<u64>;
    type Error = JobError;

    fn new() -> Self {
        Self(ThreadPool::builder().threads(1..=4).queue(100_000).build())
    }
    fn start(&self, job: fn() -> u64) -> Job<u64> {
        self.0.submit(move |_| job()).expect("there is room")
    }
}

pub(crate) struct Alarm;

impl Contender for Alarm {
    const WHO: Who = Who::ours("tidegate", Guarantee::InTime);
}

impl super::Alarm for Alarm {
    type Set = TimerHandle;

    fn set() -> TimerHandle {
        call_later(Duration::from_secs(3600), || {})
    }
    fn cancel(alarm: TimerHandle) {
        assert!(alarm.cancel());
    }
}

/// Under a watch that looks.
pub(crate) struct Watching;

impl Contender for Watching {
    const WHO: Who = Who::ours("tidegate watched", Guarantee::Seen);
}

impl super::Watch for Watching {
    type Watch = SlowPollWatch;

    fn start() -> SlowPollWatch {
        SlowPollWatch::to_stderr(SlowPollWatch::THRESHOLD).expect("a thread")
    }
    fn watched<F: Future>(future: F) -> impl Future<Output = F::Output> {
        watched("polled", future)
    }
}

/// The same future, and nobody looks.
pub(crate) struct Unwatched;

impl Contender for Unwatched {
    const WHO: Who = Who::ours("tidegate watched, no watch", Guarantee::Seen);
}

impl super::Watch for Unwatched {
    type Watch = ();

    fn start() {}
    fn watched<F: Future>(future: F) -> impl Future<Output = F::Output> {
        watched("polled", future)
    }
}
