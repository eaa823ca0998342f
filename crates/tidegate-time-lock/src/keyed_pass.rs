use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use crate::entry::Fail;
use crate::keyed::Shared;
use crate::{Epoch, Hint, Pass, Refused, Requeue, Scope, Shut, Verdict};

/// Why [`KeyedTimeLock::acquire`](crate::KeyedTimeLock::acquire) gave no pass.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{KeyedError, KeyedTimeLock};
///
/// # tidegate_test::block_on(async {
/// let hosts = KeyedTimeLock::new();
/// hosts.global().close();
/// assert_eq!(hosts.acquire(&"host").await.unwrap_err(), KeyedError::Closed);
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum KeyedError {
    /// One of the gates is closed for good, or the runtime whose timer the wait needs is gone.
    #[error("the gate is closed")]
    Closed,
    /// All keys that there is room for are shut or in use.
    #[error("there is no room for another key")]
    Full,
    /// One of the gates stays shut for longer than the caller would wait.
    #[error("the gate is shut for another {remaining:?}, longer than the wait may last")]
    TooLong {
        /// How long it is shut still.
        remaining: Duration,
    },
    /// The time is up.
    #[error("the wait for the gate took too long")]
    Elapsed,
}

impl From<Fail> for KeyedError {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Closed => Self::Closed,
            Fail::Elapsed => Self::Elapsed,
            Fail::TooLong(remaining) => Self::TooLong { remaining },
        }
    }
}

/// Leave to go through the global gate and a key's, once.
///
/// What is true of a [`Pass`] is true of this. A refusal is about the key, unless it says that it is about everybody.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), tidegate_time_lock::KeyedError> {
/// use std::time::Duration;
/// use tidegate_time_lock::{KeyedTimeLock, Scope};
///
/// let hosts = KeyedTimeLock::new();
/// let pass = hosts.acquire(&"host").await?;
/// pass.refused_in(Scope::Global, Duration::from_secs(1));
/// assert!(hosts.global().is_locked());
/// assert!(hosts.locked().is_empty());
/// # Ok(())
/// # }
/// ```
#[must_use = "the gates learn what became of the request from `ok`, `refused` or `unknown`"]
pub struct KeyedPass<K: Hash + Eq + Clone> {
    /// Until there is a verdict: the global one and the key's.
    passes: Option<(Pass, Pass)>,
    keep: Keep<K>,
}

/// Forgets the key if nothing is known of it, once the passes are gone.
struct Keep<K: Hash + Eq + Clone> {
    shared: Arc<Shared<K>>,
    key: K,
}

impl<K: Hash + Eq + Clone> Drop for Keep<K> {
    fn drop(&mut self) {
        self.shared.tidy(&self.key);
    }
}

const ONE_VERDICT: &str = "there is one verdict for each pass";

impl<K: Hash + Eq + Clone> KeyedPass<K> {
    pub(crate) fn new(shared: &Arc<Shared<K>>, key: &K, global: Pass, own: Pass) -> Self {
        let keep = Keep { shared: Arc::clone(shared), key: key.clone() };
        Self { passes: Some((global, own)), keep }
    }

    /// Whose pass it is.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// # tidegate_test::block_on(async {
    /// let hosts = KeyedTimeLock::new();
    /// let pass = hosts.acquire(&"host").await.unwrap();
    /// assert_eq!(pass.key(), &"host");
    /// # });
    /// ```
    pub fn key(&self) -> &K {
        &self.keep.key
    }

    /// The epoch of the key's gate in which it was given.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// # tidegate_test::block_on(async {
    /// let hosts = KeyedTimeLock::new();
    /// let before = hosts.acquire(&"host").await.unwrap();
    /// hosts.acquire(&"host").await.unwrap().refused(Duration::from_secs(1));
    /// assert!(!before.is_current());
    /// assert_eq!(before.epoch(), 0);
    /// # });
    /// ```
    pub fn epoch(&self) -> Epoch {
        self.passes.as_ref().map_or(0, |(_, own)| own.epoch())
    }

    /// Whether neither gate was shut since; see [`Pass::is_current`].
    pub fn is_current(&self) -> bool {
        self.passes.as_ref().is_some_and(|(global, own)| global.is_current() && own.is_current())
    }

    /// Whether others wait for how this one fares; see [`Pass::is_probe`].
    pub fn is_probe(&self) -> bool {
        self.passes.as_ref().is_some_and(|(global, own)| global.is_probe() || own.is_probe())
    }

    /// It went well; see [`Pass::ok`].
    pub fn ok(mut self) {
        let (global, own) = self.passes.take().expect(ONE_VERDICT);
        own.ok();
        global.ok();
    }

    /// The other side refused this key; see [`Pass::refused`].
    pub fn refused(self, hint: impl Into<Hint>) -> KeyedRefused {
        self.refused_in(Scope::Key, hint)
    }

