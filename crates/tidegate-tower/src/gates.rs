use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use tidegate_time_lock::{
    AcquireTimeoutError, Epoch, KeyedError, KeyedPass, KeyedRequeue, KeyedTimeLock, Pass, Requeue,
    Shut, TimeLock, TryAcquireError, Verdict,
};
use tokio::time::Instant;

use crate::{ByOrigin, NoKey, TimeLockError};

/// What requests may have to wait at: one [`TimeLock`], or a [`KeyedTimeLock`].
///
/// Implemented for these two.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{KeyedTimeLock, TimeLock};
/// use tidegate_tower::TimeLockLayer;
///
/// let one_for_all = TimeLockLayer::new(TimeLock::new());
/// let one_per_origin = TimeLockLayer::new(KeyedTimeLock::<String>::new());
/// # drop((one_for_all, one_per_origin));
/// ```
pub trait IntoGates: sealed::Sealed<Self::Key> {
    /// What tells the gates apart; nothing, where there is one.
    type Key;
    /// How the key of a request is found, if nobody says.
    type FindKey: Default;
}

pub(crate) mod sealed {
    use super::Gates;

    pub trait Sealed<K> {
        fn into_gates(self) -> Gates<K>;
    }
}

impl IntoGates for TimeLock {
    type Key = ();
    type FindKey = NoKey;
}

impl sealed::Sealed<()> for TimeLock {
    fn into_gates(self) -> Gates<()> {
        Gates::One(self)
    }
}

impl<K> IntoGates for KeyedTimeLock<K> {
    type Key = K;
    type FindKey = ByOrigin;
}

impl<K> sealed::Sealed<K> for KeyedTimeLock<K> {
    fn into_gates(self) -> Gates<K> {
        Gates::Each(self)
    }
}

pub enum Gates<K> {
    One(TimeLock),
    Each(KeyedTimeLock<K>),
}

impl<K> Clone for Gates<K> {
    fn clone(&self) -> Self {
        match self {
            Self::One(gate) => Self::One(gate.clone()),
            Self::Each(gates) => Self::Each(gates.clone()),
        }
    }
}

impl<K> fmt::Debug for Gates<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(gate) => gate.fmt(f),
            Self::Each(gates) => gates.fmt(f),
        }
    }
}

/// Leave to send one request.
pub(crate) enum Leave<K: Hash + Eq + Clone> {
    One(Pass),
    Each(KeyedPass<K>),
}

/// A place in line.
pub(crate) enum Place {
    One(Requeue),
    Each(KeyedRequeue),
}

/// What came of a refusal.
pub(crate) struct Refusal {
    pub(crate) shut: Shut,
    pub(crate) isolated: bool,
    pub(crate) place: Place,
}

impl<K: Hash + Eq + Clone> Gates<K> {
    /// Leave that needs no waiting.
    pub(crate) fn try_enter(&self, key: &K) -> Result<Leave<K>, TryAcquireError> {
        match self {
            Self::One(gate) => gate.try_acquire().map(Leave::One),
            Self::Each(gates) => gates.try_acquire(key).map(Leave::Each),
        }
    }

    /// Leave, after a wait if need be.
    pub(crate) async fn enter(
        &self,
        key: &K,
        place: Option<Place>,
        until: Option<Instant>,
    ) -> Result<Leave<K>, TimeLockError> {
        match self {
            Self::One(gate) => {
                let pass = match (place, until) {
                    (Some(Place::One(place)), Some(at)) => {
                        gate.acquire_again_before(place, at).await?
                    }
                    (Some(Place::One(place)), None) => gate.acquire_again(place).await?,
                    (_, Some(at)) => gate.acquire_before(at).await?,
                    (_, None) => gate.acquire().await?,
                };
                Ok(Leave::One(pass))
            }
            Self::Each(gates) => {
                let pass = match (place, until) {
                    (Some(Place::Each(places)), Some(at)) => {
                        gates.acquire_again_before(key, places, at).await?
                    }
                    (Some(Place::Each(places)), None) => gates.acquire_again(key, places).await?,
                    (_, Some(at)) => gates.acquire_before(key, at).await?,
                    (_, None) => gates.acquire(key).await?,
                };
                Ok(Leave::Each(pass))
            }
        }
    }
}

impl<K: Hash + Eq + Clone> Gates<K> {
    /// So many more, and none after that until then.
    pub(crate) fn allow(&self, key: &K, left: u64, holds_for: Duration) {
        // So far ahead that no clock gets there: of no use to anybody.
        let Some(until) = Instant::now().checked_add(holds_for) else { return };
        match self {
            Self::One(gate) => gate.allow(left, until),
            Self::Each(gates) => gates.gate(key).allow(left, until),
        };
    }

    /// Somebody was turned away because too many wait.
    pub(crate) fn count_shed(&self, key: &K) {
        match self {
            Self::One(gate) => gate.count_shed(),
            Self::Each(gates) => gates.gate(key).count_shed(),
        }
    }
}

impl<K: Hash + Eq + Clone> Leave<K> {
    pub(crate) fn is_current(&self) -> bool {
        match self {
            Self::One(pass) => pass.is_current(),
            Self::Each(pass) => pass.is_current(),
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        match self {
            Self::One(pass) => pass.epoch(),
            Self::Each(pass) => pass.epoch(),
        }
    }

    /// Gives it back unused.
    pub(crate) fn requeue(self) -> Place {
        match self {
            Self::One(pass) => Place::One(pass.requeue()),
            Self::Each(pass) => Place::Each(pass.requeue()),
        }
    }

    /// Reports how it went; answers what came of a refusal.
    pub(crate) fn verdict(self, verdict: Verdict) -> Option<Refusal> {
        match self {
            Self::One(pass) => {
                let after = match verdict {
                    Verdict::Ok => {
                        pass.ok();
                        return None;
                    }
                    Verdict::Ignore => {
                        pass.unknown();
                        return None;
                    }
                    Verdict::Refused { after, scope: _ } => after,
                };
                let refused = pass.refused(after);
                let (shut, isolated) = (refused.shut(), refused.is_isolated());
                Some(Refusal { shut, isolated, place: Place::One(refused.requeue()) })
            }
            Self::Each(pass) => {
                let refused = pass.verdict(verdict)?;
                let (shut, isolated) = (refused.shut(), refused.is_isolated());
                Some(Refusal { shut, isolated, place: Place::Each(refused.requeue()) })
            }
        }
    }
}

impl From<tidegate_time_lock::Closed> for TimeLockError {
    fn from(_: tidegate_time_lock::Closed) -> Self {
        Self::Closed
    }
}

impl From<AcquireTimeoutError> for TimeLockError {
    fn from(error: AcquireTimeoutError) -> Self {
        match error {
            AcquireTimeoutError::TooLong { remaining } => Self::TooLong { remaining },
            AcquireTimeoutError::Elapsed => Self::Elapsed,
            _ => Self::Closed,
        }
    }
}

impl From<KeyedError> for TimeLockError {
    fn from(error: KeyedError) -> Self {
        match error {
            KeyedError::TooLong { remaining } => Self::TooLong { remaining },
            KeyedError::Elapsed => Self::Elapsed,
            KeyedError::Full => Self::NoRoom,
            _ => Self::Closed,
        }
    }
}
