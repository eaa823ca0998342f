// All of these hang or fail at once if the clock is not held, or held too long. The clock is paused, so
// nothing here waits for real time but for what a thread really does.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tidegate_executor::{JobCx, run_in_executor, to_thread};
use tidegate_test::{block_on, poll_once};
use tidegate_timeout::{ScopeHandle, cancel_scope};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Gate, one_thread, until};

const HOUR: Duration = Duration::from_secs(3600);

/// Work that takes real time, until another thread has done something.
fn takes_a_while(_: &JobCx) -> u32 {
    std::thread::spawn(takes_real_time).join().unwrap();
    7
}

fn takes_real_time() {
    (0..100).for_each(|_| std::thread::yield_now());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_does_not_fire_while_a_job_runs_or_waits() {
    let (pool, start) = (one_thread(), Instant::now());
    for _ in 0..20 {
        assert_eq!(timeout(HOUR, pool.run(takes_a_while)).await, Ok(Ok(7)));
        let jobs = [pool.submit(takes_a_while).unwrap(), pool.submit(takes_a_while).unwrap()];
        for job in jobs {
            assert_eq!(timeout(HOUR, job).await, Ok(Ok(7)));
        }
        assert_eq!(timeout(HOUR, to_thread(takes_a_while)).await, Ok(Ok(7)));
        let runtime = tokio::runtime::Handle::current();
        let cx = run_in_executor(&runtime, || 5);
        assert_eq!(timeout(HOUR, cx).await, Ok(Ok(5)));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_clock_goes_on_when_the_job_has_ended() {
    let pool = one_thread();
    for _ in 0..20 {
        pool.run(takes_a_while).await.unwrap();
        let start = Instant::now();
        sleep(HOUR).await;
        assert_eq!(start.elapsed(), HOUR);
    }
    // Nothing of the hold is left.
    let runtime = tokio::runtime::Handle::current();
    while runtime.metrics().num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_goes_on_when_the_job_has_ended_and_its_result_is_not_taken() {
    let pool = one_thread();
    let jobs = [pool.submit(takes_a_while).unwrap(), pool.submit(takes_a_while).unwrap()];
    sleep(HOUR).await;
    assert!(jobs.iter().all(tidegate_executor::Job::is_finished));
    let (gate, first) = crate::support::occupy(&pool);
    let cancelled = pool.submit(takes_a_while).unwrap();
    assert!(cancelled.cancel());
    drop(first);
    sleep(HOUR).await;
    gate.open();
}

#[tokio::test(start_paused = true)]
async fn the_clock_goes_on_when_nobody_waits_for_the_job() {
    let pool = one_thread();
    let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
    let mut run = Box::pin(pool.run(move |_| {
        started.send(()).unwrap();
        closed.recv().unwrap_err();
    }));
    assert!(poll_once(run.as_mut()).is_pending());
    has_started.recv().unwrap();
    let mut queued = Box::pin(pool.run(|_| ()));
    assert!(poll_once(queued.as_mut()).is_pending());
    drop(run);
    drop(queued);
    sleep(HOUR).await;
    gate.open();
}

/// Takes real time before it wakes.
struct Slow(Waker);

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        takes_real_time();
        self.0.wake_by_ref();
    }
}

#[tokio::test(start_paused = true)]
async fn the_clock_stands_still_until_a_cancelled_scope_knows_that_its_job_has_ended() {
    let (pool, start) = (one_thread(), Instant::now());
    for _ in 0..20 {
        let (started, has_started) = channel();
        let mut scope = pin!(cancel_scope(async |scope: &ScopeHandle| {
            let job = pool.submit(move |cx| {
                started.send(()).unwrap();
                until(|| cx.is_cancelled());
            });
            has_started.recv().unwrap();
            scope.cancel("enough");
            let _ = tokio::join!(job.unwrap(), pending::<()>());
        }));
        let ended = poll_fn(|cx| {
            let slow = Waker::from(Arc::new(Slow(cx.waker().clone())));
            scope.as_mut().poll(&mut Context::from_waker(&slow))
        });
        assert!(timeout(HOUR, ended).await.unwrap().is_err());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_test_may_advance_the_clock_past_a_timeout() {
    let pool = one_thread();
    let ((_gate, closed), (started, has_started)) = (Gate::new(), channel());
    let (told, is_told) = channel();
    let job = tokio::spawn(timeout(
        HOUR,
        pool.run(move |cx| {
            started.send(()).unwrap();
            until(|| cx.is_cancelled());
            told.send(()).unwrap();
            drop(closed);
        }),
    ));
    tokio::task::yield_now().await;
    has_started.recv().unwrap();
    tokio::time::advance(HOUR).await;
    assert!(job.await.unwrap().is_err());
    is_told.recv().unwrap();
}

// The clock is what the job itself waits for; and it is held again before the outer timer can fire.
#[tokio::test(start_paused = true)]
async fn the_clock_goes_on_while_a_job_waits_for_it() {
    let pool = one_thread();
    for _ in 0..20 {
        let start = Instant::now();
        let work = |cx: &JobCx| {
            for _ in 0..3 {
                cx.block_on(sleep(HOUR));
                takes_a_while(cx);
            }
        };
        assert_eq!(timeout(5 * HOUR, pool.run(work)).await, Ok(Ok(())));
        assert_eq!(start.elapsed(), 3 * HOUR);
    }
}

#[test]
fn a_runtime_with_a_paused_clock_may_be_dropped_under_a_job() {
    let pool = one_thread();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
    let job = runtime.block_on(async {
        let job = pool.submit(move |_| {
            started.send(()).unwrap();
            closed.recv().unwrap_err();
        });
        tokio::task::yield_now().await;
        job
    });
    has_started.recv().unwrap();
    drop(runtime);
    gate.open();
    assert_eq!(block_on(job.unwrap()), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn jobs_in_line_behind_one_that_waits_for_the_clock_let_it_go_on() {
    let (pool, start) = (one_thread(), Instant::now());
    let waits = |cx: &JobCx| cx.block_on(sleep(HOUR));
    // In line before it waits.
    let before = [pool.submit(waits).unwrap(), pool.submit(waits).unwrap()];
    // Asked for while it waits.
    let later = async {
        sleep(HOUR / 2).await;
        assert!(timeout(HOUR / 4, pool.run(takes_a_while)).await.is_err());
        pool.run(takes_a_while).await
    };
    let [first, second] = before;
    let (first, second, later) = tokio::join!(first, second, later);
    assert_eq!((first, second, later), (Ok(()), Ok(()), Ok(7)));
    assert_eq!(start.elapsed(), 2 * HOUR);
}

#[tokio::test(start_paused = true)]
async fn jobs_in_line_hold_the_clock_again_when_a_thread_works() {
    let pool = one_thread();
    for _ in 0..20 {
        let start = Instant::now();
        let first = pool.run(|cx| {
            cx.block_on(sleep(HOUR));
            takes_a_while(cx)
        });
        let mut first = Box::pin(first);
        assert!(poll_once(first.as_mut()).is_pending());
        let second = timeout(2 * HOUR, pool.run(takes_a_while));
        let forgotten = async {
            sleep(HOUR).await;
            // Nobody holds the clock for this one any more.
            drop(first);
        };
        assert_eq!(tokio::join!(second, forgotten).0, Ok(Ok(7)));
        assert_eq!(start.elapsed(), HOUR);
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_in_line_behind_one_that_waits_for_something_else_hold_the_clock() {
    let pool = std::sync::Arc::new(one_thread());
    for _ in 0..20 {
        let (go, gone) = tokio::sync::oneshot::channel();
        let (waits, is_waiting) = channel();
        let first = std::thread::spawn({
            let pool = std::sync::Arc::clone(&pool);
            // Outside of the runtime, so the job knows nothing of its clock.
            let work = move |cx: &JobCx| {
                waits.send(()).unwrap();
                cx.block_on(gone)
            };
            move || block_on(pool.run(work))
        });
        is_waiting.recv().unwrap();
        let mut second = Box::pin(timeout(HOUR, pool.run(takes_a_while)));
        assert!(poll_once(second.as_mut()).is_pending());
        let later = std::thread::spawn(move || {
            takes_real_time();
            go.send(()).unwrap();
        });
        assert_eq!(second.await, Ok(Ok(7)));
        later.join().unwrap();
        assert_eq!(first.join().unwrap(), Ok(Ok(())));
    }
}
