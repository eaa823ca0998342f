use std::pin::pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use tidegate_executor::{Executor, JobError, run_in_executor};
use tidegate_test::{block_on, poll_once};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{CancelReason, ContextVar, Deadline, checkpoint};
use tokio::runtime::{Handle, Runtime};

use crate::support::{Census, Gate, current_thread, multi_thread, occupy, one_thread, until};

static USER: ContextVar<&str> = ContextVar::new("user");

/// One of each kind, of which none runs more than two jobs at once, if it can be told.
fn executors(runtimes: &[Runtime]) -> Vec<Box<dyn Executor + '_>> {
    struct NewThread;
    impl Executor for NewThread {
        fn execute(&self, job: Box<dyn FnOnce() + Send>) {
            std::thread::spawn(job);
        }
    }
    let mut executors: Vec<Box<dyn Executor>> = vec![
        Box::new(one_thread()),
        Box::new(Arc::new(one_thread())),
        Box::new(NewThread),
        #[cfg(feature = "rayon")]
        Box::new(rayon_pool()),
        #[cfg(feature = "rayon")]
        Box::new(tidegate_executor::Rayon),
    ];
    for runtime in runtimes {
        executors.push(Box::new(runtime.handle()));
    }
    executors
}

#[cfg(feature = "rayon")]
fn rayon_pool() -> rayon_core::ThreadPool {
    rayon_core::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread")
}

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

// B-X2
#[test]
fn any_executor_gives_results_and_panics() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("once more");
        }
    }
    for executor in executors(&[current_thread(), multi_thread()]) {
        let panicked = block_on(run_in_executor(&*executor, || -> () { panic!("no") }));
        assert_eq!(panicked, Err(JobError::Panicked("no".into())));
        let again = || -> () { std::panic::panic_any(Again) };
        let panicked = block_on(run_in_executor(&*executor, again));
        assert!(matches!(panicked, Err(JobError::Panicked(_))));
        assert_eq!(block_on(run_in_executor(&*executor, || 6 * 7)), Ok(42), "it goes on");
    }
}

#[test]
fn a_job_takes_along_scope_variables_and_runtime_to_any_executor() {
    let (caller, deadline) =
        (current_thread(), Deadline::after(std::time::Duration::from_secs(60)));
    for executor in executors(&[current_thread(), multi_thread()]) {
        let see = || (USER.get(), Deadline::ambient(), Handle::current().id());
        let ask = || USER.scope("ada", run_in_executor(&*executor, see));
        let scope = Scope::new().with_deadline(deadline);
        let Ended::Value(seen) = caller.block_on(scope.run(ask())) else { panic!("a value") };
        assert_eq!(seen, Ok((Some("ada"), deadline, caller.handle().id())));
        let nothing = run_in_executor(&*executor, || (USER.get(), Deadline::ambient()));
        assert_eq!(block_on(nothing), Ok((None, Deadline::NEVER)), "it was left there");
    }
}

#[test]
fn a_cancelled_scope_waits_for_a_job_that_runs_wherever_that_is() {
    for executor in executors(&[current_thread(), multi_thread()]) {
        let (scope, (started, has_started)) = (Scope::new(), channel());
        let ((gate, closed), census) = (Gate::new(), Census::default());
        let token = census.token();
        let work = move || {
            started.send(()).unwrap();
            until(|| checkpoint().is_err());
            closed.recv().unwrap_err();
            drop(token);
        };
        let mut body = pin!(scope.run(run_in_executor(&*executor, work)));
        assert!(poll_once(body.as_mut()).is_pending());
        has_started.recv().unwrap();
        scope.handle().cancel("enough");
        assert!(poll_once(body.as_mut()).is_pending(), "it has not ended");
        gate.open();
        // With its value, if that is there by then.
        assert!(matches!(block_on(body), Ended::Cancelled(_) | Ended::Value(Ok(()))));
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn a_job_that_stands_in_line_behind_others_is_dropped_at_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(1).build();
    let runtime = runtime.unwrap();
    let executors: Vec<Box<dyn Executor + '_>> = vec![
        Box::new(one_thread()),
        Box::new(runtime.handle()),
        #[cfg(feature = "rayon")]
        Box::new(rayon_pool()),
    ];
    for executor in executors {
        let ((started, has_started), census) = (channel(), Census::default());
        let (gate, closed) = Gate::new();
        let mut first = pin!(run_in_executor(&*executor, move || {
            started.send(()).unwrap();
            closed.recv().unwrap_err();
        }));
        assert!(poll_once(first.as_mut()).is_pending());
        has_started.recv().unwrap();
        let (token, scope) = (census.token(), Scope::new());
        let mut second = pin!(scope.run(run_in_executor(&*executor, move || drop(token))));
        assert!(poll_once(second.as_mut()).is_pending());
        scope.handle().cancel("enough");
        assert_eq!(census.alive(), 0);
        assert!(matches!(block_on(second), Ended::Cancelled(_)));
        gate.open();
        block_on(first).unwrap();
    }
}

#[test]
fn a_pool_runs_what_it_is_given_as_its_own() {
    let pool = Arc::new(one_thread());
    let executors: [&dyn Executor; 2] = [&*pool, &Arc::clone(&pool)];
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
