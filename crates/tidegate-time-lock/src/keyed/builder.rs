use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::map::Shared;
use super::{KeyedTimeLock, Overflow};
use crate::{LearnedPace, Reopen, TimeLock, TimeLockBuilder};

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
#[must_use = "a builder makes gates only when `build` is called"]
pub struct KeyedTimeLockBuilder<K> {
    pub(super) capacity: usize,
    pub(super) idle_ttl: Duration,
    pub(super) overflow: Overflow,
    pub(super) parent: Option<TimeLock>,
    pub(super) template: TimeLockBuilder,
    keys: PhantomData<fn(K)>,
}

impl<K> KeyedTimeLockBuilder<K> {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            capacity: 4096,
            idle_ttl: Duration::from_secs(600),
            overflow: Overflow::Shared,
            parent: None,
            template: TimeLockBuilder::new().reopen(Reopen::Learned(LearnedPace::new())),
            keys: PhantomData,
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
    pub fn build(self) -> KeyedTimeLock<K>
    where
        K: Hash + Eq + Clone,
    {
        KeyedTimeLock { shared: Arc::new(Shared::new(self)) }
    }
}

impl<K> Default for KeyedTimeLockBuilder<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Clone for KeyedTimeLockBuilder<K> {
    fn clone(&self) -> Self {
        Self {
            capacity: self.capacity,
            idle_ttl: self.idle_ttl,
            overflow: self.overflow,
            parent: self.parent.clone(),
            template: self.template,
            keys: PhantomData,
        }
    }
}

impl<K> fmt::Debug for KeyedTimeLockBuilder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedTimeLockBuilder")
            .field("capacity", &self.capacity)
            .field("idle_ttl", &self.idle_ttl)
            .field("overflow", &self.overflow)
            .field("parent", &self.parent)
            .field("template", &self.template)
            .finish()
    }
}
