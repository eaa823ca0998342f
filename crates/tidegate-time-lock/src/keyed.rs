// How it works
//
// A map of gates. Everything slow happens outside of it: a shard's lock is held to find a gate, to make one, or to let
// one go, and never while somebody waits or a waker runs.
//
// Most gates need not be remembered. One that nobody uses and that would not be known from a new one is dropped with the
// last pass through it; one that has learned something is, when it was not used for long, or when there is no room. A
// gate that is shut stays: to forget it would be to open it. So does one that waits for a probe, until nobody asked for
// it for long.
//
// "Nobody uses it" is what the count of its handles says: passes, waiters and clones all have one. The map's own is
// cloned under the shard's lock only. So if it is the last one under that lock, it stays the last one.
//
// Two gates become one by forwarding: the old one says where it went, sends away who waits at it, and they come back
// here to look again, with the numbers that they had. All gates of a map draw numbers from one source, so that these
// say in the new line who was first.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::hash::{BuildHasher, Hash, RandomState};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, ready};
use std::time::Duration;

use tidegate_shim::Mutex;
use tidegate_waiters::Waiter;
use tokio::time::Instant;

use crate::entry::{Entry, Fail, Limit};
use crate::line::Note;
use crate::pass::Decided;
use crate::{
    KeyedError, KeyedPass, KeyedRequeue, LearnedPace, Pass, Reopen, Shut, Snapshot, State,
    TimeLock, TimeLockBuilder, TryAcquireError,
};

/// A [`TimeLock`] for each key, made when it is needed and forgotten when it is not, and one for all of them.
///
/// A key is what servers count by: an origin (scheme, host and port), an account, a bucket that a header named. Not a
/// URL: there is no end of those, and a server that refuses one refuses the next.
///
/// Whoever passes goes through the [global](Self::global) gate and then the key's own. Nobody who waits at the one holds
/// anything at the other, and keys never wait for each other.
///
/// It is a handle; clones share the gates.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), tidegate_time_lock::KeyedError> {
/// use std::time::Duration;
/// use tidegate_time_lock::KeyedTimeLock;
/// use tokio::time::Instant;
///
/// let hosts = KeyedTimeLock::new();
/// hosts.acquire(&"busy.example").await?.refused(Duration::from_secs(5));
///
/// let before = Instant::now();
/// hosts.acquire(&"idle.example").await?.ok(); // nobody else waits
/// assert!(before.elapsed().is_zero());
/// hosts.acquire(&"busy.example").await?.ok();
/// assert!(before.elapsed() >= Duration::from_secs(5));
/// # Ok(())
/// # }
/// ```
///
/// # Fairness
///
/// First come, first served at each gate.
///
/// # Memory
///
/// At most [`capacity`](KeyedTimeLockBuilder::capacity) keys are remembered, whatever the number that was seen: those
/// that are shut, those in use, and those whose pace was learned lately. Of the rest nothing is kept. What happens when
/// all of them are shut is up to [`Overflow`].
pub struct KeyedTimeLock<K> {
    shared: Arc<Shared<K>>,
}

pub(crate) struct Shared<K> {
    shards: Box<[Mutex<Shard<K>>]>,
    hasher: RandomState,
    /// As many keys as a shard has room for.
    room: usize,
    rules: KeyedTimeLockBuilder,
    global: TimeLock,
    /// The gate of those for whom there is no room.
    overflow: OnceLock<TimeLock>,
    numbers: Arc<AtomicU64>,
    /// Held for the moment in which one gate becomes another.
    merging: Mutex<()>,
    evicted: AtomicU64,
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

/// What becomes of a key for which there is no room, because all that are remembered are shut, wait for a probe, or
/// are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// All such keys share one gate.
    #[default]
    Shared,
    /// They do not pass: [`KeyedError::Full`].
    Reject,
}

/// So few keys are in one shard; more are spread over several.
const FEW: usize = 1024;
const SHARDS: usize = 16;

impl<K: Hash + Eq + Clone> KeyedTimeLock<K> {
    /// Makes one whose gates [learn their pace](LearnedPace).
    pub fn new() -> Self {
        KeyedTimeLockBuilder::new().build()
    }

