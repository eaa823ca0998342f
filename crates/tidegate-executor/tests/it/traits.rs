use std::cell::Cell;
use std::error::Error;
use std::fmt::Debug;

use tidegate_executor::{
    BlockingFuture, Executor, Job, JobCx, JobError, PoolStatistics, Portal, QueueFull, Ready, Run,
    RunInExecutor, ShutdownReport, StuckJob, ThreadPool, ThreadPoolBuilder, TimerHandle, WaitError,
};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn debug<T: Debug>() {}
fn error<T: Error + Clone + PartialEq + Send + Sync + 'static>() {}

/// `Send`, not `Sync`.
type Value = Cell<u8>;

#[test]
fn what_others_rely_on() {
    send::<ThreadPool>();
    sync::<ThreadPool>();
    send::<Job<Value>>();
    sync::<Job<Value>>();
    unpin::<Job<Value>>();
    send::<Run<Value, Value>>();
    unpin::<Run<std::marker::PhantomPinned, Value>>();
    send::<RunInExecutor<'static, ThreadPool, Value, Value>>();
    unpin::<RunInExecutor<'static, ThreadPool, std::marker::PhantomPinned, Value>>();
    send::<JobCx>();
    sync::<JobCx>();
    send::<BlockingFuture<Value>>();
    sync::<BlockingFuture<Value>>();
    unpin::<BlockingFuture<std::marker::PhantomPinned>>();
    send::<Portal>();
    sync::<Portal>();
    send::<Ready<Value>>();
    debug::<(BlockingFuture<Value>, Portal, Ready<Value>)>();
    send::<TimerHandle>();
    sync::<TimerHandle>();
    unpin::<TimerHandle>();
    debug::<TimerHandle>();
    error::<WaitError>();
    error::<JobError>();
    error::<QueueFull>();
    debug::<(ThreadPool, ThreadPoolBuilder, Job<Value>, Run<Value, Value>, JobCx)>();
    debug::<(PoolStatistics, ShutdownReport, StuckJob)>();
    fn _dyn(_: &dyn Executor) {}
}

#[test]
fn futures_of_jobs_may_be_spawned() {
    fn spawnable<F: Future + Send + 'static>(_: F) {}
    let pool = ThreadPool::builder().build();
    spawnable(pool.run(|_| Cell::new(1)));
    spawnable(tidegate_executor::to_thread(|_| Cell::new(1)));
    spawnable(pool.submit(|_| Cell::new(1)).unwrap());
    spawnable(async move { drop(pool.shutdown(std::time::Duration::ZERO).await) });
}

#[test]
fn debug_says_what_there_is_and_does_not_wait() {
    let pool = ThreadPool::builder().name("x").build();
    let text = format!("{pool:?}");
    assert!(text.contains("\"x\"") && text.contains("threads: 0"), "{text}");
}
