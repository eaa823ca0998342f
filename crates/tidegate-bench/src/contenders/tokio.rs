//! tokio, and tokio-util's token.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{
    AcquireError, MutexGuard, Notify, RwLockReadGuard, RwLockWriteGuard, SemaphorePermit, mpsc,
    watch,
};
use tokio::task::{JoinError, JoinHandle, JoinSet, spawn_blocking};
pub(crate) use tokio_util::sync::CancellationToken as Token;
use tokio_util::task::TaskTracker;

use super::{Clear, Contender};
use crate::guarantee::{Guarantee, Who};

pub(crate) use tokio::sync::Semaphore;

impl Contender for Semaphore {
    const WHO: Who = Who::peer("tokio", Guarantee::Fifo);
}

impl super::Semaphore for Semaphore {
    type Permit<'a> = Result<SemaphorePermit<'a>, AcquireError>;

    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }
    #[inline(always)]
    fn try_acquire(&self) -> Option<Self::Permit<'_>> {
        self.try_acquire().ok().map(Ok)
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
        self.acquire_many(n as u32)
    }
}

/// What one writes for want of an event.
pub(crate) struct NotifyAndFlag {
    flag: AtomicBool,
    notify: Notify,
}

impl Contender for NotifyAndFlag {
    const WHO: Who = Who::peer("tokio Notify + flag", Guarantee::Released);
}

impl super::Event for NotifyAndFlag {
    fn new() -> Self {
        Self { flag: AtomicBool::new(false), notify: Notify::new() }
    }
    #[inline(always)]
    fn set(&self) {
        self.flag.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }
    #[inline(always)]
    async fn wait(&self) {
        if self.is_set() {
            return;
        }
        // From here on a `set` counts, so the second look cannot come too late.
        let notified = self.notify.notified();
        if !self.is_set() {
            notified.await;
        }
    }
}

impl Clear for NotifyAndFlag {
    #[inline(always)]
    fn clear(&self) {
        self.flag.store(false, Ordering::Release);
    }
}

/// A watched flag.
pub(crate) struct Watch(watch::Sender<bool>);

impl Contender for Watch {
    const WHO: Who = Who::peer("tokio watch", Guarantee::Missable);
}

impl super::Event for Watch {
    fn new() -> Self {
        Self(watch::Sender::new(false))
    }
    #[inline(always)]
    fn set(&self) {
        self.0.send_replace(true);
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        *self.0.borrow()
    }
    #[inline(always)]
    async fn wait(&self) {
        let mut receiver = self.0.subscribe();
        receiver.wait_for(|it| *it).await.expect("the sender is here");
    }
}

impl Clear for Watch {
    #[inline(always)]
    fn clear(&self) {
        self.0.send_replace(false);
    }
}

impl Contender for Token {
    const WHO: Who = Who::peer("tokio-util CancellationToken", Guarantee::OneWay);
}

impl super::Event for Token {
    fn new() -> Self {
        Token::new()
    }
    #[inline(always)]
    fn set(&self) {
        self.cancel();
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.is_cancelled()
    }
    #[inline(always)]
    fn wait(&self) -> impl Future<Output = ()> + Send {
        self.cancelled()
    }
}

pub(crate) use tokio::sync::Mutex;

pub(crate) type Lock = Mutex<u64>;

impl Contender for Lock {
    const WHO: Who = Who::peer("tokio", Guarantee::Fifo);
}

impl super::Lock for Lock {
    type Guard<'a> = MutexGuard<'a, u64>;

    fn new() -> Self {
        Mutex::new(0)
    }
    #[inline(always)]
    fn try_lock(&self) -> Option<Self::Guard<'_>> {
        self.try_lock().ok()
    }
    #[inline(always)]
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock()
    }
}

pub(crate) type RwLock = tokio::sync::RwLock<u64>;

impl Contender for RwLock {
    const WHO: Who = Who::peer("tokio", Guarantee::Fifo);
}

/// Shut by whoever writes: the gate that one makes of what is there.
impl super::OpenGate for RwLock {
    fn new() -> Self {
        RwLock::new(0)
    }
    #[inline(always)]
    async fn pass(&self) {
        drop(self.read().await);
    }
    #[inline(always)]
    fn try_pass(&self) {
        drop(RwLock::try_read(self).expect("it is open"));
    }
}