    /// Makes one with other rules.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::{KeyedTimeLock, Reopen, TimeLock};
    ///
    /// let hosts: KeyedTimeLock<String> = KeyedTimeLock::<String>::builder()
    ///     .capacity(100)
    ///     .template(TimeLock::builder().reopen(Reopen::Probe { n: 1 }))
    ///     .build();
    /// assert!(hosts.is_empty());
    /// ```
    pub fn builder() -> KeyedTimeLockBuilder {
        KeyedTimeLockBuilder::new()
    }

    /// Passes the global gate and the key's, waiting in line while one of them is shut.
    ///
    /// # Errors
    ///
    /// When the global gate or the key's is closed, when the wait needs a timer and there is no tokio runtime for it,
    /// or when there is no room for the key and [`Overflow::Reject`] is set.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped wait leaves no trace; asking again joins the end of the line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{KeyedError, KeyedTimeLock};
    /// # async fn send(_: &str) -> u16 { 200 }
    /// async fn ask(hosts: &KeyedTimeLock<String>, host: &String) -> Result<u16, KeyedError> {
    ///     let pass = hosts.acquire(host).await?;
    ///     let status = send(host).await;
    ///     match status {
    ///         429 => drop(pass.refused(None)),
    ///         _ => pass.ok(),
    ///     }
    ///     Ok(status)
    /// }
    /// # tidegate_test::block_on(ask(&KeyedTimeLock::new(), &"host".to_owned())).unwrap();
    /// ```
    pub async fn acquire(&self, key: &K) -> Result<KeyedPass<K>, KeyedError> {
        self.pass(key, Note::default(), Note::default(), None).await
    }

    /// As [`acquire`](Self::acquire), until `at`.
    ///
    /// Fails at once when one of the gates is known to be shut for longer.
    ///
    /// # Errors
    ///
    /// When it is ([`KeyedError::TooLong`]), when the time is up ([`KeyedError::Elapsed`]), or as
    /// [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{KeyedError, KeyedTimeLock};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use tokio::time::Instant;
    ///
    /// let hosts = KeyedTimeLock::new();
    /// hosts.lock_for(&"host", Duration::from_secs(60));
    /// let soon = Instant::now() + Duration::from_secs(1);
    /// assert_eq!(
    ///     hosts.acquire_before(&"host", soon).await.unwrap_err(),
    ///     KeyedError::TooLong { remaining: Duration::from_secs(60) },
    /// );
    /// # }
    /// ```
    pub async fn acquire_before(&self, key: &K, at: Instant) -> Result<KeyedPass<K>, KeyedError> {
        self.pass(key, Note::default(), Note::default(), Some(at)).await
    }

    /// As [`acquire`](Self::acquire), with the places in line of an earlier pass for the same key.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    ///
    /// Weak. Dropping the future gives up the places; asking again joins the end of the line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{KeyedError, KeyedTimeLock};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), KeyedError> {
    /// let hosts = KeyedTimeLock::new();
    /// let refused = hosts.acquire(&"host").await?.refused(Duration::from_secs(1));
    /// hosts.acquire_again(&"host", refused.requeue()).await?.ok();
    /// # Ok(())
    /// # }
    /// ```
    pub async fn acquire_again(
        &self,
        key: &K,
        places: KeyedRequeue,
    ) -> Result<KeyedPass<K>, KeyedError> {
        self.again(key, places, None).await
    }

    /// As [`acquire_again`](Self::acquire_again), until `at`; as [`acquire_before`](Self::acquire_before).
    ///
    /// # Errors
    ///
    /// As [`acquire_before`](Self::acquire_before).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire_again`](Self::acquire_again).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{KeyedError, KeyedTimeLock};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), KeyedError> {
    /// use tokio::time::Instant;
    ///
    /// let hosts = KeyedTimeLock::new();
    /// let refused = hosts.acquire(&"host").await?.refused(Duration::from_secs(1));
    /// let soon = Instant::now() + Duration::from_secs(2);
    /// hosts.acquire_again_before(&"host", refused.requeue(), soon).await?.ok();
    /// # Ok(())
    /// # }
    /// ```
    pub async fn acquire_again_before(
        &self,
        key: &K,
        places: KeyedRequeue,
        at: Instant,
    ) -> Result<KeyedPass<K>, KeyedError> {
        self.again(key, places, Some(at)).await
    }

