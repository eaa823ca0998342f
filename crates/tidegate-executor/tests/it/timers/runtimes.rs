//! Without a runtime, and at its end.

use super::*;

#[test]
fn a_runtime_may_be_dropped_while_a_callback_runs_and_another_thread_waits_for_it() {
    let (runtime, log) = (multi_thread(), Log::default());
    let (hold, has_started, gate) = holds();
    let (first, second) = runtime.block_on(async {
        let first = call_soon_threadsafe(hold);
        (first, call_soon_threadsafe(log.note(2)))
    });
    has_started.recv().unwrap();
    let (waiting, handle) = (channel(), first.clone());
    let cancels = std::thread::spawn(move || {
        waiting.0.send(()).unwrap();
        handle.cancel()
    });
    waiting.1.recv().unwrap();
    let drops = std::thread::spawn(move || drop(runtime));
    gate.open();
    assert!(!cancels.join().unwrap());
    drops.join().unwrap();
    assert!(!first.is_cancelled(), "it ran");
    assert!(second.is_cancelled() || log.so_far() == [2]);
}

#[test]
fn a_runtime_that_goes_away_drops_its_callbacks_and_says_so() {
    for make in [current_thread, multi_thread] {
        let (runtime, census) = (make(), Census::default());
        let call = || {
            let token = census.token();
            call_later(HOUR, move || drop(token))
        };
        // Before the loop was polled, and after.
        let mut handles = vec![runtime.block_on(async { call() })];
        runtime.block_on(turns());
        handles.push(runtime.block_on(async { call() }));
        let handle = runtime.handle().clone();
        drop(runtime);
        assert_eq!(census.alive(), 0);
        let _inside = handle.enter();
        handles.push(call());
        assert_eq!(census.alive(), 0, "dropped at once");
        for handle in handles {
            assert!(handle.is_cancelled());
            assert!(!handle.cancel());
        }
    }
}

#[test]
fn a_closure_that_is_dropped_with_its_runtime_may_call_again() {
    struct Again(Census);
    impl Drop for Again {
        fn drop(&mut self) {
            if tokio::runtime::Handle::try_current().is_ok() {
                let token = self.0.token();
                assert!(call_later(HOUR, move || drop(token)).is_cancelled());
            }
        }
    }
    let (runtime, census) = (current_thread(), Census::default());
    runtime.block_on(async {
        let again = Again(census.clone());
        call_later(HOUR, move || drop(again));
        turns().await;
    });
    drop(runtime);
    assert_eq!(census.alive(), 0);
}

#[test]
#[should_panic = "there is no reactor running"]
fn outside_of_a_runtime_there_is_no_loop() {
    call_later(SECOND, || ());
}

#[test]
fn a_runtime_without_timers_says_so_to_the_caller() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..2 {
        let call = || runtime.block_on(async { drop(call_later(SECOND, || ())) });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err());
    }
    runtime.block_on(turns());
}

#[test]
fn a_runtime_that_is_long_gone_drops_what_it_is_given() {
    for make in [current_thread, multi_thread] {
        for used_before in [false, true] {
            let (runtime, census) = (make(), Census::default());
            if used_before {
                runtime.block_on(async { drop(call_soon_threadsafe(|| ())) });
            }
            let handle = runtime.handle().clone();
            drop(runtime);
            let _inside = handle.enter();
            for _ in 0..2 {
                let token = census.token();
                assert!(call_later(SECOND, move || drop(token)).is_cancelled());
                assert_eq!(census.alive(), 0);
            }
        }
    }
}

#[test]
fn a_callback_must_not_wait_for_a_task_of_its_runtime() {
    for runtime in Elsewhere::both() {
        let _inside = runtime.handle().enter();
        let (sender, receiver) = channel();
        let portal = Portal::current();
        let inner = portal.clone();
        portal.call_soon(move || sender.send(inner.call(pending::<()>())).unwrap());
        let error = receiver.recv().unwrap().unwrap_err();
        assert!(matches!(error, tidegate_executor::WaitError::WouldDeadlock(_)));
    }
}
