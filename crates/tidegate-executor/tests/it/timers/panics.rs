//! Callbacks that panic, and closures that do when they are dropped.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_callback_stops_nothing() {
    let log = Log::default();
    for number in 0..3 {
        let handle = call_soon_threadsafe(|| panic!("on purpose"));
        call_soon_threadsafe(log.note(number));
        turns().await;
        assert!(!handle.is_cancelled());
    }
    assert_eq!(log.so_far(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_closure_whose_destructor_panics_stops_nothing() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let log = Log::default();
    let panics = || {
        let panics = Panics;
        move || drop(panics)
    };
    assert!(call_later(SECOND, panics()).cancel());
    call_later(SECOND, panics());
    call_later(SECOND, log.note(1));
    sleep(HOUR).await;
    assert_eq!(log.so_far(), [1]);
}
