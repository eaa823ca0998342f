// How it works
//
// Most gates need not be remembered. One that nobody uses and that would not be known from a new one is dropped with the
// last pass through it; one that has learned something is, when it was not used for long, or when there is no room. A
// gate that is shut stays: to forget it would be to open it. So does one that waits for a probe, until nobody asked for
// it for long.
//
// "Nobody uses it" is what the count of its handles says: passes, waiters and clones all have one. The map's own is
// cloned under the shard's lock only. So if it is the last one under that lock, it stays the last one.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidegate_shim::Mutex;
use tokio::time::Instant;

use super::{KeyedTimeLockBuilder, Overflow};
use crate::core::Rules;
use crate::{KeyedError, TimeLock};

/// So few keys are in one shard; more are spread over several.
const FEW: usize = 1024;
const SHARDS: usize = 16;

/// What all handles of a map share.
pub(crate) struct Shared<K> {
    shards: Box<[Mutex<Shard<K>>]>,
    hasher: RandomState,
    /// As many keys as a shard has room for.
    room: usize,
    rules: KeyedTimeLockBuilder<K>,
    /// Those of each key's gate.
    template: Arc<Rules>,
    pub(super) global: TimeLock,
    /// The gate of those for whom there is no room.
    overflow: OnceLock<TimeLock>,
    numbers: Arc<AtomicU64>,
    /// Held for the moment in which one gate becomes another.
    pub(super) merging: Mutex<()>,
    pub(super) evicted: AtomicU64,
}

struct Shard<K> {
    gates: HashMap<K, Slot>,
    /// With so many it is time to look for some that were not used for long.
    full: usize,
    /// When it makes sense to look again, after nothing was found: all of them are shut, say, and each look is one at all,
    /// with others waiting for the lock. A tenth of the time is spent so at most.
    rests_until: Option<Instant>,
}

struct Slot {
    gate: TimeLock,
    used: Instant,
    /// That it stands for another key's gate is worth remembering as well.
    merged: bool,
}

impl<K: Hash + Eq + Clone> Shared<K> {
    pub(super) fn new(rules: KeyedTimeLockBuilder<K>) -> Self {
        let shards = if rules.capacity <= FEW { 1 } else { SHARDS };
        let shard = || {
            let full = FEW / SHARDS;
            Mutex::new(Shard { gates: HashMap::new(), full, rests_until: None })
        };
        Self {
            shards: (0..shards).map(|_| shard()).collect(),
            hasher: RandomState::new(),
            room: rules.capacity.div_ceil(shards),
            global: rules.parent.clone().unwrap_or_default(),
            template: Arc::new(rules.template.rules()),
            rules,
            overflow: OnceLock::new(),
            numbers: Arc::default(),
            merging: Mutex::new(()),
            evicted: AtomicU64::new(0),
        }
    }

    fn shard(&self, key: &K) -> &Mutex<Shard<K>> {
        let hash = self.hasher.hash_one(key);
        // The high bits: the map takes the low ones.
        &self.shards[(hash >> 32) as usize % self.shards.len()]
    }

    /// The key's gate, made if there is none.
    pub(crate) fn gate(&self, key: &K) -> Result<TimeLock, KeyedError> {
        let now = Instant::now();
        // What is forgotten is dropped after the lock, as its owner's key may do something then.
        let mut forgotten = Vec::new();
        let mut shard = self.shard(key).lock();
        if let Some(slot) = shard.gates.get_mut(key) {
            slot.used = now;
            while let Some(next) = slot.gate.shared().moved_to().cloned() {
                slot.gate = next;
            }
            return Ok(slot.gate.clone());
        }
        let rests = shard.rests_until.is_some_and(|at| now < at);
        if shard.gates.len() >= shard.full.min(self.room) && !rests {
            let began = Instant::now();
            shard.forget_old(now, self.rules.idle_ttl, &mut forgotten);
            if shard.gates.len() >= self.room {
                shard.forget_some(&mut forgotten);
            }
            shard.rests_until = forgotten.is_empty().then(|| {
                let now = Instant::now();
                now + 10 * now.saturating_duration_since(began)
            });
            self.evicted.fetch_add(forgotten.len() as u64, Ordering::Relaxed);
        }
        if shard.gates.len() >= self.room {
            return match self.rules.overflow {
                Overflow::Shared => Ok(self.overflow().clone()),
                Overflow::Reject => Err(KeyedError::Full),
            };
        }
        let gate = self.make();
        shard.gates.insert(key.clone(), Slot { gate: gate.clone(), used: now, merged: false });
        drop(shard);
        Ok(gate)
    }

