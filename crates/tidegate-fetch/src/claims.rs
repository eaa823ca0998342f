//! One task at a time for one URL.

// How it works
//
// A URL that is on a list twice must not be downloaded twice: the second task waits until the first is done
// and finds the file. An entry lives as long as somebody holds or waits for it, so the table is never larger
// than the number of tasks.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tidegate_semaphore::{OwnedPermit, Semaphore};

#[derive(Debug)]
pub(crate) struct Claims<K: Hash + Eq>(Arc<Mutex<HashMap<K, Entry>>>);

#[derive(Debug)]
struct Entry {
    turn: Arc<Semaphore>,
    /// How many hold or wait for it.
    users: usize,
}

impl<K: Hash + Eq> Default for Claims<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// The right to work on something, alone.
#[derive(Debug)]
pub(crate) struct Claim<K: Hash + Eq> {
    turn: Option<OwnedPermit>,
    _user: User<K>,
}

/// Somebody who holds a claim or waits for it.
#[derive(Debug)]
struct User<K: Hash + Eq> {
    key: K,
    table: Arc<Mutex<HashMap<K, Entry>>>,
}

impl<K: Hash + Eq + Copy> Claims<K> {
    /// Waits until nobody else has the claim to `key`.
    pub(crate) async fn claim(&self, key: K) -> Claim<K> {
        let (user, turn) = self.enlist(key);
        // Never closed, so that there always is a permit in the end.
        let turn = turn.acquire_owned().await.ok();
        Claim { turn, _user: user }
    }

    fn enlist(&self, key: K) -> (User<K>, Arc<Semaphore>) {
        let mut table = self.0.lock();
        let entry = table
            .entry(key)
            .or_insert_with(|| Entry { turn: Arc::new(Semaphore::new(1)), users: 0 });
        entry.users += 1;
        let turn = Arc::clone(&entry.turn);
        (User { key, table: Arc::clone(&self.0) }, turn)
    }
}

impl<K: Hash + Eq> Drop for Claim<K> {
    fn drop(&mut self) {
        // The turn goes to the next before this user is struck off.
        self.turn = None;
    }
}

impl<K: Hash + Eq> Drop for User<K> {
    fn drop(&mut self) {
        let mut table = self.table.lock();
        if let Some(entry) = table.get_mut(&self.key) {
            entry.users -= 1;
            if entry.users == 0 {
                table.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