    /// Passes both gates if that needs no waiting this instant and nobody waits.
    ///
    /// # Errors
    ///
    /// When it does, or there is no room for the key ([`TryAcquireError::NoRoom`]); the error says why.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{KeyedTimeLock, TryAcquireError};
    /// let hosts = KeyedTimeLock::new();
    /// assert!(hosts.try_acquire(&"host").is_ok());
    /// hosts.gate(&"host").lock();
    /// assert_eq!(
    ///     hosts.try_acquire(&"host").unwrap_err(),
    ///     TryAcquireError::Shut { remaining: Duration::MAX },
    /// );
    /// ```
    pub fn try_acquire(&self, key: &K) -> Result<KeyedPass<K>, TryAcquireError> {
        let first = self.global().try_acquire()?;
        // Without a pass of the key's, it is as if this one had not been asked for.
        let Ok(gate) = self.shared.gate(key) else {
            first.take_back();
            return Err(TryAcquireError::NoRoom);
        };
        let own = match gate.try_acquire() {
            Ok(pass) => pass,
            Err(error) => {
                first.take_back();
                drop(gate);
                self.shared.tidy(key);
                return Err(error);
            }
        };
        let outdated = !first.is_current();
        let pass = KeyedPass::new(&self.shared, key, first, own);
        match outdated {
            false => Ok(pass),
            // Shut since, by somebody who came in between.
            true => {
                pass.requeue();
                Err(TryAcquireError::Shut {
                    remaining: self.global().remaining().unwrap_or_default(),
                })
            }
        }
    }

    async fn again(
        &self,
        key: &K,
        places: KeyedRequeue,
        until: Option<Instant>,
    ) -> Result<KeyedPass<K>, KeyedError> {
        let global = places.global.note(self.global());
        let own = self.shared.gate(key)?;
        self.pass(key, global, places.own.note(&own), until).await
    }

    async fn pass(
        &self,
        key: &K,
        mut all: Note,
        mut own: Note,
        until: Option<Instant>,
    ) -> Result<KeyedPass<K>, KeyedError> {
        let global = self.global();
        let limit = until.map(|at| Limit { at, anyway: false });
        loop {
            let first =
                wait(global, all, limit).await.map_err(|(_, fail)| KeyedError::from(fail))?;
            let gate = match self.shared.gate(key) {
                Ok(gate) => gate,
                Err(full) => {
                    first.take_back();
                    return Err(full);
                }
            };
            match gate.try_acquire_slowly(own).map(Pass::decided) {
                // Shut since, by somebody who came in between?
                Ok(pass) if first.is_current() => {
                    return Ok(KeyedPass::new(&self.shared, key, first, pass));
                }
                Ok(pass) => {
                    (all, own) = (first.take_back(), pass.take_back());
                    continue;
                }
                // Who waits at this one holds nothing at the other: it may be the probe there.
                Err(_) => all = first.take_back(),
            }
            match wait(&gate, own, limit).await {
                Ok(pass) => match global.try_acquire_slowly(all).map(Pass::decided) {
                    Ok(first) => return Ok(KeyedPass::new(&self.shared, key, first, pass)),
                    Err(TryAcquireError::Closed) => return Err(KeyedError::Closed),
                    Err(_) => own = pass.take_back(),
                },
                // The gate went somewhere else.
                Err((left, Fail::Closed)) if gate.shared().moved_to().is_some() => {
                    own = Note { ticket: None, moved: left.ticket.map(|it| it.number), ..left };
                }
                Err((_, fail)) => return Err(fail.into()),
            }
        }
    }

    /// Shuts a key's gate for `pause`; as [`TimeLock::lock_for`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Applied, KeyedTimeLock};
    /// let hosts = KeyedTimeLock::new();
    /// assert_eq!(hosts.lock_for(&"host", Duration::from_secs(1)).applied, Applied::Started);
    /// assert_eq!(hosts.locked().len(), 1);
    /// ```
    pub fn lock_for(&self, key: &K, pause: Duration) -> Shut {
        let gate = self.gate(key);
        let shut = gate.lock_for(pause);
        drop(gate);
        self.shared.tidy(key);
        shut
    }

    /// A handle of a key's gate, for all that can be done with one.
    ///
    /// The gate is remembered for as long as the handle is there. After a [merge](Self::merge) the handle is that of a
    /// gate that is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// let hosts = KeyedTimeLock::new();
    /// hosts.gate(&"host").lock();
    /// assert!(hosts.gate(&"host").unlock());
    /// ```
    pub fn gate(&self, key: &K) -> TimeLock {
        self.shared.gate(key).unwrap_or_else(|_| self.shared.overflow().clone())
    }

