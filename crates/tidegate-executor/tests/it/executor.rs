use std::sync::{Arc, Mutex};

use tidegate_executor::{Executor, JobError, run_in_executor};
use tidegate_test::{block_on, poll_once};
use tidegate_timeout::CancelReason;

use crate::support::{Census, occupy, one_thread, until};

/// Keeps what it is given.
#[derive(Default)]
struct Hoard(Mutex<Vec<Box<dyn FnOnce() + Send>>>);

impl Executor for Hoard {
    fn execute(&self, job: Box<dyn FnOnce() + Send>) {
        self.0.lock().unwrap().push(job);
    }
}

impl Hoard {
    fn take(&self) -> Vec<Box<dyn FnOnce() + Send>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[test]
fn any_executor_gives_results_and_panics() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let pool = Arc::new(one_thread());
    let executors: [&dyn Executor; 3] = [runtime.handle(), &*pool, &Arc::clone(&pool)];
    for executor in executors {
        assert_eq!(block_on(run_in_executor(executor, || 6 * 7)), Ok(42));
        let panicked = block_on(run_in_executor(executor, || -> () { panic!("no") }));
        assert_eq!(panicked, Err(JobError::Panicked("no".into())));
    }
    assert_eq!(pool.statistics().completed, 2, "the pool ran its own two");
    assert_eq!(pool.statistics().panicked, 2);
}

#[test]
fn a_job_that_is_cancelled_in_a_foreign_queue_is_dropped_at_once() {
    let (hoard, census) = (Hoard::default(), Census::default());
    let token = census.token();
    let mut run = Box::pin(run_in_executor(&hoard, move || drop(token)));
    assert!(hoard.take().is_empty(), "nothing happens before the first poll");
    assert!(poll_once(run.as_mut()).is_pending());
    drop(run);
    assert_eq!(census.alive(), 0);
    hoard.take().into_iter().for_each(|job| job());
}

#[test]
fn a_job_that_an_executor_drops_is_cancelled() {
    let hoard = Hoard::default();
    let mut run = Box::pin(run_in_executor(&hoard, || ()));
    assert!(poll_once(run.as_mut()).is_pending());
    drop(hoard.take());
    assert_eq!(block_on(run), Err(JobError::Cancelled(CancelReason::Shutdown)));
}

#[test]
fn a_runtime_that_is_gone_cancels() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let gone = block_on(run_in_executor(&handle, || ()));
    assert_eq!(gone, Err(JobError::Cancelled(CancelReason::Shutdown)));
}

#[test]
fn execute_joins_the_queue_of_a_pool_however_full_it_is() {
    let pool = tidegate_executor::ThreadPool::builder().threads(1..=1).queue(0).build();
    let (gate, first) = occupy(&pool);
    let done = Arc::new(Mutex::new(Vec::new()));
    for number in 0..3 {
        let done = Arc::clone(&done);
        pool.execute(Box::new(move || done.lock().unwrap().push(number)));
    }
    pool.execute(Box::new(|| panic!("nobody is told, and nothing breaks")));
    gate.open();
    block_on(first).unwrap();
    until(|| pool.statistics().panicked == 1);
    assert_eq!(*done.lock().unwrap(), [0, 1, 2]);
}
