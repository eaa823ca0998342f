//! Under `--cfg tidegate_loom`: the same names, explored exhaustively.

pub use loom::cell::UnsafeCell;
pub use loom::sync::{Arc, MutexGuard, atomic};
pub use loom::thread;
#[doc(hidden)]
pub use loom::thread_local as __thread_local;

/// A mutex whose `lock` returns the guard itself, as parking_lot's does.
///
/// # Examples
///
/// ```no_run
/// use tidegate_shim::Mutex;
///
/// let mut mutex = Mutex::new(1);
/// *mutex.lock() += 1;
/// assert!(mutex.try_lock().is_some());
/// assert_eq!(*mutex.get_mut(), 2);
/// assert!(!mutex.data_ptr().is_null());
/// ```
#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Makes an unlocked mutex.
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// Takes the lock, yielding to the model's scheduler while another holds it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("loom's mutex is not poisoned: a panic ends the model")
    }

    /// The value; holding the mutex alone proves that nobody else looks.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().expect("loom's mutex is not poisoned: a panic ends the model")
    }

    /// Where the value is.
    pub fn data_ptr(&self) -> *mut T {
        let mut value = self.lock();
        &raw mut *value
    }

    /// Takes the lock if it is free this instant.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

/// A condition variable whose `wait` takes the guard and gives it back.
///
/// # Examples
///
/// ```no_run
/// use std::time::{Duration, Instant};
/// use tidegate_shim::{Condvar, Mutex};
///
/// let (open, changed) = (Mutex::new(true), Condvar::new());
/// changed.notify_all();
/// let mut guard = open.lock();
/// while !*guard {
///     guard = changed.wait(guard);
/// }
/// let soon = Instant::now() + Duration::from_millis(1);
/// drop(changed.wait_until(guard, soon));
/// ```
#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    /// Makes one for which nobody waits.
    pub fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    /// Lets the lock go until somebody notifies, and takes it again.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).expect("loom's mutex is not poisoned: a panic ends the model")
    }

    /// The same: there is no time here, so nothing is ever too late.
    pub fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _deadline: std::time::Instant,
    ) -> MutexGuard<'a, T> {
        self.wait(guard)
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