    /// The gate that everybody passes, whatever the key.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// let hosts: KeyedTimeLock<String> = KeyedTimeLock::new();
    /// hosts.global().lock_for(Duration::from_secs(1)); // no network, say
    /// ```
    pub fn global(&self) -> &TimeLock {
        &self.shared.global
    }

    /// Makes two keys one: from now on `from` has the gate of `into`.
    ///
    /// For buckets that are named in answers. What `from` was shut for holds for both; who waits there waits at the
    /// other, where lines are merged by who came first. Answers to what was sent through the old gate count for nothing,
    /// except that a refusal which says how long shuts the new one.
    ///
    /// # Cost
    ///
    /// Each waiter that moves walks past those who are before it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// let buckets = KeyedTimeLock::new();
    /// buckets.lock_for(&"/users/1", Duration::from_secs(1));
    /// buckets.merge(&"/users/1", &"bucket 7f2a");
    /// assert!(buckets.gate(&"bucket 7f2a").is_locked());
    /// ```
    pub fn merge(&self, from: &K, into: &K) {
        loop {
            let (old, new) = (self.gate(from), self.gate(into));
            if Arc::ptr_eq(old.shared(), new.shared()) || self.shared.is_overflow(&old) {
                return;
            }
            // First, so that nobody passes the new one meanwhile who could not pass the old one.
            old.shared().hand_over(&new);
            // One at a time, or two could go to each other.
            let merging = self.shared.merging.lock();
            if old.shared().moved_to().is_some() || new.shared().moved_to().is_some() {
                continue;
            }
            old.shared().move_to(&new);
            drop(merging);
            old.close();
            old.shared().hand_over(&new);
            return self.shared.remember(from, new);
        }
    }

    /// The keys whose gates are shut, and how.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// let hosts = KeyedTimeLock::new();
    /// hosts.gate(&"host").lock();
    /// let (host, look) = hosts.locked().remove(0);
    /// assert_eq!((host, look.epoch), ("host", 1));
    /// ```
    pub fn locked(&self) -> Vec<(K, Snapshot)> {
        let mut gates = Vec::new();
        for shard in &self.shared.shards {
            let shard = shard.lock();
            gates.extend(shard.gates.iter().map(|(key, slot)| (key.clone(), slot.gate.clone())));
        }
        let looks = gates.into_iter().map(|(key, gate)| (key, gate.snapshot()));
        looks.filter(|(_, look)| look.state == State::Shut).collect()
    }

    /// A look at a key's gate; `None` when nothing is known of the key, so that it is open.
    ///
    /// Makes no gate where there is none, and keeps none from being forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{KeyedTimeLock, State};
    /// let hosts = KeyedTimeLock::new();
    /// hosts.lock_for(&"busy.example", Duration::from_secs(1));
    /// assert_eq!(hosts.snapshot(&"busy.example").unwrap().state, State::Shut);
    /// assert!(hosts.snapshot(&"idle.example").is_none());
    /// ```
    pub fn snapshot(&self, key: &K) -> Option<Snapshot> {
        let mut gate = {
            let shard = self.shared.shard(key).lock();
            shard.gates.get(key)?.gate.clone()
        };
        while let Some(next) = gate.shared().moved_to().cloned() {
            gate = next;
        }
        let look = gate.snapshot();
        drop(gate);
        // Whoever let go of the gate meanwhile left it to us.
        self.shared.tidy(key);
        Some(look)
    }

    /// How many keys are remembered.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// let hosts: KeyedTimeLock<String> = KeyedTimeLock::new();
    /// assert_eq!(hosts.len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.shards.iter().map(|shard| shard.lock().gates.len()).sum()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys were forgotten though something was known of them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// let hosts: KeyedTimeLock<String> = KeyedTimeLock::new();
    /// assert_eq!(hosts.evicted(), 0);
    /// ```
    pub fn evicted(&self) -> u64 {
        self.shared.evicted.load(Ordering::Relaxed)
    }
}

