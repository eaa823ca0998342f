//! The condition as its users see it. One binary, one module per theme.
#![cfg(not(tidegate_loom))]

mod cancel;
mod hygiene;
mod model;
mod scale;
mod threads;
mod traits;
mod wait;

use std::pin::Pin;
use std::task::Poll;

use tidegate_condition::{Condition, WaitFut};
use tidegate_lock::{Lock, LockGuard, Policy};
use tidegate_test::poll_once;

type Wait<'a, T, P> = Pin<Box<WaitFut<'a, 'a, T, P>>>;

/// Takes the lock and waits; the lock is free again.
fn wait<'a, T, P: Policy>(condition: &'a Condition, lock: &'a Lock<T, P>) -> Wait<'a, T, P> {
    let guard = lock.try_lock().expect("nobody has it");
    let mut wait = Box::pin(condition.wait(guard));
    assert!(lock.is_locked(), "kept until the first poll");
    assert!(poll_once(wait.as_mut()).is_pending());
    assert!(!lock.is_locked(), "given back by the first poll");
    wait
}

/// What a future is ready with.
fn ready<F: Future>(future: Pin<&mut F>) -> F::Output {
    match poll_once(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it was to be ready"),
    }
}

/// The guard of one whose turn it is.
fn guard<'a, T, P: Policy>(wait: &mut Wait<'a, T, P>) -> LockGuard<'a, T, P> {
    ready(wait.as_mut())
}
