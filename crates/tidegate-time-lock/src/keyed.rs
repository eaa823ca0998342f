// How it works
//
// A map of gates. Everything slow happens outside of it: a shard's lock is held to find a gate, to make one, or to let
// one go, and never while somebody waits or a waker runs.
//
// Two gates become one by forwarding: the old one says where it went, sends away who waits at it, and they come back
// here to look again, with the numbers that they had. All gates of a map draw numbers from one source, so that these
// say in the new line who was first.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::{Shut, Snapshot, State, TimeLock};

mod builder;
mod map;
mod passing;

pub use builder::KeyedTimeLockBuilder;
pub(crate) use map::Shared;
pub(crate) use passing::wait;

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

/// What becomes of a key for which there is no room, because all that are remembered are shut, wait for a probe, or
/// are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// All such keys share one gate.
    #[default]
    Shared,
    /// They do not pass: [`KeyedError::Full`](crate::KeyedError::Full).
    Reject,
}

impl<K: Hash + Eq + Clone> KeyedTimeLock<K> {
    /// Makes one whose gates [learn their pace](crate::LearnedPace).
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
    /// let hosts: KeyedTimeLock<String> = KeyedTimeLock::builder()
    ///     .capacity(100)
    ///     .template(TimeLock::builder().reopen(Reopen::Probe { n: 1 }))
    ///     .build();
    /// assert!(hosts.is_empty());
    /// ```
    pub fn builder() -> KeyedTimeLockBuilder<K> {
        KeyedTimeLockBuilder::new()
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
        let looks = self.shared.gates().into_iter().map(|(key, gate)| (key, gate.snapshot()));
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
        let gate = self.shared.known(key)?;
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
        self.shared.len()
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
