//! The way of a result from a task to whoever waits for it.

use std::future::poll_fn;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use tidegate_executor::WaitError;
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{block_on, race, spawn};
use tidegate_timeout::scope::Scope;

use crate::Counted;
use crate::call::Call;
use crate::deadlock::Key;

/// Of a task in some runtime.
fn call<T>() -> Arc<Call<T>> {
    static RUNTIME: OnceLock<tokio::runtime::Id> = OnceLock::new();
    let build = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let runtime = *RUNTIME.get_or_init(|| build().handle().id());
    Arc::new(Call::new(Key, runtime, Scope::new().handle(), Location::caller()))
}

fn counter() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

#[test]
fn a_thread_that_waits_is_never_left_waiting() {
    race(|| {
        let call = call();
        let settles = spawn({
            let call = Arc::clone(&call);
            move || call.settle(Ok(7), || None)
        });
        assert_eq!(call.wait(None), Ok(7));
        settles.join().unwrap();
    });
}

#[test]
fn a_task_that_awaits_is_never_left_waiting() {
    race(|| {
        let call = call();
        let settles = spawn({
            let call = Arc::clone(&call);
            move || call.settle(Ok(7), || None)
        });
        assert_eq!(block_on(poll_fn(|cx| call.poll(cx))), Ok(7));
        settles.join().unwrap();
    });
}

#[test]
fn each_callback_is_called_once_whenever_it_comes() {
    race(|| {
        let (call, calls) = (call(), counter());
        let gives = || {
            let (call, calls) = (Arc::clone(&call), Arc::clone(&calls));
            spawn(move || {
                call.on_done(Box::new(move |result| {
                    assert_eq!(result, Ok(&7));
                    calls.fetch_add(1, Ordering::SeqCst);
                }));
            })
        };
        let givers = [gives(), gives()];
        call.settle(Ok(7), || None);
        givers.into_iter().for_each(|giver| giver.join().unwrap());
        assert_eq!(call.wait(None), Ok(7));
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn whoever_has_the_result_finds_the_task_struck_off() {
    race(|| {
        let (call, struck) = (call(), counter());
        let settles = spawn({
            let (call, struck) = (Arc::clone(&call), Arc::clone(&struck));
            move || {
                call.settle(Ok(7), || {
                    struck.store(1, Ordering::Relaxed);
                    None
                });
            }
        });
        assert_eq!(call.wait(None), Ok(7));
        assert_eq!(struck.load(Ordering::Relaxed), 1);
        settles.join().unwrap();
    });
}

#[test]
fn of_two_who_settle_one_is_heard_and_no_value_stays() {
    race(|| {
        let (call, dropped) = (call(), counter());
        let says = spawn({
            let (call, value) = (Arc::clone(&call), Counted(Arc::clone(&dropped)));
            move || call.settle(Ok(value), || None)
        });
        let ends = spawn({
            let call = Arc::clone(&call);
            move || call.settle(Err(WaitError::NotReady), || None)
        });
        let got = call.wait(None);
        says.join().unwrap();
        ends.join().unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), usize::from(got.is_err()));
        drop(got);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_result_that_nobody_wants_is_dropped_once() {
    race(|| {
        let (call, dropped) = (call(), counter());
        let settles = spawn({
            let (call, value) = (Arc::clone(&call), Counted(Arc::clone(&dropped)));
            move || call.settle(Ok(value), || None)
        });
        call.release();
        settles.join().unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    });
}