/// A pass through one gate, or what one brought who has to go elsewhere.
pub(crate) async fn wait(
    gate: &TimeLock,
    note: Note,
    limit: Option<Limit>,
) -> Result<Pass, (Note, Fail)> {
    let mut entry = pin!(Entry::with(note));
    poll_fn(|cx| {
        let shared = gate.shared();
        let join = |note| Waiter::new(shared.line(), note);
        let outcome = ready!(entry.as_mut().poll_slow(cx, shared, limit, join));
        Poll::Ready(match outcome {
            Ok(grant) => Ok(Pass::decided(Decided::new(shared, grant))),
            Err(fail) => Err((entry.as_mut().note().unwrap_or(note), fail)),
        })
    })
    .await
}

impl<K: Hash + Eq + Clone> Shared<K> {
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

    fn make(&self) -> TimeLock {
        let gate = self.rules.template.build();
        gate.shared().update(|line, _| line.policy().share_numbers(Arc::clone(&self.numbers)));
        gate
    }

    fn overflow(&self) -> &TimeLock {
        self.overflow.get_or_init(|| self.make())
    }

    fn is_overflow(&self, gate: &TimeLock) -> bool {
        self.overflow.get().is_some_and(|it| Arc::ptr_eq(it.shared(), gate.shared()))
    }

    /// Has the key's gate be another one.
    fn remember(&self, key: &K, gate: TimeLock) {
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

impl<K> Clone for KeyedTimeLock<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K: Hash + Eq + Clone> Default for KeyedTimeLock<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> fmt::Debug for KeyedTimeLock<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedTimeLock").field("global", &self.shared.global).finish_non_exhaustive()
    }
}

/// Makes a [`KeyedTimeLock`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{KeyedTimeLock, KeyedTimeLockBuilder, Overflow, TimeLock};
///
/// let everything = TimeLock::new();
/// let hosts: KeyedTimeLock<String> = KeyedTimeLockBuilder::new()
///     .capacity(10_000)
///     .idle_ttl(Duration::from_secs(60))
///     .overflow(Overflow::Reject)
///     .parent(everything.clone())
///     .build();
/// everything.lock();
/// assert!(hosts.global().is_locked());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes gates only when `build` is called"]
pub struct KeyedTimeLockBuilder {
    capacity: usize,
    idle_ttl: Duration,
    overflow: Overflow,
    parent: Option<TimeLock>,
    template: TimeLockBuilder,
}

impl KeyedTimeLockBuilder {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            capacity: 4096,
            idle_ttl: Duration::from_secs(600),
            overflow: Overflow::Shared,
            parent: None,
            template: TimeLockBuilder::new().reopen(Reopen::Learned(LearnedPace::new())),
        }
    }

    /// About how many keys are remembered at most; 4096 if not set.
    pub const fn capacity(mut self, keys: usize) -> Self {
        self.capacity = keys;
        self
    }

    /// How long a key is remembered that nobody uses and that is not shut (any more); ten minutes if not set.
    ///
    /// It is looked for when there are many.
    pub const fn idle_ttl(mut self, longest: Duration) -> Self {
        self.idle_ttl = longest;
        self
    }

    /// What becomes of keys for which there is no room; [`Overflow::Shared`] if not set.
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The gate that everybody passes; one of its own if not set.
    pub fn parent(mut self, global: TimeLock) -> Self {
        self.parent = Some(global);
        self
    }

    /// The rules of each key's gate; those of a [learned pace](LearnedPace) with a cold start if not set.
    pub fn template(mut self, rules: TimeLockBuilder) -> Self {
        self.template = rules;
        self
    }

    /// Makes it.
    #[must_use]
    pub fn build<K: Hash + Eq + Clone>(self) -> KeyedTimeLock<K> {
        let shards = if self.capacity <= FEW { 1 } else { SHARDS };
        let global = self.parent.clone().unwrap_or_default();
        let shard = || {
            let full = FEW / SHARDS;
            Mutex::new(Shard { gates: HashMap::new(), full, rests_until: None })
        };
        KeyedTimeLock {
            shared: Arc::new(Shared {
                shards: (0..shards).map(|_| shard()).collect(),
                hasher: RandomState::new(),
                room: self.capacity.div_ceil(shards),
                rules: self,
                global,
                overflow: OnceLock::new(),
                numbers: Arc::default(),
                merging: Mutex::new(()),
                evicted: AtomicU64::new(0),
            }),
        }
    }
}

impl Default for KeyedTimeLockBuilder {
    fn default() -> Self {
        Self::new()
    }
}
