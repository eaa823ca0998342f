use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Poll, Wake, Waker};

use parking_lot::Mutex;
use tidegate_executor::{Job, JobError, ThreadPool, run_in_executor, to_thread};
use tidegate_test::{CountingWaker, block_on, cut_everywhere, poll_once, poll_with};
use tidegate_timeout::{CancelReason, checkpoint};

use crate::support::{Census, Gate, occupy, one_thread, until};

#[test]
fn a_queued_job_that_is_cancelled_is_dropped_at_once() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let census = Census::default();
    let token = census.token();
    let mut job = pin!(pool.submit(move |_| drop(token)).unwrap());
    let (count, waker) = CountingWaker::new();
    assert!(poll_with(job.as_mut(), &waker).is_pending());
    assert_eq!((census.alive(), pool.statistics().queued), (1, 1));

    assert!(job.cancel());
    assert_eq!((census.alive(), pool.statistics().queued), (0, 0), "while the thread is busy");
    assert_eq!(count.count(), 1);
    assert!(job.is_finished());
    assert!(!job.cancel(), "it is cancelled already");
    assert!(matches!(
        poll_once(job),
        Poll::Ready(Err(JobError::Cancelled(CancelReason::Explicit(_))))
    ));
    gate.open();
    block_on(first).unwrap();
    assert_eq!(pool.statistics().cancelled, 1);
}

#[test]
fn a_cancelled_job_leaves_the_line_whoever_has_gone_before() {
    let pool = one_thread();
    let (first_gate, first) = occupy(&pool);
    let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
    let second = pool.submit(move |_| {
        started.send(()).unwrap();
        closed.recv().unwrap_err();
    });
    let third = pool.submit(|_| ()).unwrap();
    first_gate.open();
    has_started.recv().unwrap();
    let fourth = pool.submit(|_| ()).unwrap();
    for (job, left) in [(third, 1), (fourth, 0)] {
        assert!(job.cancel());
        assert_eq!(pool.statistics().queued, left);
    }
    assert_eq!(pool.statistics().cancelled, 2);
    gate.open();
    block_on(first).unwrap();
    block_on(second.unwrap()).unwrap();
}

#[test]
fn a_queued_job_whose_future_is_dropped_is_dropped_at_once() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let census = Census::default();
    let (one, two, three) = (census.token(), census.token(), census.token());
    let job = pool.submit(move |_| drop(one)).unwrap();
    let mut run = Box::pin(pool.run(move |_| drop(two)));
    assert!(poll_once(run.as_mut()).is_pending());
    let mut in_executor = Box::pin(run_in_executor(&pool, move || drop(three)));
    assert!(poll_once(in_executor.as_mut()).is_pending());
    assert_eq!((census.alive(), pool.statistics().queued), (3, 3));
    drop(run);
    assert_eq!((census.alive(), pool.statistics().queued), (2, 2));
    drop(job);
    drop(in_executor);
    assert_eq!((census.alive(), pool.statistics().queued), (0, 0));
    gate.open();
    block_on(first).unwrap();
}

#[test]
fn a_detached_job_runs_and_its_result_is_dropped() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let census = Census::default();
    let token = census.token();
    let (sender, receiver) = channel();
    let work = move |cx: &tidegate_executor::JobCx| {
        sender.send(cx.is_cancelled()).unwrap();
        token
    };
    pool.submit(work).unwrap().detach();
    gate.open();
    assert_eq!(receiver.recv(), Ok(false));
    until(|| census.alive() == 0);
    block_on(first).unwrap();
}

// Scenario 39: the job sees that nobody waits for it, in whatever way it asks.
#[test]
fn dropping_the_future_tells_the_running_job() {
    let pool = one_thread();
    let (report, told) = channel();
    let (started, has_started) = channel();
    let work = move |cx: &tidegate_executor::JobCx| {
        assert!(!cx.is_cancelled() && cx.checkpoint().is_ok() && checkpoint().is_ok());
        started.send(()).unwrap();
        until(|| cx.is_cancelled());
        report.send((cx.checkpoint().is_err(), checkpoint().is_err())).unwrap();
    };
    let mut run = Box::pin(pool.run(work));
    assert!(poll_once(run.as_mut()).is_pending());
    has_started.recv().unwrap();
    drop(run);
    assert_eq!(told.recv(), Ok((true, true)));
}

