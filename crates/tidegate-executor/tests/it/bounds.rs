use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use tidegate_executor::{JobError, QueueFull, ThreadPool, to_thread};
use tidegate_test::{block_on, poll_once};

use crate::support::{Census, occupy, one_thread, until};

#[test]
fn never_do_more_jobs_run_than_there_are_threads_and_all_run() {
    let pool = ThreadPool::builder().threads(0..=3).queue(1000).build();
    let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let jobs = (0..300).map(|number| {
        let (running, peak) = (Arc::clone(&running), Arc::clone(&peak));
        let work = move |_: &_| {
            peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            number
        };
        pool.submit(work).expect("there is room")
    });
    let jobs: Vec<_> = jobs.collect();
    let results: Vec<usize> = jobs.into_iter().map(|job| block_on(job).expect("it ran")).collect();
    assert_eq!(results, (0..300).collect::<Vec<_>>());
    assert!(peak.load(Ordering::SeqCst) <= 3);
    let now = pool.statistics();
    assert!(now.threads <= 3 && now.peak <= 3, "{now:?}");
    assert_eq!((now.completed, now.queued, now.waiting), (300, 0, 0));
}

#[test]
fn jobs_of_one_thread_run_in_the_order_in_which_they_were_asked_for() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let jobs: Vec<_> = (0..20)
        .map(|number| {
            let order = Arc::clone(&order);
            pool.submit(move |_| order.lock().unwrap().push(number)).unwrap()
        })
        .collect();
    gate.open();
    jobs.into_iter().for_each(|job| block_on(job).unwrap());
    block_on(first).unwrap();
    assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_full_queue_refuses_and_drops_the_closure() {
    let pool = ThreadPool::builder().threads(1..=1).queue(2).build();
    let (gate, first) = occupy(&pool);
    let queued = [pool.submit(|_| 1).unwrap(), pool.submit(|_| 2).unwrap()];

    let census = Census::default();
    let token = census.token();
    let refused = pool.submit(move |_| drop(token));
    assert!(matches!(refused, Err(QueueFull)));
    assert_eq!(census.alive(), 0);
    assert_eq!(pool.statistics().queued, 2);
    assert_eq!(pool.statistics().cancelled, 0, "it was never in");

    let [one, two] = queued;
    assert!(one.cancel(), "which makes room");
    let three = pool.submit(|_| 3).expect("there is room again");
    gate.open();
    block_on(first).unwrap();
    assert_eq!((block_on(two), block_on(three)), (Ok(2), Ok(3)));
}

#[test]
fn a_pool_takes_exactly_its_threads_and_its_queue_however_slowly_threads_start() {
    for _ in 0..50 {
        let pool = ThreadPool::builder().threads(0..=2).queue(3).build();
        let (sender, receiver) = crossing();
        let mut jobs = Vec::new();
        loop {
            let receiver = Arc::clone(&receiver);
            match pool.submit(move |_| receiver.lock().unwrap().recv().is_err()) {
                Ok(job) => jobs.push(job),
                Err(_) => break,
            }
        }
        assert_eq!(jobs.len(), 5);
        drop(sender);
        jobs.into_iter().for_each(|job| assert_eq!(block_on(job), Ok(true)));
    }
}

fn crossing() -> (std::sync::mpsc::Sender<()>, Arc<std::sync::Mutex<std::sync::mpsc::Receiver<()>>>)
{
    let (sender, receiver) = std::sync::mpsc::channel();
    (sender, Arc::new(std::sync::Mutex::new(receiver)))
}

#[test]
fn no_queue_at_all_takes_a_job_when_a_thread_is_free() {
    let pool = ThreadPool::builder().threads(1..=1).queue(0).build();
    for _ in 0..20 {
        let (gate, job) = occupy(&pool);
        assert!(pool.submit(|_| ()).is_err());
        gate.open();
        block_on(job).unwrap();
    }
}

#[test]
fn run_waits_for_space_and_nobody_overtakes_it() {
    let pool = ThreadPool::builder().threads(1..=1).queue(1).build();
    let (gate, first) = occupy(&pool);
    let queued = pool.submit(|_| "queued").unwrap();
    let mut waiting = pin!(pool.run(|_| "waiting"));
    assert!(poll_once(waiting.as_mut()).is_pending());
    let now = pool.statistics();
    assert_eq!((now.running, now.queued, now.waiting), (1, 1, 1));

    assert!(queued.cancel());
    assert!(pool.submit(|_| ()).is_err(), "the space is for the one that waits");
    assert_eq!(pool.statistics().waiting, 0);
    gate.open();
    assert_eq!(block_on(waiting), Ok("waiting"));
    block_on(first).unwrap();
}

#[test]
fn run_and_submit_share_the_queue() {
    let pool = ThreadPool::builder().threads(1..=1).queue(2).build();
    let (gate, first) = occupy(&pool);
    let mut runs = [1, 2].map(|number| Box::pin(pool.run(move |_| number)));
    runs.iter_mut().for_each(|run| assert!(poll_once(run.as_mut()).is_pending()));
    assert!(matches!(pool.submit(|_| 3), Err(QueueFull)));
    gate.open();
    assert_eq!(runs.map(block_on), [Ok(1), Ok(2)]);
    block_on(first).unwrap();
}

