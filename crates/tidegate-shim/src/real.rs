//! A normal build: parking_lot's mutex, std's atomics.

use std::time::Instant;

pub use std::sync::{Arc, atomic};
pub use std::{thread, thread_local};

pub use parking_lot::{Mutex, MutexGuard};

pub use crate::cell::UnsafeCell;

/// A condition variable whose `wait` takes the guard and gives it back, as std's does.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use tidegate_shim::{Condvar, Mutex, thread};
///
/// static OPEN: Mutex<bool> = Mutex::new(false);
/// static CHANGED: Condvar = Condvar::new();
///
/// let opener = thread::spawn(|| {
///     *OPEN.lock() = true;
///     CHANGED.notify_all();
/// });
/// let mut open = OPEN.lock();
/// while !*open {
///     open = CHANGED.wait(open);
/// }
/// let soon = Instant::now() + Duration::from_millis(1);
/// let open = CHANGED.wait_until(open, soon); // Nobody notifies any more.
/// # drop(open);
/// # opener.join().unwrap();
/// ```
#[derive(Debug, Default)]
pub struct Condvar(parking_lot::Condvar);

impl Condvar {
    /// Makes one for which nobody waits.
    pub const fn new() -> Self {
        Self(parking_lot::Condvar::new())
    }

    /// Lets the lock go until somebody notifies, and takes it again.
    #[inline]
    pub fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(&mut guard);
        guard
    }

    /// The same, but for no longer than until `deadline`.
    #[inline]
    pub fn wait_until<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        deadline: Instant,
    ) -> MutexGuard<'a, T> {
        self.0.wait_until(&mut guard, deadline);
        guard
    }

    /// Wakes all that wait.
    #[inline]
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
