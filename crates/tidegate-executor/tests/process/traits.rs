use std::error::Error;
use std::fmt::Debug;

use tidegate_executor::process::{
    ProcessError, ProcessPool, ProcessPoolBuilder, ProcessPoolStatistics, Registry, StartError,
};

use crate::support::{add, pool};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn debug<T: Debug>() {}
fn error<T: Error + Clone + PartialEq + Send + Sync + 'static>() {}

#[test]
fn what_others_rely_on() {
    send::<(ProcessPool, ProcessPoolBuilder, Registry)>();
    sync::<(ProcessPool, ProcessPoolBuilder, Registry)>();
    error::<ProcessError>();
    error::<StartError>();
    debug::<(ProcessPool, ProcessPoolBuilder, ProcessPoolStatistics, Registry)>();
}

#[tokio::test]
async fn futures_of_calls_may_be_spawned() {
    fn spawnable<F: Future + Send + 'static>(_: F) {}
    let pool = pool(1).await;
    spawnable(pool.run(add, (1, 2)));
    assert!(format!("{pool:?}").contains("workers: 1"), "{pool:?}");
}
