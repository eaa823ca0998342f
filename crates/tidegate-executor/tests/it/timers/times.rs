//! When, and in what order.

use super::*;

#[tokio::test(start_paused = true)]
async fn callbacks_run_at_their_times_to_the_instant() {
    let (start, log) = (Instant::now(), Log::default());
    for seconds in [3, 1, 2] {
        let log = log.clone();
        call_later(seconds * SECOND, move || log.note((seconds, start.elapsed()))());
    }
    sleep(10 * SECOND).await;
    assert_eq!(log.so_far(), [(1, SECOND), (2, 2 * SECOND), (3, 3 * SECOND)]);
}

// asyncio's order of equal times is undefined.
#[tokio::test(start_paused = true)]
async fn callbacks_for_the_same_time_run_in_the_order_of_the_calls() {
    let (when, log) = (Instant::now() + SECOND, Log::default());
    for number in 0..1000 {
        call_at(when, log.note(number));
    }
    sleep_until(when + SECOND).await;
    assert!(log.so_far().into_iter().eq(0..1000));
}

#[tokio::test(start_paused = true)]
async fn callbacks_that_are_called_soon_run_in_order_and_what_they_add_after_them() {
    let log = Log::default();
    let (outer, inner) = (log.note("outer"), log.note("inner"));
    call_soon_threadsafe(move || {
        outer();
        call_soon_threadsafe(inner);
    });
    call_soon_threadsafe(log.note("second"));
    assert!(log.so_far().is_empty());
    turns().await;
    assert_eq!(log.so_far(), ["outer", "second", "inner"]);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_has_passed_is_soon() {
    advance(HOUR).await;
    let log = Log::default();
    call_at(Instant::now() - SECOND, log.note(1));
    call_later(Duration::ZERO, log.note(2));
    turns().await;
    assert_eq!(log.so_far(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_comes_before_all_others_wakes_the_loop() {
    let log = Log::default();
    call_later(HOUR, log.note(3));
    turns().await;
    call_later(2 * SECOND, log.note(2));
    call_later(SECOND, log.note(1));
    sleep(3 * SECOND).await;
    assert_eq!(log.so_far(), [1, 2]);
    sleep(HOUR).await;
    assert_eq!(log.so_far(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_beyond_all_time_is_taken() {
    let handle = call_later(Duration::MAX, || panic!("never"));
    sleep(HOUR).await;
    assert!(handle.when() > Instant::now() + 1000 * HOUR);
    assert!(handle.cancel());
}

#[tokio::test(start_paused = true)]
async fn the_handle_says_when() {
    let when = Instant::now() + HOUR;
    assert_eq!(call_at(when, || ()).when(), when);
    assert_eq!(call_later(HOUR, || ()).when(), when);
    assert_eq!(call_soon_threadsafe(|| ()).when(), Instant::now());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_advanced_or_goes_on_runs_what_is_due() {
    let log = Log::default();
    for n in 1..=4 {
        call_later(n * HOUR, log.note(n));
    }
    advance(2 * HOUR).await;
    turns().await;
    assert_eq!(log.so_far(), [1, 2]);
    tokio::time::resume();
    let soon = Log::default();
    call_later(Duration::from_millis(1), soon.note(0));
    while soon.so_far().is_empty() {
        yield_now().await;
    }
    tokio::time::pause();
    advance(2 * HOUR).await;
    turns().await;
    assert_eq!(log.so_far(), [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_handle_is_shown_with_its_time() {
    let handle = call_later(SECOND, || ());
    handle.cancel();
    assert!(format!("{handle:?}").contains("is_cancelled: true"));
}
