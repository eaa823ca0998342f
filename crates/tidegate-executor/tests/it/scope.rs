use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

use tidegate_executor::{Executor, Job, JobCx, JobError, ThreadPool, run_in_executor, to_thread};
use tidegate_test::{CountingWaker, block_on, poll_once, poll_with};
use tidegate_timeout::{
    CancelReason, Deadline, cancel_scope, checkpoint, current_scope, is_stopping, scope::Scope,
    shield, stop_requested, timeout,
};
use tokio::time::advance;

use crate::support::{Census, Gate, occupy, one_thread, until};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn the_deadline_of_the_caller_is_seen_in_the_thread() {
    let pool = one_thread();
    let see = |cx: &JobCx| (cx.deadline(), Deadline::ambient(), current_scope().is_some());
    assert_eq!(pool.run(see).await, Ok((Deadline::NEVER, Deadline::NEVER, true)));

    let deadline = Deadline::after(HOUR);
    let scope = Scope::new().with_deadline(deadline);
    let run = pool.run(see);
    let mut seen = pin!(scope.run(timeout(2 * HOUR, run)));
    let tidegate_timeout::scope::Ended::Value(seen) = seen.as_mut().await else { panic!("value") };
    assert_eq!(seen.unwrap(), Ok((deadline, deadline, true)));
    for executor in [&tokio::runtime::Handle::current() as &dyn tidegate_executor::Executor, &pool]
    {
        let ambient = timeout(HOUR, run_in_executor(executor, Deadline::ambient)).await;
        assert_ne!(ambient.unwrap().unwrap(), Deadline::NEVER);
    }
    let mut rescheduled = Box::pin(timeout(HOUR, async {
        let (moved, is_moved) = channel();
        let job = pool.submit(move |cx| {
            is_moved.recv().unwrap_err();
            cx.deadline()
        });
        current_scope().unwrap().reschedule(Deadline::after(3 * HOUR));
        drop::<std::sync::mpsc::Sender<()>>(moved);
        job.unwrap().await
    }));
    let remaining = rescheduled.as_mut().await.unwrap().unwrap().remaining().unwrap();
    assert!(remaining > 2 * HOUR);
}

// It is for the scope to say that it was cancelled.
#[test]
fn a_scope_that_is_cancelled_while_its_job_is_queued_reports_itself() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let scope = Scope::new();
    let mut body = pin!(scope.run(pool.run(|_| ())));
    assert!(poll_once(body.as_mut()).is_pending());
    scope.handle().cancel("enough");
    assert!(matches!(poll_once(body), Poll::Ready(tidegate_timeout::scope::Ended::Cancelled(_))));
    gate.open();
    block_on(first).unwrap();
}

#[test]
fn a_scope_that_is_cancelled_from_inside_reports_itself() {
    let pool = one_thread();
    let scope = Scope::new();
    let body = scope.run(async {
        scope.handle().cancel("enough");
        pool.run(|_| ()).await
    });
    // The scope polls its body again, now that it knows: still no answer.
    assert!(matches!(
        poll_once(pin!(body)),
        Poll::Ready(tidegate_timeout::scope::Ended::Cancelled(_))
    ));
    assert_eq!(pool.statistics().threads, 0);
}

#[test]
fn a_job_winds_down_when_a_scope_around_its_caller_is_asked_to_stop() {
    let pool = one_thread();
    let scope = Scope::new();
    let (started, has_started) = channel();
    let mut body = Box::pin(scope.run(pool.run(move |cx| {
        assert!(!cx.is_stopping());
        started.send(()).unwrap();
        until(|| cx.is_stopping());
        cx.block_on(stop_requested());
        (is_stopping(), cx.is_cancelled(), cx.checkpoint().is_ok())
    })));
    assert!(poll_once(body.as_mut()).is_pending());
    has_started.recv().unwrap();
    scope.handle().request_stop();
    let tidegate_timeout::scope::Ended::Value(seen) = block_on(body) else { panic!("a value") };
    assert_eq!(seen, Ok((true, false, true)));
}

#[test]
fn a_job_whose_result_is_not_wanted_any_more_is_stopping() {
    let pool = one_thread();
    let (started, has_started) = channel();
    let (told, is_told) = channel();
    let mut run = Box::pin(pool.run(move |cx| {
        started.send(()).unwrap();
        until(|| cx.is_stopping());
        told.send(cx.is_cancelled()).unwrap();
    }));
    assert!(poll_once(run.as_mut()).is_pending());
    has_started.recv().unwrap();
    drop(run);
    assert_eq!(is_told.recv(), Ok(true));
}

