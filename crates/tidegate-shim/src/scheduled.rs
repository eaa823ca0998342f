//! Under `--cfg tidegate_shuttle`: the same names, in many random schedules.

pub use shuttle::sync::{Arc, MutexGuard, atomic};
pub use shuttle::{thread, thread_local};

// Shuttle switches threads at its own types only, so it has nothing to see in a cell.
pub use crate::cell::UnsafeCell;

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
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Makes an unlocked mutex.
    pub const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    /// Takes the lock, yielding to the schedule while another holds it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The value; holding the mutex alone proves that nobody else looks.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Where the value is.
    pub fn data_ptr(&self) -> *mut T {
        let mut value = self.lock();
        &raw mut *value
    }

    /// Takes the lock if it is free this instant.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
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
pub struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    /// Makes one for which nobody waits.
    pub const fn new() -> Self {
        Self(shuttle::sync::Condvar::new())
    }

    /// Lets the lock go until somebody notifies, and takes it again.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner())
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