#[test]
fn a_run_that_was_never_polled_never_was_in_the_pool() {
    let pool = one_thread();
    let census = Census::default();
    let token = census.token();
    let run = pool.run(move |_| drop(token));
    assert_eq!(pool.statistics().threads, 0);
    drop(run);
    assert_eq!(census.alive(), 0);
}

#[test]
fn threads_come_when_they_are_needed_and_not_before() {
    let pool = ThreadPool::builder().threads(0..=3).build();
    assert_eq!(pool.statistics().threads, 0);
    for _ in 0..20 {
        // The thread is free again before the result is there: one is enough.
        block_on(pool.run(|_| ())).unwrap();
        assert_eq!(pool.statistics().threads, 1);
    }
    let occupied: Vec<_> = (0..3).map(|_| occupy(&pool)).collect();
    assert_eq!(pool.statistics().threads, 3);
    let late = pool.submit(|_| ()).unwrap();
    assert_eq!(pool.statistics().threads, 3);
    for (gate, job) in occupied {
        gate.open();
        block_on(job).unwrap();
    }
    block_on(late).unwrap();
}

#[test]
fn jobs_that_wait_for_each_other_all_get_a_thread() {
    let pool = ThreadPool::builder().threads(0..=4).build();
    // First threads have to be started; then some sleep and some are about to.
    for round in 0..50 {
        let all_are_there = Arc::new(Barrier::new(4));
        let jobs = [(); 4].map(|()| {
            let all_are_there = Arc::clone(&all_are_there);
            pool.submit(move |_| all_are_there.wait().is_leader()).unwrap()
        });
        assert_eq!(jobs.map(block_on).iter().filter(|leads| **leads == Ok(true)).count(), 1);
        (0..round).for_each(|_| std::thread::yield_now());
    }
    assert_eq!(pool.statistics().threads, 4);
}

#[test]
fn threads_without_work_go_down_to_the_lower_bound() {
    let pool = ThreadPool::builder().threads(1..=4).keep_alive(Duration::ZERO).build();
    let occupied: Vec<_> = (0..4).map(|_| occupy(&pool)).collect();
    assert_eq!(pool.statistics().threads, 4);
    for (gate, job) in occupied {
        gate.open();
        block_on(job).unwrap();
    }
    until(|| pool.statistics().threads == 1);
    let id = |_: &_| std::thread::current().id();
    let stays = block_on(pool.run(id)).unwrap();
    for _ in 0..10 {
        // It has time to end, if it would.
        (0..100).for_each(|_| std::thread::yield_now());
        assert_eq!(block_on(pool.run(id)).unwrap(), stays, "the one that is left stays");
    }
    assert_eq!(pool.statistics().threads, 1);
}

#[test]
fn with_a_lower_bound_of_zero_the_last_thread_goes_too_and_comes_back() {
    let pool = ThreadPool::builder().threads(0..=2).keep_alive(Duration::ZERO).build();
    for _ in 0..20 {
        assert_eq!(block_on(pool.run(|_| 7)), Ok(7));
        until(|| pool.statistics().threads == 0);
    }
}

#[test]
fn threads_bear_the_name_of_the_pool() {
    let pool = ThreadPool::builder().name("img").threads(2..=2).build();
    let (gate, first) = occupy(&pool);
    let name = block_on(pool.run(|_| std::thread::current().name().map(str::to_owned)));
    assert_eq!(name, Ok(Some("img-2".to_owned())));
    gate.open();
    block_on(first).unwrap();
}

#[test]
fn a_job_may_ask_the_pool_for_a_job() {
    let pool = Arc::new(one_thread());
    let again = Arc::clone(&pool);
    let inner = block_on(pool.run(move |_| again.submit(|_| 5).unwrap())).unwrap();
    assert_eq!(block_on(inner), Ok(5));
}

// What the system refuses is reported to those who would wait for ever.
#[test]
fn a_thread_that_cannot_be_started_is_an_error_of_the_job_and_not_of_the_next() {
    let pool = ThreadPool::builder().threads(0..=2).stack_size(usize::MAX / 4).build();
    for _ in 0..2 {
        let refused = block_on(pool.run(|_| ()));
        assert!(matches!(refused, Err(JobError::NoThread(_))), "{refused:?}");
        assert_eq!(pool.statistics().threads, 0);
        assert_eq!(pool.statistics().queued, 0);
    }
}

// B-X7: the shared pool is bounded as well.
#[tokio::test]
async fn to_thread_runs_on_a_shared_and_bounded_pool() {
    let name = |_: &_| std::thread::current().name().map(str::to_owned);
    let jobs: Vec<_> = (0..500).map(|_| tokio::spawn(to_thread(name))).collect();
    let mut threads = std::collections::HashSet::new();
    for job in jobs {
        threads.insert(job.await.unwrap().unwrap().unwrap());
    }
    assert!(threads.len() <= 64);
    assert!(threads.iter().all(|name| name.starts_with("to_thread-")), "{threads:?}");
}
