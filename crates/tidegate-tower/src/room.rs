use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many wait, for each key, where there is a limit to that.
pub(crate) struct Room<K> {
    waiting: Mutex<HashMap<K, usize>>,
}

/// One of those who wait.
pub(crate) struct Seat<'a, K: Hash + Eq> {
    room: &'a Room<K>,
    key: &'a K,
}

impl<K> Room<K> {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::new(HashMap::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        // A key that panics when it is compared has changed nothing.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Room<K> {
    /// A seat, unless `most` are taken already.
    pub(crate) fn sit<'a>(&'a self, key: &'a K, most: usize) -> Option<Seat<'a, K>> {
        // Cloned and, if it was not needed, dropped outside of the lock: it may do something then.
        let mut own = Some(key.clone());
        let mut waiting = self.lock();
        let seated = match waiting.get_mut(key) {
            Some(taken) if *taken >= most => false,
            Some(taken) => {
                *taken += 1;
                true
            }
            None if most == 0 => false,
            None => {
                waiting.insert(own.take().expect("it is there"), 1);
                true
            }
        };
        drop(waiting);
        seated.then(|| Seat { room: self, key })
    }
}

impl<K: Hash + Eq> Drop for Seat<'_, K> {
    fn drop(&mut self) {
        let mut waiting = self.room.lock();
        let mut gone = None;
        if let Some(taken) = waiting.get_mut(self.key) {
            *taken -= 1;
            if *taken == 0 {
                gone = waiting.remove_entry(self.key);
            }
        }
        drop(waiting);
        drop(gone);
    }
}

impl<K> fmt::Debug for Room<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").finish_non_exhaustive()
    }
}
