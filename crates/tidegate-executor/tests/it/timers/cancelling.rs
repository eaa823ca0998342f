//! Run or cancelled, and never both.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_was_cancelled_is_dropped_at_once_and_does_not_run() {
    let (log, census) = (Log::default(), Census::default());
    let (token, note) = (census.token(), log.note(1));
    let handle = call_later(SECOND, move || {
        let _token = token;
        note();
    });
    call_later(SECOND, log.note(2));
    assert!(!handle.is_cancelled());
    assert!(handle.cancel());
    assert_eq!(census.alive(), 0);
    assert!(handle.is_cancelled());
    assert!(!handle.cancel(), "once");
    sleep(HOUR).await;
    assert_eq!(log.so_far(), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_has_run_is_not_cancelled() {
    let handle = call_later(SECOND, || ());
    sleep(HOUR).await;
    assert!(!handle.cancel());
    assert!(!handle.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_handle_cancels_nothing() {
    let log = Log::default();
    drop(call_later(SECOND, log.note(1)));
    let handle = call_later(SECOND, log.note(2));
    drop(handle.clone());
    sleep(HOUR).await;
    assert_eq!(log.so_far(), [1, 2]);
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_callback_may_cancel_itself_and_others() {
    let log = Log::default();
    let own = Arc::new(OnceLock::<TimerHandle>::new());
    let other = call_later(SECOND, log.note("other"));
    let (inside, note, before) = (Arc::clone(&own), log.note("self"), other.clone());
    let handle = call_later(Duration::ZERO, move || {
        assert!(!inside.get().unwrap().cancel(), "it runs");
        assert!(before.cancel());
        note();
    });
    own.set(handle).unwrap();
    sleep(HOUR).await;
    assert_eq!(log.so_far(), ["self"]);
    assert!(other.is_cancelled() && !own.get().unwrap().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_callback_of_the_same_portion_may_be_cancelled() {
    let log = Log::default();
    let victim = Arc::new(OnceLock::<TimerHandle>::new());
    let inside = Arc::clone(&victim);
    call_soon_threadsafe(move || assert!(inside.get().unwrap().cancel()));
    victim.set(call_soon_threadsafe(log.note("victim"))).unwrap();
    turns().await;
    assert!(log.so_far().is_empty());
}

// After `cancel` has returned it is not running either.
#[test]
fn cancelling_waits_for_a_callback_that_runs_on_another_thread() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        let (hold, has_started, gate) = holds();
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = Arc::clone(&ended);
        let handle = call_soon_threadsafe(move || {
            hold();
            is_ended.store(true, Ordering::SeqCst);
        });
        has_started.recv().unwrap();
        let cancels = std::thread::spawn(move || {
            assert!(!handle.cancel());
            ended.load(Ordering::SeqCst)
        });
        (0..100).for_each(|_| std::thread::yield_now());
        assert!(!cancels.is_finished());
        gate.open();
        assert!(cancels.join().unwrap());
    }
}

#[test]
fn a_callback_runs_or_is_cancelled_and_never_both() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        for round in 0..2000 {
            let runs = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&runs);
            let handle = call_soon_threadsafe(move || {
                count.fetch_add(1, Ordering::SeqCst);
            });
            (0..round % 7).for_each(|_| std::thread::yield_now());
            let is_cancelled = handle.cancel();
            assert_eq!(handle.is_cancelled(), is_cancelled);
            let seen = runs.load(Ordering::SeqCst);
            assert_eq!(seen, usize::from(!is_cancelled));
        }
    }
}
