use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use tidegate_executor::{JobCx, JobError, ThreadPool, to_thread};
use tidegate_test::{block_on, poll_once};

use crate::support::{Census, Gate, occupy, one_thread, until};

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_job_may_go_back_into_async_code_on_any_runtime() {
    for runtime in [current_thread(), multi_thread()] {
        let pool = one_thread();
        let work = |cx: &JobCx| {
            cx.block_on(async {
                tokio::time::sleep(Duration::ZERO).await;
                tokio::spawn(async { 41 }).await.unwrap() + 1
            })
        };
        assert_eq!(runtime.block_on(pool.run(work)), Ok(42));
    }
}

#[test]
fn a_job_without_a_runtime_may_go_back_into_async_code() {
    let pool = one_thread();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut run = pin!(pool.run(move |cx| cx.block_on(receiver)));
    assert!(poll_once(run.as_mut()).is_pending());
    sender.send(5).unwrap();
    assert_eq!(block_on(run), Ok(Ok(5)));
}

#[test]
fn block_on_may_be_nested_on_its_thread() {
    for runtime in [current_thread(), multi_thread()] {
        let pool = one_thread();
        let work =
            |cx: &JobCx| cx.block_on(async { cx.block_on(async { cx.block_on(async { 3 }) }) });
        assert_eq!(runtime.block_on(pool.run(work)), Ok(3));
    }
}

// trio #810: with one thread, the job inside the job has the slot of the one that waits for it.
#[test]
fn jobs_within_jobs_need_one_thread_to_any_depth() {
    fn nest(pool: Arc<ThreadPool>, cx: &JobCx, depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let inner = Arc::clone(&pool);
        let job = pool.run(move |cx| nest(inner, cx, depth - 1));
        cx.block_on(job).unwrap() + 1
    }
    for runtime in [current_thread(), multi_thread()] {
        // The extra threads go at once, not when they have been idle for a while.
        let pool = ThreadPool::builder().threads(1..=1).keep_alive(Duration::MAX).build();
        let pool = Arc::new(pool);
        let again = Arc::clone(&pool);
        let work = move |cx: &JobCx| nest(again, cx, 10);
        assert_eq!(runtime.block_on(pool.run(work)), Ok(10));
        assert_eq!(pool.statistics().peak, 1, "all others waited");
        until(|| pool.statistics().threads == 1);
    }
}

#[test]
fn an_inner_job_goes_before_the_queue_and_one_at_a_time() {
    let pool = Arc::new(ThreadPool::builder().threads(1..=1).queue(0).build());
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let again = Arc::clone(&pool);
    let log = Arc::clone(&order);
    let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
    let mut outer = pin!(pool.run(move |cx| {
        started.send(()).unwrap();
        closed.recv().unwrap_err();
        let jobs: Vec<_> = (0..5)
            .map(|number| {
                let log = Arc::clone(&log);
                again.run(move |_| log.lock().unwrap().push(number))
            })
            .collect();
        // Asked for and abandoned.
        cx.block_on(async {
            for job in jobs {
                let _ = poll_once(pin!(job)).is_ready();
            }
        });
        let log = Arc::clone(&log);
        let again = Arc::clone(&again);
        cx.block_on(async move {
            for number in 5..10 {
                let log = Arc::clone(&log);
                again.run(move |_| log.lock().unwrap().push(number)).await.unwrap();
            }
        });
    }));
    assert!(poll_once(outer.as_mut()).is_pending());
    has_started.recv().unwrap();
    let log = Arc::clone(&order);
    let mut queued = pin!(pool.run(move |_| log.lock().unwrap().push(100)));
    assert!(poll_once(queued.as_mut()).is_pending());
    gate.open();
    block_on(outer).unwrap();
    block_on(queued).unwrap();
    let order: Vec<_> = order.lock().unwrap().iter().copied().filter(|&n| n >= 5).collect();
    assert_eq!(order, [5, 6, 7, 8, 9, 100]);
}

#[test]
fn inner_jobs_share_the_one_slot_that_is_lent() {
    let pool = Arc::new(one_thread());
    let inner = Arc::clone(&pool);
    let running = Arc::new(AtomicUsize::new(0));
    let work = move |cx: &JobCx| {
        let job = || {
            let running = Arc::clone(&running);
            inner.run(move |_| {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                (0..20).for_each(|_| std::thread::yield_now());
                running.fetch_sub(1, Ordering::SeqCst);
            })
        };
        cx.block_on(async { tokio::join!(job(), job(), job(), job()) })
    };
    assert_eq!(block_on(pool.run(work)), Ok((Ok(()), Ok(()), Ok(()), Ok(()))));
    assert_eq!(pool.statistics().peak, 1);
}