impl super::RwLock for RwLock {
    type Read<'a> = RwLockReadGuard<'a, u64>;
    type Write<'a> = RwLockWriteGuard<'a, u64>;

    fn new() -> Self {
        RwLock::new(0)
    }
    #[inline(always)]
    fn try_read(&self) -> Option<Self::Read<'_>> {
        self.try_read().ok()
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

/// What one writes for want of a condition.
pub(crate) struct NotifyAndLock {
    notify: Notify,
    lock: Mutex<u64>,
}

impl Contender for NotifyAndLock {
    const WHO: Who = Who::peer("tokio Notify + Mutex", Guarantee::Fifo)
        .note("a notification that finds nobody waiting is kept for the next one");
}

impl super::Condition for NotifyAndLock {
    type Guard<'a> = MutexGuard<'a, u64>;

    fn new() -> Self {
        Self { notify: Notify::new(), lock: Mutex::new(0) }
    }
    #[inline(always)]
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock.lock()
    }
    #[inline(always)]
    async fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> Self::Guard<'a> {
        let mut notified = pin!(self.notify.notified());
        notified.as_mut().enable();
        drop(guard);
        notified.await;
        self.lock.lock().await
    }
    #[inline(always)]
    fn notify_one(&self) {
        self.notify.notify_one();
    }
    #[inline(always)]
    fn notify_all(&self) {
        self.notify.notify_waiters();
    }
}

pub(crate) use tokio::sync::Barrier;

impl Contender for Barrier {
    const WHO: Who = Who::peer("tokio", Guarantee::Fifo)
        .note("a `wait` that is cancelled still counts as one that came");
}

impl super::Barrier for Barrier {
    fn new(parties: usize) -> Self {
        Barrier::new(parties)
    }
    #[inline(always)]
    async fn wait(&self) -> bool {
        self.wait().await.is_leader()
    }
}

/// tokio's bounded channel, which one task receives from.
pub(crate) struct Queue;

impl Contender for Queue {
    const WHO: Who = Who::peer("tokio mpsc", Guarantee::Fifo);
}

impl super::Queue for Queue {
    type Put = mpsc::Sender<u64>;
    type Get = mpsc::Receiver<u64>;

    fn bounded(capacity: usize) -> (Self::Put, Self::Get) {
        mpsc::channel(capacity)
    }
    #[inline(always)]
    fn try_put(to: &Self::Put, item: u64) -> bool {
        to.try_send(item).is_ok()
    }
    #[inline(always)]
    fn try_get(from: &mut Self::Get) -> Option<u64> {
        from.try_recv().ok()
    }
    #[inline(always)]
    async fn put(to: &Self::Put, item: u64) {
        to.send(item).await.expect("the other end is here");
    }
    #[inline(always)]
    async fn get(from: &mut Self::Get) -> u64 {
        from.recv().await.expect("the other end is here")
    }
}

/// [`tokio::time::timeout`].
pub(crate) struct Timeout;

impl Contender for Timeout {
    const WHO: Who = Who::peer("tokio", Guarantee::InTime);
}

impl super::Timeout for Timeout {
    type Ended<T: Send> = Result<T, tokio::time::error::Elapsed>;

    #[inline(always)]
    fn timeout<F>(after: Duration, future: F) -> impl Future<Output = Self::Ended<F::Output>> + Send
    where
        F: Future<Output: Send> + Send,
    {
        tokio::time::timeout(after, future)
    }
    #[inline(always)]
    fn value<T: Send>(ended: Self::Ended<T>) -> Option<T> {
        ended.ok()
    }
}

/// A token, and those made of it.
pub(crate) struct TokenTree(Token);

impl Contender for TokenTree {
    const WHO: Who = Who::peer("tokio-util CancellationToken", Guarantee::Reaches)
        .note("carries no reason and no deadline, and is handed to whoever wants to know");
}