// Scenario 39, `abandon_on_cancel=False`: the scope does not end before the job.
#[test]
fn a_cancelled_scope_waits_for_its_running_job() {
    let pool = one_thread();
    let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
    let census = Census::default();
    let token = census.token();
    let (told, is_told) = channel();
    let run = pool.run(move |cx| {
        let _working = token;
        started.send(()).unwrap();
        until(|| cx.is_cancelled());
        let why = checkpoint().unwrap_err().reason();
        told.send((why, cx.checkpoint().is_err())).unwrap();
        closed.recv().unwrap_err();
    });
    let scope = Scope::new();
    let mut body = pin!(scope.run(async {
        run.await.unwrap();
        std::future::pending::<()>().await;
    }));
    assert!(poll_once(body.as_mut()).is_pending());
    has_started.recv().unwrap();
    scope.handle().cancel("enough");
    assert_eq!(is_told.recv(), Ok((CancelReason::from("enough"), true)));
    let (count, waker) = CountingWaker::new();
    for _ in 0..3 {
        assert!(poll_with(body.as_mut(), &waker).is_pending(), "the job runs");
    }
    assert_eq!(census.alive(), 1);
    gate.open();
    until(|| count.count() > 0);
    block_on(body);
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_value_that_arrives_in_a_cancelled_scope_is_not_lost() {
    let pool = one_thread();
    for _ in 0..50 {
        let (started, has_started) = channel();
        let run = pool.run(move |cx| {
            started.send(()).unwrap();
            until(|| cx.is_cancelled());
            5
        });
        let scope = Scope::new();
        let mut body = pin!(scope.run(run));
        assert!(poll_once(body.as_mut()).is_pending());
        has_started.recv().unwrap();
        scope.handle().cancel("enough");
        let ended = block_on(body);
        assert!(matches!(ended, tidegate_timeout::scope::Ended::Value(Ok(5))), "{ended:?}");
    }
}

// The waker withdraws the job: neither its future nor its scope is polled in between.
#[test]
fn a_queued_job_of_a_cancelled_scope_is_dropped_at_once() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let (outer, census) = (Scope::new(), Census::default());
    let inner = outer.enter(Scope::new);
    let submit = || {
        let token = census.token();
        pool.submit(move |_| drop(token)).unwrap()
    };
    let (job, detached) = (inner.enter(submit), inner.enter(submit));
    detached.detach();
    assert_eq!((census.alive(), pool.statistics().queued), (2, 2));
    outer.handle().cancel("enough");
    assert_eq!((census.alive(), pool.statistics().queued), (0, 0), "while the thread is busy");
    assert_eq!(block_on(job), Err(JobError::Cancelled("enough".into())));
    gate.open();
    block_on(first).unwrap();
}

#[test]
fn a_queued_run_does_not_hold_its_cancelled_scope() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let scope = Scope::new();
    let mut body = pin!(scope.run(async {
        loop {
            // Code that takes no for an answer must not keep the scope for ever.
            let _ = pool.run(|_| ()).await;
        }
    }));
    assert!(poll_once(body.as_mut()).is_pending());
    scope.handle().cancel("enough");
    assert!(matches!(poll_once(body), Poll::Ready(tidegate_timeout::scope::Ended::Cancelled(_))));
    assert_eq!(pool.statistics().queued, 0);
    gate.open();
    block_on(first).unwrap();
}

#[test]
fn code_that_asks_again_and_again_in_a_cancelled_scope_gets_errors_where_nothing_ends_it() {
    let pool = one_thread();
    let scope = Scope::new();
    scope.handle().cancel("enough");
    scope.enter(|| {
        for _ in 0..3 {
            let cancelled = Err::<(), _>(JobError::Cancelled("enough".into()));
            assert_eq!(block_on(pool.run(|_| ())), cancelled);
            assert_eq!(block_on(pool.submit(|_| ()).unwrap()), cancelled);
            assert_eq!(block_on(run_in_executor(&pool, || ())), cancelled);
        }
    });
    // Scenario 40: cancelled before takes no worker.
    assert_eq!(pool.statistics().threads, 0);
}

