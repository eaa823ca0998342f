//! How the global gate and a key's are passed.

use std::future::poll_fn;
use std::hash::Hash;
use std::pin::pin;
use std::task::{Poll, ready};

use tidegate_waiters::Waiter;
use tokio::time::Instant;

use crate::entry::{Entry, Fail, Limit};
use crate::line::Note;
use crate::{KeyedError, KeyedPass, KeyedRequeue, KeyedTimeLock, Pass, TimeLock, TryAcquireError};

impl<K: Hash + Eq + Clone> KeyedTimeLock<K> {
    /// Passes the global gate and the key's, waiting in line while one of them is shut.
    ///
    /// # Errors
    ///
    /// When the global gate or the key's is closed, when the wait needs a timer and there is no tokio runtime for it,
    /// or when there is no room for the key and [`Overflow::Reject`](crate::Overflow::Reject) is set.
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
            Ok(grant) => Ok(Pass::granted(shared, grant)),
            Err(fail) => Err((entry.as_mut().note().unwrap_or(note), fail)),
        })
    })
    .await
}