#[test]
fn a_slot_that_was_lent_is_not_lent_again_when_its_owner_is_back() {
    let pool = Arc::new(one_thread());
    let inner = Arc::clone(&pool);
    let ((inner_gate, inner_closed), (outer_gate, outer_closed)) = (Gate::new(), Gate::new());
    let (back, is_back) = channel();
    let work = move |cx: &JobCx| {
        cx.block_on(async {
            let (started, has_started) = tokio::sync::oneshot::channel();
            let first = move |_: &JobCx| {
                started.send(()).unwrap();
                inner_closed.recv().unwrap_err();
            };
            inner.submit(first).unwrap().detach();
            inner.submit(|_| ()).unwrap().detach();
            has_started.await.unwrap();
        });
        back.send(()).unwrap();
        outer_closed.recv().unwrap_err();
    };
    let outer = pool.submit(work).unwrap();
    is_back.recv().unwrap();
    inner_gate.open();
    until(|| pool.statistics().completed == 1);
    let now = pool.statistics();
    assert_eq!((now.running, now.queued), (1, 1), "the second one waits for the owner to end");
    outer_gate.open();
    block_on(outer).unwrap();
    until(|| pool.statistics().completed == 3);
}

#[test]
fn an_inner_job_that_waits_makes_way_for_the_next_one() {
    let pool = Arc::new(one_thread());
    let inner = Arc::clone(&pool);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let work = move |cx: &JobCx| {
        let first = inner.run(move |cx| cx.block_on(receiver));
        let second = inner.run(move |_| sender.send(5));
        cx.block_on(async { tokio::join!(first, second) })
    };
    assert_eq!(block_on(pool.run(work)), Ok((Ok(Ok(5)), Ok(Ok(())))));
}

#[test]
fn other_jobs_do_not_run_on_the_slot_of_a_job_that_waits() {
    let pool = one_thread();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let (started, has_started) = channel();
    let mut outer = pin!(pool.run(move |cx| {
        cx.block_on(async {
            started.send(()).unwrap();
            receiver.await
        })
    }));
    assert!(poll_once(outer.as_mut()).is_pending());
    has_started.recv().unwrap();
    let mut other = pin!(pool.run(|_| ()));
    assert!(poll_once(other.as_mut()).is_pending());
    let now = pool.statistics();
    assert_eq!((now.threads, now.running, now.queued), (1, 1, 1));
    sender.send(1).unwrap();
    assert_eq!(block_on(outer), Ok(Ok(1)));
    assert_eq!(block_on(other), Ok(()));
}

#[test]
fn a_job_that_waited_and_is_back_has_no_precedence_to_give() {
    let pool = Arc::new(one_thread());
    let again = Arc::clone(&pool);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (log, other) = (Arc::clone(&order), Arc::clone(&order));
    let ((gate, closed), (started, has_started)) = (Gate::new(), channel());
    let work = move |cx: &JobCx| {
        cx.block_on(async {});
        started.send(()).unwrap();
        closed.recv().unwrap_err();
        again.submit(move |_| log.lock().unwrap().push("late")).unwrap()
    };
    let first = pool.submit(work).unwrap();
    has_started.recv().unwrap();
    let early = pool.submit(move |_| other.lock().unwrap().push("early")).unwrap();
    gate.open();
    block_on(block_on(first).unwrap()).unwrap();
    block_on(early).unwrap();
    assert_eq!(*order.lock().unwrap(), ["early", "late"]);
}

#[test]
fn an_inner_job_takes_the_slot_for_which_another_would_be_let_in() {
    let pool = Arc::new(ThreadPool::builder().threads(1..=3).queue(0).build());
    let (inner_pool, (tell, inner_runs)) = (Arc::clone(&pool), channel());
    let (gate, closed) = Gate::new();
    let outer = pool
        .submit(move |cx| {
            let inner = inner_pool.run(move |_| {
                tell.send(()).unwrap();
                closed.recv().unwrap_err();
            });
            cx.block_on(inner)
        })
        .unwrap();
    inner_runs.recv().unwrap();
    let (last_gate, last) = occupy(&pool);
    assert!(pool.submit(|_| ()).is_err(), "three jobs have started");
    gate.open();
    last_gate.open();
    assert_eq!(block_on(outer), Ok(Ok(())));
    assert_eq!(block_on(last), Ok(()));
}