#[tokio::test(start_paused = true)]
async fn the_grace_of_a_scope_bounds_its_wait_for_a_stuck_job() {
    let pool = one_thread();
    let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
    let (ended, has_ended) = channel();
    let run = pool.run(move |cx| {
        started.send(()).unwrap();
        closed.recv().unwrap_err();
        ended.send(cx.is_cancelled()).unwrap();
    });
    let scope = tokio::spawn(timeout(HOUR, run).grace(HOUR));
    tokio::task::yield_now().await;
    has_started.recv().unwrap();
    advance(HOUR + Duration::from_millis(1)).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!scope.is_finished());
    advance(HOUR).await;
    assert!(scope.await.unwrap().is_err());
    assert_eq!(pool.statistics().running, 1, "left behind, its slot is not free");
    gate.open();
    assert_eq!(has_ended.recv(), Ok(true));
}

#[tokio::test]
async fn a_job_in_a_shield_is_not_cancelled() {
    let pool = one_thread();
    let result = cancel_scope(async |scope: &tidegate_timeout::ScopeHandle| {
        scope.cancel("enough");
        let clean_up = shield(pool.run(|cx| (cx.is_cancelled(), checkpoint().is_ok()))).await;
        assert_eq!(clean_up, Ok((false, true)));
    });
    result.await.unwrap();
}

#[test]
fn cancelling_a_job_does_not_cancel_its_scope() {
    let pool = one_thread();
    let scope = Scope::new();
    let (started, has_started) = channel();
    let work = move |cx: &JobCx| {
        started.send(()).unwrap();
        until(|| cx.is_cancelled());
    };
    let job = scope.enter(|| pool.submit(work)).unwrap();
    has_started.recv().unwrap();
    job.cancel();
    assert_eq!(block_on(job), Ok(()));
    assert!(!scope.handle().is_cancelled());
    let (gate, first) = occupy(&pool);
    let queued: Job<()> = scope.enter(|| pool.submit(|_| ())).unwrap();
    assert!(queued.cancel());
    assert!(!scope.handle().is_cancelled());
    gate.open();
    block_on(first).unwrap();
}

#[test]
fn block_on_is_in_the_scope_of_the_caller() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let pool = one_thread();
    let result = runtime.block_on(timeout(HOUR, async {
        let deadline = Deadline::ambient();
        pool.run(move |cx| cx.block_on(async move { Deadline::ambient() == deadline })).await
    }));
    assert_eq!(result.unwrap(), Ok(true));
}