    /// The other side refused this key, or everybody; see [`Pass::refused`].
    pub fn refused_in(mut self, scope: Scope, hint: impl Into<Hint>) -> KeyedRefused {
        let after = hint.into().delay();
        let (global, own) = self.passes.take().expect(ONE_VERDICT);
        match scope {
            Scope::Key => {
                let mut shut = None;
                let moved = own.gate().moved_to().is_some();
                if let (true, Some(pause)) = (moved, after) {
                    // The gate that it came through is no more.
                    let now = self.keep.shared.gate(&self.keep.key);
                    shut = now.ok().map(|gate| gate.lock_for(pause));
                }
                let refused = own.refused(after);
                let (shut, isolated) = (shut.unwrap_or(refused.shut()), refused.is_isolated());
                let own = refused.requeue();
                // To refuse one key is to have an answer for everybody.
                let places = KeyedRequeue { global: global.place(), own };
                global.ok();
                KeyedRefused { shut, isolated, places }
            }
            Scope::Global => {
                let own = own.requeue();
                let refused: Refused = global.refused(after);
                let (shut, isolated) = (refused.shut(), refused.is_isolated());
                let places = KeyedRequeue { global: refused.requeue(), own };
                KeyedRefused { shut, isolated, places }
            }
        }
    }

    /// Reports what a classifier made of a result; answers what came of a refusal.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{KeyedTimeLock, Verdict};
    /// # tidegate_test::block_on(async {
    /// let hosts = KeyedTimeLock::new();
    /// let pass = hosts.acquire(&"host").await.unwrap();
    /// assert!(pass.verdict(Verdict::refused(Duration::from_secs(1))).is_some());
    /// let pass = hosts.acquire(&"idle host").await.unwrap();
    /// assert!(pass.verdict(Verdict::Ok).is_none());
    /// # });
    /// ```
    pub fn verdict(self, verdict: Verdict) -> Option<KeyedRefused> {
        match verdict {
            Verdict::Ok => self.ok(),
            Verdict::Refused { after, scope } => return Some(self.refused_in(scope, after)),
            Verdict::Ignore => self.unknown(),
        }
        None
    }

    /// Nobody knows how it went; the same as dropping it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// # tidegate_test::block_on(async {
    /// let hosts = KeyedTimeLock::new();
    /// let pass = hosts.acquire(&"host").await.unwrap();
    /// pass.unknown(); // The connection broke.
    /// # });
    /// ```
    pub fn unknown(self) {}

    /// Gives the pass back unused, for [`KeyedTimeLock::acquire_again`](crate::KeyedTimeLock::acquire_again).
    pub fn requeue(mut self) -> KeyedRequeue {
        let (global, own) = self.passes.take().expect(ONE_VERDICT);
        KeyedRequeue { global: global.requeue(), own: own.requeue() }
    }
}

impl<K: Hash + Eq + Clone> Drop for KeyedPass<K> {
    fn drop(&mut self) {
        // Before the key is looked at.
        self.passes = None;
    }
}

impl<K: Hash + Eq + Clone + fmt::Debug> fmt::Debug for KeyedPass<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedPass")
            .field("key", &self.keep.key)
            .field("passes", &self.passes)
            .finish_non_exhaustive()
    }
}

/// What came of a refusal, and the places in line of whoever was refused.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use tidegate_time_lock::{Applied, KeyedTimeLock};
/// # tidegate_test::block_on(async {
/// let hosts = KeyedTimeLock::new();
/// let refused = hosts.acquire(&"host").await.unwrap().refused(Duration::from_secs(5));
/// assert_eq!(refused.shut().applied, Applied::Started);
/// # });
/// ```
#[derive(Debug)]
pub struct KeyedRefused {
    shut: Shut,
    isolated: bool,
    places: KeyedRequeue,
}

impl KeyedRefused {
    /// What the gate made of it.
    pub fn shut(&self) -> Shut {
        self.shut
    }

    /// Whether the request is refused for its own sake; see [`Refused::is_isolated`].
    pub fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// The old places in line, so that a retry does not start at the back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::KeyedTimeLock;
    /// # tidegate_test::block_on(async {
    /// let hosts = KeyedTimeLock::new();
    /// let refused = hosts.acquire(&"host").await.unwrap().refused(Duration::from_secs(5));
    /// // First in line when the pause is over.
    /// let again = hosts.acquire_again(&"host", refused.requeue());
    /// # drop(again);
    /// # });
    /// ```
    pub fn requeue(self) -> KeyedRequeue {
        self.places
    }
}

/// The places in two lines, for [`KeyedTimeLock::acquire_again`](crate::KeyedTimeLock::acquire_again).
#[derive(Debug)]
pub struct KeyedRequeue {
    pub(crate) global: Requeue,
    pub(crate) own: Requeue,
}
