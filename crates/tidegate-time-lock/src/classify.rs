use std::time::Duration;

use crate::Hint;

/// What a result says about the other side.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{Scope, Verdict};
///
/// assert_eq!(
///     Verdict::refused(Duration::from_secs(2)),
///     Verdict::Refused { after: Some(Duration::from_secs(2)), scope: Scope::Key },
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It took the request, whatever came of it: a "404 Not Found" is one of these.
    Ok,
    /// It refused, as too many requests do it.
    Refused {
        /// For how long, if it said so.
        after: Option<Duration>,
        /// Whom.
        scope: Scope,
    },
    /// Nothing: no connection, say.
    Ignore,
}

impl Verdict {
    /// A refusal, with what it says about when to come back.
    #[must_use]
    pub fn refused(hint: impl Into<Hint>) -> Self {
        Self::Refused { after: hint.into().delay(), scope: Scope::Key }
    }
}

/// Whom a refusal is about.
///
/// It makes a difference where there are several gates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those who ask for the same: the same host, account or bucket.
    #[default]
    Key,
    /// Everybody.
    Global,
}

/// Tells refusals from other results.
///
/// Any function from `&Result<T, E>` to a [`Verdict`] does. Successes are shown as well as errors: a refusal may come
/// as a response.
///
/// # Examples
///
/// One that works for every kind of response:
///
/// ```
/// use tidegate_time_lock::{Classify, PausingSemaphore, Verdict};
///
/// /// Errors of this kind are refusals.
/// struct Busy;
///
/// struct Refusals;
///
/// impl<T> Classify<T, Busy> for Refusals {
///     fn classify(&self, result: &Result<T, Busy>) -> Verdict {
///         match result {
///             Ok(_) => Verdict::Ok,
///             Err(Busy) => Verdict::refused(None),
///         }
///     }
/// }
///
/// let requests = PausingSemaphore::builder().permits(3).classify_with(Refusals).build();
/// # tidegate_test::block_on(async {
/// assert!(requests.run(async { Ok::<_, Busy>(1) }).await.is_ok());
/// assert!(requests.run(async { Ok::<_, Busy>("one") }).await.is_ok());
/// # });
/// ```
pub trait Classify<T, E>: Send + Sync {
    /// Says what a result says.
    ///
    /// Called once for each result, outside of every lock, and not at all for a request that was cancelled. Its panic
    /// goes through to whoever runs the request; the permit comes back, and the gate stays as it is.
    fn classify(&self, result: &Result<T, E>) -> Verdict;
}

impl<T, E, F> Classify<T, E> for F
where
    F: Fn(&Result<T, E>) -> Verdict + Send + Sync,
{
    fn classify(&self, result: &Result<T, E>) -> Verdict {
        self(result)
    }
}

/// Knows no refusals: every result is [`Verdict::Ok`].
///
/// For those who [report](crate::Permit::refused) by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoRefusals;

impl<T, E> Classify<T, E> for NoRefusals {
    fn classify(&self, _result: &Result<T, E>) -> Verdict {
        Verdict::Ok
    }
}
