//! Many callbacks, and whose turn it is.

use super::*;

/// To the back of the queue of tasks. (tokio's `yield_now` waits until there is nothing else to do.)
async fn to_the_back() {
    let mut been = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut been, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn other_tasks_run_between_callbacks_that_call_each_other_for_ever() {
    fn again(count: Arc<AtomicUsize>) {
        count.fetch_add(1, Ordering::SeqCst);
        call_soon_threadsafe(move || again(count));
    }
    let count = Arc::new(AtomicUsize::new(0));
    again(Arc::clone(&count));
    while count.load(Ordering::SeqCst) < 1000 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_callback_adds_runs_after_other_tasks_had_their_turn() {
    fn again(count: Arc<AtomicUsize>) {
        if count.fetch_add(1, Ordering::SeqCst) < 20 {
            call_soon_threadsafe(move || again(count));
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    again(Arc::clone(&count));
    // Not the test's own future, which has its turn less often than a task.
    let looks = tokio::spawn(async move {
        let mut before = count.load(Ordering::SeqCst);
        assert!(before <= 2, "{before}");
        while before <= 20 {
            to_the_back().await;
            let now = count.load(Ordering::SeqCst);
            assert!(now <= before + 1, "{now} after {before}");
            before = now;
        }
    });
    looks.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn other_tasks_run_between_many_callbacks() {
    let count = Arc::new(AtomicUsize::new(0));
    for _ in 0..10_000 {
        let count = Arc::clone(&count);
        call_soon_threadsafe(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
    }
    let looks = Arc::clone(&count);
    let early = tokio::spawn(async move {
        while looks.load(Ordering::SeqCst) == 0 {
            to_the_back().await;
        }
        looks.load(Ordering::SeqCst)
    });
    let early = early.await.unwrap();
    assert!(early < 1000, "{early}");
    while count.load(Ordering::SeqCst) < 10_000 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_callbacks_run_in_order_but_for_those_that_are_cancelled() {
    const N: u64 = 100_000;
    let log = Log::default();
    let start = Instant::now();
    // In no order: 7919 and N have no common divisor.
    let handles: Vec<_> = (0..N)
        .map(|i| i * 7919 % N)
        .map(|ms| (ms, call_at(start + Duration::from_millis(ms), log.note(ms))))
        .collect();
    for (ms, handle) in &handles {
        assert!(ms % 3 != 0 || handle.cancel());
    }
    sleep(HOUR).await;
    assert!(log.so_far().into_iter().eq((0..N).filter(|ms| ms % 3 != 0)));
    assert!(handles.iter().all(|(ms, handle)| handle.is_cancelled() == (ms % 3 == 0)));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_callbacks_for_one_instant_run_in_the_order_of_the_calls() {
    const N: u64 = 100_000;
    let now = Instant::now();
    advance(HOUR).await;
    // Past, now, soon, and later than anybody waits for.
    let far = now + Duration::from_secs(30 * 365 * 24 * 3600);
    for when in [now, Instant::now(), Instant::now() + SECOND, far] {
        let log = Log::default();
        let handles: Vec<_> = (0..N).map(|n| call_at(when, log.note(n))).collect();
        assert!((0..N).step_by(2).all(|n| handles[usize::try_from(n).unwrap()].cancel()));
        sleep_until(when + 2 * HOUR).await;
        assert!(log.so_far().into_iter().eq((0..N).skip(1).step_by(2)));
        assert!(handles.iter().all(|handle| handle.when() == when && !handle.cancel()));
    }
}

#[test]
fn a_hundred_thousand_callbacks_are_dropped_with_their_runtime() {
    for make in [current_thread, multi_thread] {
        let (runtime, census) = (make(), Census::default());
        let handles = runtime.block_on(async {
            let call = |n| {
                let token = census.token();
                call_later(HOUR + n * SECOND, move || drop(token))
            };
            let handles: Vec<_> = (0..100_000).map(|n| call(n % 7)).collect();
            turns().await;
            handles
        });
        drop(runtime);
        assert_eq!(census.alive(), 0);
        assert!(handles.iter().all(TimerHandle::is_cancelled));
    }
}

#[test]
fn threads_that_have_entered_a_runtime_may_call_into_it() {
    for runtime in Elsewhere::both() {
        let log = Log::default();
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (handle, log) = (runtime.handle().clone(), log.clone());
                std::thread::spawn(move || {
                    let _inside = handle.enter();
                    (0..100)
                        .for_each(|number| drop(call_soon_threadsafe(log.note((thread, number)))));
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        until(|| log.so_far().len() == 800);
        for thread in 0..8 {
            let of_thread = log.so_far().into_iter().filter(|&(of, _)| of == thread);
            assert!(of_thread.map(|(_, number)| number).eq(0..100), "in the order of its calls");
        }
    }
}

#[test]
fn there_is_one_loop_for_all_threads_of_a_runtime() {
    let runtime = multi_thread();
    let tasks = || runtime.metrics().num_alive_tasks();
    runtime.block_on(async {
        let calls = (0..100).map(|_| tokio::spawn(async { drop(call_later(HOUR, || ())) }));
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
        drop(call_later(HOUR, || ()));
    });
    until(|| tasks() == 1);
}