#[test]
fn two_pools_may_wait_for_each_other() {
    let (one, two) = (Arc::new(one_thread()), Arc::new(one_thread()));
    let (back, forth) = (Arc::clone(&one), Arc::clone(&two));
    let work = move |cx: &JobCx| {
        let middle = forth.run(move |cx| cx.block_on(back.run(|_| 7)).unwrap());
        cx.block_on(middle).unwrap()
    };
    assert_eq!(block_on(one.run(work)), Ok(7));
}

#[test]
fn to_thread_may_be_nested() {
    let work = |cx: &JobCx| cx.block_on(to_thread(|cx| cx.block_on(to_thread(|_| 7)))).unwrap();
    assert_eq!(block_on(to_thread(work)), Ok(Ok(7)));
}

#[test]
fn a_panic_of_the_future_is_the_panic_of_the_job() {
    let pool = one_thread();
    let result = block_on(pool.run(|cx| cx.block_on(async { panic!("inside") })));
    assert_eq!(result, Err::<(), _>(JobError::Panicked("inside".into())));
    assert_eq!(block_on(pool.run(|_| 1)), Ok(1));
}

// The thread must not be stuck in a future that nobody wants.
#[test]
fn a_cancelled_job_that_waits_is_unwound() {
    let pool = one_thread();
    let census = Census::default();
    let (in_closure, in_future) = (census.token(), census.token());
    let (started, has_started) = channel();
    let job = pool.submit(move |cx| {
        let _in_closure = in_closure;
        cx.block_on(async {
            let _in_future = in_future;
            started.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let job = job.unwrap();
    has_started.recv().unwrap();
    assert_eq!(census.alive(), 2);
    assert!(!job.cancel());
    assert!(matches!(block_on(job), Err(JobError::Cancelled(_))));
    assert_eq!(census.alive(), 0);
    assert_eq!(pool.statistics().panicked, 0);
    assert_eq!(block_on(pool.run(|_| 1)), Ok(1));
}

#[test]
fn a_value_that_is_ready_is_returned_from_a_cancelled_job() {
    let pool = one_thread();
    let (started, has_started) = channel();
    let job = pool.submit(move |cx| {
        started.send(()).unwrap();
        until(|| cx.is_cancelled());
        cx.block_on(async { 5 })
    });
    let job = job.unwrap();
    has_started.recv().unwrap();
    job.cancel();
    assert_eq!(block_on(job), Ok(5));
}

#[test]
fn a_destructor_may_block_on_while_a_cancelled_job_unwinds() {
    struct CleansUp<'a>(&'a JobCx, std::sync::mpsc::Sender<u32>);
    impl Drop for CleansUp<'_> {
        fn drop(&mut self) {
            let cleaned = self.0.block_on(async {
                tokio::task::yield_now().await;
                7
            });
            self.1.send(cleaned).unwrap();
        }
    }
    let runtime = multi_thread();
    let pool = one_thread();
    let (sender, receiver) = channel();
    let (started, has_started) = channel();
    let job = runtime.block_on(async {
        pool.submit(move |cx| {
            let _cleans_up = CleansUp(cx, sender);
            cx.block_on(async {
                started.send(()).unwrap();
                std::future::pending::<()>().await;
            });
        })
    });
    has_started.recv().unwrap();
    drop(job);
    assert_eq!(receiver.recv(), Ok(7));
    assert_eq!(block_on(pool.run(|_| 1)), Ok(1));
}

// B-X5, from the other side: nothing will ever wake the job but the end of the runtime.
#[test]
fn a_job_that_waits_for_a_runtime_that_is_dropped_ends() {
    for runtime in [current_thread(), multi_thread()] {
        let pool = one_thread();
        let (started, has_started) = channel();
        let job = runtime.block_on(async {
            pool.submit(move |cx| {
                cx.block_on(async {
                    let mut hour = pin!(tokio::time::sleep(Duration::from_secs(3600)));
                    assert!(poll_once(hour.as_mut()).is_pending());
                    started.send(()).unwrap();
                    hour.await;
                });
            })
        });
        has_started.recv().unwrap();
        drop(runtime);
        assert!(matches!(block_on(job.unwrap()), Err(JobError::Panicked(_))));
        assert_eq!(block_on(pool.run(|_| 1)), Ok(1));
    }
}

#[test]
fn a_job_cx_may_be_shared_with_other_threads() {
    let pool = one_thread();
    let work = |cx: &JobCx| {
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|number| scope.spawn(move || cx.block_on(async { number }))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<i32>()
        })
    };
    assert_eq!(block_on(pool.run(work)), Ok(6));
    let (gate, job) = occupy(&pool);
    let mut other = pin!(pool.run(|_| ()));
    assert!(poll_once(other.as_mut()).is_pending());
    gate.open();
    block_on(job).unwrap();
    block_on(other).unwrap();
}