#[test]
fn a_running_job_that_is_cancelled_still_gives_its_value() {
    let pool = one_thread();
    let (started, has_started) = channel();
    let job = pool.submit(move |cx| {
        started.send(()).unwrap();
        until(|| cx.is_cancelled());
        "what it had"
    });
    let job = job.unwrap();
    has_started.recv().unwrap();
    assert!(!job.cancel(), "it runs");
    assert_eq!(block_on(job), Ok("what it had"));
}

// D11: five jobs that were left behind are five jobs that run.
#[test]
fn a_job_that_was_abandoned_keeps_its_slot_until_it_ends() {
    let pool = one_thread();
    let (gate, job) = occupy(&pool);
    drop(job);
    let mut next = pin!(pool.run(|_| "next"));
    assert!(poll_once(next.as_mut()).is_pending());
    let now = pool.statistics();
    assert_eq!((now.threads, now.running, now.queued), (1, 1, 1));
    gate.open();
    assert_eq!(block_on(next), Ok("next"));
    assert_eq!(pool.statistics().peak, 1);
}

#[test]
fn the_result_that_nobody_takes_is_dropped_before_the_slot_is_free() {
    struct Slow(std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.1.send(()).unwrap();
            self.0.recv().unwrap_err();
        }
    }
    let pool = one_thread();
    let ((hold, held), (gate, closed)) = (Gate::new(), Gate::new());
    let (dropping, is_dropping) = channel();
    let (started, has_started) = channel();
    let job = pool.submit(move |_| {
        started.send(()).unwrap();
        closed.recv().unwrap_err();
        Slow(held, dropping)
    });
    has_started.recv().unwrap();
    drop(job);
    gate.open();
    is_dropping.recv().unwrap();
    assert_eq!(pool.statistics().running, 1);
    hold.open();
    until(|| pool.statistics().running == 0);
}

#[test]
fn a_hundred_thousand_jobs_are_cancelled_and_leave_nothing_behind() {
    let pool = ThreadPool::builder().threads(1..=1).queue(usize::MAX).build();
    let (gate, first) = occupy(&pool);
    let census = Census::default();
    let mut jobs: Vec<Option<Job<_>>> = (0..100_000)
        .map(|_| {
            let token = census.token();
            Some(pool.submit(move |_| drop(token)).unwrap())
        })
        .collect();
    // Neither in order nor in reverse: 7919 is prime to the number of jobs.
    for step in 0..jobs.len() {
        jobs[step * 7919 % 100_000] = None;
    }
    assert_eq!((census.alive(), pool.statistics().queued), (0, 0));
    gate.open();
    block_on(first).unwrap();
    assert_eq!(block_on(pool.run(|_| 1)), Ok(1));
}

#[test]
fn the_newest_waker_is_woken() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let mut run = pin!(pool.run(|_| ()));
    let ((old, old_waker), (new, new_waker)) = (CountingWaker::new(), CountingWaker::new());
    assert!(poll_with(run.as_mut(), &old_waker).is_pending());
    assert!(poll_with(run.as_mut(), &new_waker).is_pending());
    assert_eq!(Arc::strong_count(&old), 2, "the old one is dropped");
    gate.open();
    until(|| new.count() == 1);
    assert_eq!(old.count(), 0);
    assert_eq!(poll_once(run), Poll::Ready(Ok(())));
    block_on(first).unwrap();
}

// A waker that calls back into the pool from `wake` and from its drop.
#[test]
fn a_waker_may_call_into_the_pool() {
    struct CallsBack(Arc<ThreadPool>, Mutex<Option<Job<()>>>);
    impl Wake for CallsBack {
        fn wake(self: Arc<Self>) {
            self.0.statistics();
            *self.1.lock() = self.0.submit(|_| ()).ok();
        }
    }
    impl Drop for CallsBack {
        fn drop(&mut self) {
            self.0.submit(|_| ()).unwrap().detach();
            self.0.statistics();
        }
    }
    let pool = Arc::new(one_thread());
    for cancelled in [false, true] {
        let (gate, first) = occupy(&pool);
        let mut job = pool.submit(|_| ()).unwrap();
        let calls_back = Arc::new(CallsBack(Arc::clone(&pool), Mutex::new(None)));
        let waker = Waker::from(Arc::clone(&calls_back));
        assert!(poll_with(Pin::new(&mut job), &waker).is_pending());
        assert_eq!(job.cancel() && cancelled, cancelled);
        gate.open();
        until(|| calls_back.1.lock().is_some());
        drop((waker, calls_back));
        block_on(first).unwrap();
        assert!(block_on(job).is_err());
    }
}