impl super::Scope for TokenTree {
    fn new() -> Self {
        Self(Token::new())
    }
    #[inline(always)]
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
    #[inline(always)]
    fn carry<F: Future + Send>(&self, future: F) -> impl Future<Output = F::Output> + Send {
        future
    }
    #[inline(always)]
    fn child(&self) -> Self {
        Self(self.0.child_token())
    }
    fn cancel(&self) {
        self.0.cancel();
    }
    #[inline(always)]
    fn run<F>(&self, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future<Output: Send> + Send,
    {
        self.0.run_until_cancelled(future)
    }
    #[inline(always)]
    fn run_in_child<F>(&self, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F: Future<Output: Send> + Send,
    {
        self.0.child_token().run_until_cancelled_owned(future)
    }
}

impl super::Ask for TokenTree {
    fn new() -> Self {
        Self(Token::new())
    }
    #[inline(always)]
    fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
    fn cancel(&self) {
        self.0.cancel();
    }
    #[inline(always)]
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Tasks in a set.
pub(crate) struct Group;

impl Contender for Group {
    const WHO: Who = Who::peer("tokio JoinSet", Guarantee::Joins);
}

impl super::Group for Group {
    async fn run<F>(n: u64, child: impl Fn() -> F + Send)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut all: JoinSet<()> = (0..n).map(|_| child()).collect();
        while let Some(ended) = all.join_next().await {
            ended.expect("no child panics");
        }
    }
}

impl super::Supervisor for Group {
    /// Nobody joins them: a server has no place where it could.
    async fn serve<F, L>(
        times: u64,
        tasks: u64,
        task: impl Fn() -> F + Send,
        mut look: impl FnMut() -> L + Send,
    ) where
        F: Future<Output = ()> + Send + 'static,
        L: Future<Output = ()> + Send,
    {
        let mut all = JoinSet::new();
        for _ in 0..times {
            for _ in 0..tasks {
                all.spawn(task());
            }
            look().await;
        }
    }
}

/// Tasks that are counted.
pub(crate) struct Tracker;

impl Contender for Tracker {
    const WHO: Who = Who::peer("tokio TaskTracker", Guarantee::Tracks);
}

impl super::Group for Tracker {
    async fn run<F>(n: u64, child: impl Fn() -> F + Send)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let all = TaskTracker::new();
        for _ in 0..n {
            all.spawn(child());
        }
        all.close();
        all.wait().await;
    }
}

impl super::Supervisor for Tracker {
    async fn serve<F, L>(
        times: u64,
        tasks: u64,
        task: impl Fn() -> F + Send,
        mut look: impl FnMut() -> L + Send,
    ) where
        F: Future<Output = ()> + Send + 'static,
        L: Future<Output = ()> + Send,
    {
        let all = TaskTracker::new();
        for _ in 0..times {
            for _ in 0..tasks {
                all.spawn(task());
            }
            look().await;
        }
    }
}

/// As many as it takes, up to 512.
pub(crate) struct Threads;

impl Contender for Threads {
    const WHO: Who = Who::peer("tokio spawn_blocking", Guarantee::Fifo);
}

impl super::Threads for Threads {
    type Running = JoinHandle<u64>;
    type Error = JoinError;

    fn new() -> Self {
        Self
    }
    fn start(&self, job: fn() -> u64) -> JoinHandle<u64> {
        spawn_blocking(job)
    }
}

/// At most four.
pub(crate) struct FewThreads(Runtime);

impl Contender for FewThreads {
    const WHO: Who = Who::peer("tokio spawn_blocking, 4 threads", Guarantee::Fifo);
}

impl super::Threads for FewThreads {
    type Running = JoinHandle<u64>;
    type Error = JoinError;

    fn new() -> Self {
        let mut builder = Builder::new_current_thread();
        Self(builder.max_blocking_threads(4).build().expect("a runtime"))
    }
    fn start(&self, job: fn() -> u64) -> JoinHandle<u64> {
        self.0.spawn_blocking(job)
    }
}

/// A task that sleeps first.
pub(crate) struct Alarm;

impl Contender for Alarm {
    const WHO: Who = Who::peer("tokio spawn + sleep + abort", Guarantee::InTime);
}

impl super::Alarm for Alarm {
    type Set = JoinHandle<()>;

    fn set() -> JoinHandle<()> {
        tokio::spawn(tokio::time::sleep(Duration::from_secs(3600)))
    }
    fn cancel(alarm: JoinHandle<()>) {
        alarm.abort();
    }
}
