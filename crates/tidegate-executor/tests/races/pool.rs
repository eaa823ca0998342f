//! What a job becomes when several parties reach for it at once: its thread, its future, its pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_executor::{JobError, ThreadPool};
use tidegate_test::{block_on, poll_once, race, spawn};

/// Counts what became of closures.
#[derive(Default)]
struct Fate {
    ran: AtomicUsize,
    dropped: AtomicUsize,
}

struct Closure(Arc<Fate>);

impl Drop for Closure {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Fate {
    fn closure(self: &Arc<Self>) -> impl FnOnce(&tidegate_executor::JobCx) -> u32 + Send + 'static {
        let closure = Closure(Arc::clone(self));
        move |_| {
            closure.0.ran.fetch_add(1, Ordering::SeqCst);
            drop(closure);
            7
        }
    }

    fn ran(&self) -> usize {
        self.ran.load(Ordering::SeqCst)
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPool::builder().threads(0..=threads).build()
}

/// No slot and no place in the queue is lost, and each of the jobs that were `asked` for is counted once.
fn check(pool: &ThreadPool, asked: u64) {
    assert_eq!(block_on(pool.run(|_| 1)), Ok(1));
    while pool.statistics().running > 0 {
        std::thread::yield_now();
    }
    let now = pool.statistics();
    assert_eq!((now.queued, now.waiting), (0, 0));
    assert_eq!(now.completed + now.cancelled, asked + 1, "{now:?}");
}

#[test]
fn a_job_runs_or_is_cancelled_and_never_both() {
    race(|| {
        let (pool, fate) = (pool(1), Arc::new(Fate::default()));
        let job = pool.submit(fate.closure()).unwrap();
        let cancelled = job.cancel();
        if cancelled {
            assert_eq!(fate.dropped(), 1, "at once");
        }
        let result = block_on(job);
        match result {
            Ok(7) => assert!(!cancelled && fate.ran() == 1),
            Err(JobError::Cancelled(_)) => assert!(cancelled && fate.ran() == 0),
            other => panic!("{other:?}"),
        }
        assert_eq!(fate.dropped(), 1);
        check(&pool, 1);
    });
}

#[test]
fn two_may_cancel_while_a_thread_starts() {
    race(|| {
        let (pool, fate) = (pool(1), Arc::new(Fate::default()));
        let job = Arc::new(pool.submit(fate.closure()).unwrap());
        let other = Arc::clone(&job);
        let canceller = spawn(move || other.cancel());
        let (here, there) = (job.cancel(), canceller.join().unwrap());
        assert!(!(here && there), "one of them at the most withdrew it");
        let result = block_on(Arc::into_inner(job).unwrap());
        assert_eq!(result.is_err(), here || there);
        assert_eq!(fate.ran(), usize::from(result.is_ok()));
        assert_eq!(fate.dropped(), 1);
        check(&pool, 1);
    });
}

#[test]
fn a_future_may_be_dropped_while_a_thread_starts_or_ends() {
    race(|| {
        let (pool, fate) = (pool(2), Arc::new(Fate::default()));
        let mut run = Box::pin(pool.run(fate.closure()));
        let ready = poll_once(run.as_mut()).is_ready();
        let dropper = spawn(move || drop(run));
        let job = pool.submit(fate.closure()).unwrap();
        dropper.join().unwrap();
        assert_eq!(block_on(job), Ok(7));
        check(&pool, 2);
        while fate.dropped() < 2 {
            std::thread::yield_now();
        }
        assert!(fate.ran() > usize::from(ready));
    });
}

#[test]
fn a_wakeup_is_never_lost() {
    race(|| {
        let pool = pool(2);
        let other = spawn({
            let run = pool.run(|_| 1);
            move || block_on(run)
        });
        assert_eq!(block_on(pool.run(|_| 2)), Ok(2));
        assert_eq!(other.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_pool_may_be_dropped_while_jobs_come_and_run() {
    race(|| {
        let (pool, fate) = (Arc::new(pool(2)), Arc::new(Fate::default()));
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let (pool, fate) = (Arc::clone(&pool), Arc::clone(&fate));
                spawn(move || {
                    let jobs = [(); 3].map(|()| pool.submit(fate.closure()).unwrap());
                    drop(pool);
                    jobs.map(block_on)
                })
            })
            .collect();
        drop(pool);
        let mut ran = 0;
        for submitter in submitters {
            for result in submitter.join().unwrap() {
                match result {
                    Ok(7) => ran += 1,
                    Err(JobError::Cancelled(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!((fate.ran(), fate.dropped()), (ran, 6));
    });
}

#[test]
fn a_shutdown_races_with_jobs_and_leaves_no_thread() {
    race(|| {
        let (pool, fate) = (Arc::new(pool(2)), Arc::new(Fate::default()));
        let submitter = spawn({
            let (pool, fate) = (Arc::clone(&pool), Arc::clone(&fate));
            move || [(); 3].map(|()| block_on(pool.run(fate.closure())))
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let report = runtime.block_on(pool.shutdown(std::time::Duration::MAX));
        assert!(report.is_clean(), "what was taken has run");
        assert_eq!(pool.statistics().threads, 0);
        let results = submitter.join().unwrap();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), fate.ran());
        assert_eq!(fate.dropped(), 3);
    });
}

#[test]
fn threads_that_time_out_lose_no_job() {
    race(|| {
        let pool = ThreadPool::builder().threads(0..=2).keep_alive(std::time::Duration::ZERO);
        let pool = Arc::new(pool.build());
        let others: Vec<_> = (0..2)
            .map(|_| {
                let pool = Arc::clone(&pool);
                spawn(move || {
                    (0..5).for_each(|n| assert_eq!(block_on(pool.run(move |_| n)), Ok(n)))
                })
            })
            .collect();
        others.into_iter().for_each(|other| other.join().unwrap());
        check(&pool, 10);
    });
}

#[test]
fn inner_jobs_race_with_the_end_of_their_asker() {
    race(|| {
        let pool = Arc::new(pool(1));
        let askers: Vec<_> = (0..2)
            .map(|_| {
                let (pool, inner) = (Arc::clone(&pool), Arc::clone(&pool));
                spawn(move || {
                    block_on(pool.run(move |cx| {
                        let (left, right) = (inner.run(|_| 1), inner.run(|_| 2));
                        cx.block_on(async {
                            let mut left = Box::pin(left);
                            let _ = poll_once(left.as_mut()).is_ready();
                            drop(left);
                            right.await
                        })
                    }))
                })
            })
            .collect();
        for asker in askers {
            assert_eq!(asker.join().unwrap(), Ok(Ok(2)));
        }
        check(&pool, 6);
    });
}

#[test]
fn a_job_that_waits_on_two_threads_lends_its_slot_once() {
    race(|| {
        let pool = Arc::new(pool(1));
        let inside = Arc::clone(&pool);
        let both = pool.run(move |cx| {
            let wait = || (0..20).map(|_| cx.block_on(inside.run(|_| 1)).unwrap_or(0)).sum::<u32>();
            std::thread::scope(|threads| {
                let other = threads.spawn(wait);
                wait() + other.join().unwrap_or(0)
            })
        });
        assert_eq!(block_on(both), Ok(40));
        assert_eq!(pool.statistics().peak, 1);
    });
}