    /// The gate of a key of which something is known.
    pub(super) fn known(&self, key: &K) -> Option<TimeLock> {
        let mut gate = self.shard(key).lock().gates.get(key)?.gate.clone();
        while let Some(next) = gate.shared().moved_to().cloned() {
            gate = next;
        }
        Some(gate)
    }

    /// Those of all keys.
    pub(super) fn gates(&self) -> Vec<(K, TimeLock)> {
        let mut gates = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            gates.extend(shard.gates.iter().map(|(key, slot)| (key.clone(), slot.gate.clone())));
        }
        gates
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().gates.len()).sum()
    }

    fn make(&self) -> TimeLock {
        let gate = TimeLock::with_rules(Arc::clone(&self.template));
        gate.shared().update(|line, _| line.policy().share_numbers(Arc::clone(&self.numbers)));
        gate
    }

    pub(super) fn overflow(&self) -> &TimeLock {
        self.overflow.get_or_init(|| self.make())
    }

    pub(super) fn is_overflow(&self, gate: &TimeLock) -> bool {
        self.overflow.get().is_some_and(|it| Arc::ptr_eq(it.shared(), gate.shared()))
    }

    /// Has the key's gate be another one.
    pub(super) fn remember(&self, key: &K, gate: TimeLock) {
        let mut shard = self.shard(key).lock();
        let old = shard.gates.get_mut(key).map(|slot| {
            slot.merged = true;
            std::mem::replace(&mut slot.gate, gate)
        });
        drop(shard);
        drop(old);
    }

    /// Forgets a key of which nothing is known. For those who have just let go of its gate.
    pub(crate) fn tidy(&self, key: &K) {
        let mut shard = self.shard(key).lock();
        let fresh = shard
            .gates
            .get(key)
            .is_some_and(|slot| !slot.merged && slot.is_unused() && slot.gate.shared().is_fresh());
        let forgotten = if fresh { shard.gates.remove_entry(key) } else { None };
        drop(shard);
        drop(forgotten);
    }
}

impl<K: Hash + Eq + Clone> Shard<K> {
    /// Forgets what was not used for so long.
    fn forget_old(&mut self, now: Instant, ttl: Duration, forgotten: &mut Vec<(K, Slot)>) {
        let old =
            |slot: &Slot| now.saturating_duration_since(slot.used) >= ttl && slot.may_go(true);
        let keys = self.gates.iter().filter(|(_, slot)| old(slot)).map(|(key, _)| key.clone());
        let keys: Vec<K> = keys.collect();
        forgotten.extend(keys.iter().filter_map(|key| self.gates.remove_entry(key)));
        self.full = (2 * self.gates.len()).max(FEW / SHARDS);
    }

    /// Forgets those that were not used for longest: an eighth, as to look for one is to look at all.
    fn forget_some(&mut self, forgotten: &mut Vec<(K, Slot)>) {
        let may_go = self.gates.iter().filter(|(_, slot)| slot.may_go(false));
        let mut old: Vec<(Instant, K)> =
            may_go.map(|(key, slot)| (slot.used, key.clone())).collect();
        old.sort_unstable_by_key(|(used, _)| *used);
        old.truncate((self.gates.len() / 8).max(1));
        forgotten.extend(old.iter().filter_map(|(_, key)| self.gates.remove_entry(key)));
    }
}

impl Slot {
    /// Whether this is the last handle.
    fn is_unused(&self) -> bool {
        Arc::strong_count(self.gate.shared()) == 1
    }

    /// Whether it may be forgotten, at the price of what it has learned; `left`: nobody asked for it for long.
    fn may_go(&self, left: bool) -> bool {
        (self.merged || self.is_unused()) && self.gate.shared().is_idle(left)
    }
}