// A pool that is stuck in a cancelled job's `block_on` would hold the scope for ever.
#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_job_that_waits() {
    let pool = one_thread();
    let census = Census::default();
    let token = census.token();
    let work = move |cx: &JobCx| {
        let _working = token;
        cx.block_on(timeout(2 * HOUR, std::future::pending::<()>())).ok()
    };
    assert!(timeout(HOUR, pool.run(work)).await.is_err());
    assert_eq!(census.alive(), 0);
    assert_eq!(pool.run(|_| 1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn jobs_within_jobs_end_with_the_outermost_deadline() {
    fn nest(
        pool: Arc<ThreadPool>,
        cx: &JobCx,
        census: &Census,
        depth: u32,
    ) -> Result<(), JobError> {
        let _working = census.token();
        if depth == 0 {
            until(|| cx.is_cancelled());
            return Ok(());
        }
        let (inner, again) = (Arc::clone(&pool), census.clone());
        cx.block_on(pool.run(move |cx| nest(inner, cx, &again, depth - 1)))?
    }
    let (pool, census) = (Arc::new(one_thread()), Census::default());
    let (inner, again) = (Arc::clone(&pool), census.clone());
    let scope = tokio::spawn(timeout(HOUR, pool.run(move |cx| nest(inner, cx, &again, 3))));
    while census.alive() < 4 {
        tokio::task::yield_now().await;
    }
    advance(2 * HOUR).await;
    let _ended = scope.await.unwrap();
    assert_eq!(census.alive(), 0);
}

// The promise itself, in numbers: when a scope has ended, none of its jobs is under way.
#[test]
fn no_job_outlives_its_scope() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).build().unwrap();
    let pool = Arc::new(ThreadPool::builder().threads(1..=2).build());
    let left_over = Arc::new(AtomicUsize::new(0));
    let task = async |pool: Arc<ThreadPool>, left_over: Arc<AtomicUsize>, task: usize| {
        for round in 0..100 {
            let (census, scope) = (Census::default(), Scope::new());
            let jobs = (0..3).map(|_| {
                let census = census.clone();
                pool.run(move |cx| {
                    let _working = census.token();
                    (0..20)
                        .take_while(|_| !cx.is_cancelled())
                        .for_each(|_| std::thread::yield_now());
                })
            });
            let jobs: Vec<_> = jobs.collect();
            let handle = scope.handle();
            let canceller = tokio::spawn(async move {
                for _ in 0..(task * 31 + round * 17) % 100 {
                    tokio::task::yield_now().await;
                }
                handle.cancel("enough");
            });
            let body = async {
                for job in jobs {
                    let _ = job.await;
                }
            };
            let _ended = scope.run(body).await;
            left_over.fetch_add(census.alive(), Ordering::SeqCst);
            canceller.await.unwrap();
        }
    };
    runtime.block_on(async {
        let tasks = (0..16)
            .map(|number| tokio::spawn(task(Arc::clone(&pool), Arc::clone(&left_over), number)));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    assert_eq!(left_over.load(Ordering::SeqCst), 0);
    let now = pool.statistics();
    assert_eq!(now.queued + now.waiting, 0);
    assert!(now.cancelled > 0 && now.completed > 0, "some were withdrawn and some ran: {now:?}");
}

#[tokio::test]
async fn to_thread_is_in_the_scope_of_the_caller() {
    let (started, mut has_started) = tokio::sync::mpsc::unbounded_channel();
    let (report, told) = channel();
    let result = cancel_scope(async |scope: &tidegate_timeout::ScopeHandle| {
        let run = to_thread(move |cx| {
            started.send(()).unwrap();
            until(|| cx.is_cancelled());
            report.send(()).unwrap();
        });
        let cancel = async {
            has_started.recv().await.unwrap();
            scope.cancel("enough");
        };
        let (result, ()) = tokio::join!(run, cancel);
        result.unwrap();
    });
    result.await.unwrap();
    told.try_recv().expect("the scope has waited");
}

#[test]
fn a_scope_with_a_value_waits_for_a_running_job_whose_future_was_dropped() {
    let pool = one_thread();
    for detached in [false, true] {
        let (gate, closed) = Gate::new();
        let (started, has_started) = channel();
        let scope = Scope::new();
        let mut body = pin!(scope.run(async {
            let job = pool.submit(move |cx: &JobCx| {
                started.send(()).unwrap();
                closed.recv().expect_err("nothing is ever sent");
                assert_eq!(cx.is_cancelled(), !detached);
            });
            has_started.recv().unwrap();
            if detached {
                job.unwrap().detach();
            } else {
                drop(job);
            }
            5
        }));
        let (woken, waker) = CountingWaker::new();
        if detached {
            let ended = poll_once(body.as_mut());
            assert!(matches!(ended, Poll::Ready(tidegate_timeout::scope::Ended::Value(5))));
            gate.open();
        } else {
            assert!(poll_with(body.as_mut(), &waker).is_pending());
            assert!(poll_with(body.as_mut(), &waker).is_pending(), "it still runs");
            gate.open();
            until(|| woken.count() > 0);
            assert!(matches!(block_on(body), tidegate_timeout::scope::Ended::Value(5)));
        }
    }
}

#[test]
fn a_job_that_ends_as_its_future_is_dropped_leaves_no_scope_waiting() {
    let pool = ThreadPool::builder().threads(2..=2).build();
    for _ in 0..500 {
        let scope = Scope::new();
        let ended = block_on(scope.run(async {
            drop(pool.submit(|_| ()));
            5
        }));
        assert!(matches!(ended, tidegate_timeout::scope::Ended::Value(5)));
    }
}

#[test]
fn a_job_without_a_scope_is_not_in_that_of_the_thread_that_runs_it() {
    struct Inside(Scope);
    impl Executor for Inside {
        fn execute(&self, job: Box<dyn FnOnce() + Send>) {
            self.0.enter(job);
        }
    }
    let executor = Inside(Scope::new());
    executor.0.handle().cancel("others");
    assert_eq!(block_on(run_in_executor(&executor, || checkpoint().is_ok())), Ok(true));
}
