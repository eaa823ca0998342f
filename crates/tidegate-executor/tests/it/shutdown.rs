use std::panic::Location;
use std::pin::pin;
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

use tidegate_executor::{Job, JobError, ThreadPool};
use tidegate_test::{CountingWaker, block_on, poll_once, poll_with};
use tidegate_timeout::CancelReason;

use crate::support::{Census, Gate, occupy, one_thread, until};

const SHUT: JobError = JobError::Cancelled(CancelReason::Shutdown);

#[tokio::test]
async fn a_shutdown_lets_queued_and_running_jobs_end_and_no_thread_is_left() {
    let pool = ThreadPool::builder().threads(1..=2).build();
    let (gate, first) = occupy(&pool);
    let queued: Vec<_> = (0..10).map(|number| pool.submit(move |_| number).unwrap()).collect();
    let mut shutdown = pin!(pool.shutdown(Duration::MAX));
    assert!(poll_once(shutdown.as_mut()).is_pending());
    assert_eq!(pool.submit(|_| ()).unwrap().await, Err(SHUT), "closed");
    gate.open();
    let report = shutdown.await;
    assert!(report.is_clean());
    assert_eq!(report.to_string(), "no job is stuck");
    assert_eq!(pool.statistics().threads, 0);
    assert_eq!(first.await, Ok(()));
    for (number, job) in queued.into_iter().enumerate() {
        assert_eq!(job.await, Ok(number));
    }
    assert!(pool.shutdown(Duration::ZERO).await.is_clean(), "once more");
    assert_eq!(pool.run(|_| ()).await, Err(SHUT));
}

// B-X6
#[tokio::test]
async fn a_stuck_job_is_named_with_its_place_and_told_to_stop() {
    let pool = ThreadPool::builder().name("db").threads(1..=1).build();
    let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
    let (told, is_told) = channel();
    let here = Location::caller().line() + 1;
    let stuck = pool.submit(move |cx| {
        started.send(()).unwrap();
        closed.recv().unwrap_err();
        told.send(cx.is_cancelled()).unwrap();
        "late"
    });
    let census = Census::default();
    let token = census.token();
    let queued = pool.submit(move |_| drop(token)).unwrap();
    has_started.recv().unwrap();

    let report = pool.shutdown(Duration::ZERO).await;
    assert!(!report.is_clean());
    assert_eq!((report.stuck.len(), report.dropped), (1, 1));
    assert_eq!(report.stuck[0].location.file(), file!());
    assert_eq!(report.stuck[0].location.line(), here);
    assert_eq!(report.stuck[0].thread, "db-1");
    let text = report.to_string();
    assert!(text.starts_with("1 job is stuck: ") && text.contains(file!()), "{text}");
    assert!(text.ends_with("on db-1; 1 job was dropped before it started"), "{text}");
    assert_eq!(census.alive(), 0);
    assert_eq!(queued.await, Err(SHUT));

    gate.open();
    assert_eq!(is_told.recv(), Ok(true));
    assert_eq!(stuck.unwrap().await, Ok("late"), "its value is not lost");
    until(|| pool.statistics().threads == 0);
}

#[tokio::test]
async fn the_grace_of_a_shutdown_is_tokios_time() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    tokio::time::pause();
    // The job was asked for before the clock was paused, so the clock is not held.
    let report = pool.shutdown(Duration::from_secs(3600)).await;
    assert_eq!(report.stuck.len(), 1);
    gate.open();
    assert_eq!(first.await, Ok(()));
}

#[tokio::test]
async fn several_may_wait_for_the_same_shutdown() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let (one, two) = (pool.shutdown(Duration::MAX), pool.shutdown(Duration::MAX));
    let (mut one, mut two) = (Box::pin(one), Box::pin(two));
    let ((count, waker), (other, other_waker)) = (CountingWaker::new(), CountingWaker::new());
    assert!(poll_with(one.as_mut(), &waker).is_pending());
    assert!(poll_with(two.as_mut(), &other_waker).is_pending());
    assert!(poll_with(one.as_mut(), &other_waker).is_pending());
    assert_eq!(std::sync::Arc::strong_count(&count), 2, "the old waker is dropped");
    drop(two);
    gate.open();
    first.await.unwrap();
    until(|| other.count() == 1);
    assert!(matches!(poll_with(one.as_mut(), &waker), Poll::Ready(report) if report.is_clean()));
}

#[test]
fn a_pool_that_is_dropped_drops_what_is_queued_and_tells_what_runs() {
    let pool = one_thread();
    let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
    let running = pool.submit(move |cx| {
        started.send(()).unwrap();
        until(|| cx.is_cancelled());
        closed.recv().unwrap_err();
        "value"
    });
    has_started.recv().unwrap();
    let census = Census::default();
    let queued: Vec<Job<()>> = (0..10)
        .map(|_| {
            let token = census.token();
            pool.submit(move |_| drop(token)).unwrap()
        })
        .collect();
    let mut waiting = pin!(pool.run(|_| ()));
    assert!(poll_once(waiting.as_mut()).is_pending());
    let fresh = pool.run(|_| ());
    drop(pool);

    assert_eq!(census.alive(), 0, "at once");
    queued.into_iter().for_each(|job| assert_eq!(block_on(job), Err(SHUT)));
    assert_eq!(block_on(waiting), Err(SHUT));
    assert_eq!(block_on(fresh), Err(SHUT), "it outlived the pool");
    gate.open();
    assert_eq!(block_on(running.unwrap()), Ok("value"));
}

#[test]
fn a_pool_may_be_dropped_by_its_own_job() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let (hand_over, handed_over) = channel::<ThreadPool>();
    let job = pool.submit(move |_| drop(handed_over.recv().unwrap())).unwrap();
    let queued = pool.submit(|_| ()).unwrap();
    hand_over.send(pool).unwrap();
    gate.open();
    assert_eq!(block_on(first), Ok(()));
    assert_eq!(block_on(job), Ok(()));
    assert_eq!(block_on(queued), Err(SHUT));
}

// B-X5: a job ends while its runtime is going away.
#[test]
fn a_runtime_may_be_dropped_while_its_jobs_run() {
    for workers in [0, 1, 2] {
        let pool = one_thread();
        let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
        let (ended, has_ended) = channel();
        let runtime = match workers {
            0 => tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            n => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(n).enable_all().build().unwrap()
            }
        };
        let (running, queued) = runtime.block_on(async {
            let running = pool.submit(move |cx| {
                started.send(()).unwrap();
                closed.recv().unwrap_err();
                let seen = (cx.is_cancelled(), tokio::runtime::Handle::try_current().is_ok());
                ended.send(seen).unwrap();
            });
            (running.unwrap(), pool.submit(|_| 5).unwrap())
        });
        has_started.recv().unwrap();
        let mut run = Box::pin(pool.run(|_| ()));
        assert!(poll_once(run.as_mut()).is_pending());
        let abandoned = runtime.spawn(run);
        drop(runtime);
        gate.open();
        assert_eq!(has_ended.recv(), Ok((false, true)));
        assert_eq!(block_on(running), Ok(()));
        assert_eq!(block_on(queued), Ok(5));
        assert!(block_on(abandoned).unwrap_err().is_cancelled());
        assert_eq!(block_on(pool.run(|_| 6)), Ok(6));
    }
}
