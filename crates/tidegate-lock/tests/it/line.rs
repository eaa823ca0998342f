//! A line of futures in front of a lock, for the other modules.

use std::pin::Pin;
use std::task::Poll;

use tidegate_lock::{Lock, LockFut, LockGuard, Policy};
use tidegate_test::poll_once;

pub(crate) type Waiting<'a, T, P> = Pin<Box<LockFut<'a, T, P>>>;

/// A future that has asked for a lock that is held.
pub(crate) fn waiting<T, P: Policy>(lock: &Lock<T, P>) -> Waiting<'_, T, P> {
    let mut future = Box::pin(lock.lock());
    assert!(poll_once(future.as_mut()).is_pending());
    future
}

/// The guard of a future that is ready.
pub(crate) fn ready<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> F::Output {
    match poll_once(future.as_mut()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not ready"),
    }
}

/// Whether a future waits still.
pub(crate) fn pending<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> bool {
    poll_once(future.as_mut()).is_pending()
}

/// A lock, taken.
pub(crate) fn taken<T, P: Policy>(lock: &Lock<T, P>) -> LockGuard<'_, T, P> {
    lock.try_lock().expect("nobody has it")
}