#[test]
fn a_waker_that_panics_does_no_harm_to_the_thread() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("from a waker");
        }
    }
    let pool = one_thread();
    let (gate, mut first) = occupy(&pool);
    assert!(poll_with(Pin::new(&mut first), &Waker::from(Arc::new(Panics))).is_pending());
    gate.open();
    assert_eq!(block_on(pool.run(|_| 5)), Ok(5));
    assert_eq!(block_on(first), Ok(()));
    assert_eq!(pool.statistics().threads, 1);
}

#[test]
fn a_closure_that_panics_when_it_is_dropped_does_not_stop_who_drops_it() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("from a closure that was not called");
        }
    }
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let bomb = Panics;
    let queued = pool.submit(move |_| std::mem::forget(bomb)).unwrap();
    let bomb = Panics;
    let dropped = pool.submit(move |_| std::mem::forget(bomb)).unwrap();
    let last = pool.submit(|_| ()).unwrap();
    assert!(queued.cancel());
    drop(dropped);
    gate.open();
    assert!(block_on(queued).is_err());
    assert_eq!((block_on(first), block_on(last)), (Ok(()), Ok(())));
}

// A destructor of what a job captured calls into the pool.
#[test]
fn a_closure_may_call_into_the_pool_when_it_is_dropped() {
    struct CallsBack(Arc<ThreadPool>);
    impl Drop for CallsBack {
        fn drop(&mut self) {
            self.0.statistics();
            self.0.submit(|_| ()).unwrap().detach();
        }
    }
    let pool = Arc::new(one_thread());
    let (gate, first) = occupy(&pool);
    for drop_it in [false, true] {
        let calls_back = CallsBack(Arc::clone(&pool));
        let job = pool.submit(move |_| drop(calls_back)).unwrap();
        if drop_it {
            drop(job);
        } else {
            assert!(job.cancel());
        }
    }
    gate.open();
    block_on(first).unwrap();
}

fn current_thread(scenario: impl AsyncFnOnce()) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(scenario());
}

#[test]
fn every_future_may_be_dropped_after_any_number_of_polls() {
    cut_everywhere(|cut| {
        current_thread(async || {
            let (pool, census) = (one_thread(), Census::default());
            let token = census.token();
            let run = pool.run(move |_| {
                drop(token);
                7
            });
            assert!(matches!(cut.short(run).await, None | Some(Ok(7))));
            assert_eq!(pool.run(|_| 8).await, Ok(8));
            assert_eq!(census.alive(), 0);
        });
    });
    cut_everywhere(|cut| {
        current_thread(async || {
            let (pool, census) = (one_thread(), Census::default());
            let token = census.token();
            let job = pool.submit(move |_| {
                drop(token);
                7
            });
            assert!(matches!(cut.short(job.unwrap()).await, None | Some(Ok(7))));
            assert_eq!(pool.run(|_| 8).await, Ok(8));
            assert_eq!(census.alive(), 0);
        });
    });
    cut_everywhere(|cut| {
        current_thread(async || {
            let census = Census::default();
            let token = census.token();
            let run = to_thread(move |_| {
                drop(token);
                7
            });
            assert!(matches!(cut.short(run).await, None | Some(Ok(7))));
            until(|| census.alive() == 0);
        });
    });
    cut_everywhere(|cut| {
        current_thread(async || {
            let census = Census::default();
            let token = census.token();
            let runtime = tokio::runtime::Handle::current();
            let run = run_in_executor(&runtime, move || {
                drop(token);
                7
            });
            assert!(matches!(cut.short(run).await, None | Some(Ok(7))));
            until(|| census.alive() == 0);
        });
    });
    cut_everywhere(|cut| {
        current_thread(async || {
            let pool = one_thread();
            let job = pool.submit(|_| 7).unwrap();
            let grace = std::time::Duration::MAX;
            if let Some(report) = cut.short(pool.shutdown(grace)).await {
                assert!(report.is_clean());
            }
            assert!(pool.shutdown(grace).await.is_clean(), "asking again waits on");
            assert_eq!(job.await, Ok(7));
        });
    });
}
