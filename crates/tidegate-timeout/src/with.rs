use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::panic::resume_unwind;

use crate::bracket::{Bracket, Held, Leave};
use crate::caught::message_of;
use crate::context::{AsyncContext, Exit};
use crate::discard::discard;
use crate::exit_errors::{both, holds_many};
use crate::scope::Ended;

/// Enters a context, lends its guard to `body`, and leaves it however that ends.
///
/// asyncio's `async with`. The exit is awaited before anything else happens: before the value or the error is
/// returned, before a panic goes on, and before a timeout or another scope around that was cancelled returns. It
/// runs in a [shield](crate::shield()), so it may itself await as long as it needs; the
/// [grace](crate::Timeout::grace) of the scopes around bounds that. Contexts that are nested are left innermost
/// first.
///
/// A value that the body is ready with is returned, whatever was cancelled meanwhile. After a cancellation there
/// is nothing to return: the future stays pending until the scope around drops it, and no handler can mistake a
/// cancellation for an error.
///
/// # Errors
///
/// The body's, or that of [`enter`](AsyncContext::enter) or [`exit`](AsyncContext::exit).
///
/// # Two errors
///
/// When the body fails and then the exit, too, the outcome holds both if `E` is `Box<dyn Error + Send + Sync>`,
/// `Box<dyn Error>` or `String`: it is then a [`WithError`], or its text. Any other `E` is
/// the body's error; the exit was told what that says, and its own error goes to
/// [`AsyncContext::unreported`]. [`with_both`] returns both, in their own types.
///
/// # Cancel safety
///
/// Weak: dropping the future drops the body, and the exit runs all the same, with [`Exit::Dropped`], in a task of its
/// own. If the exit has begun, the rest of it moves there. The nearest scope around that has not ended waits
/// for it before it returns, also with a value; outside of every scope nobody waits. Its error goes to
/// [`AsyncContext::unreported`].
///
/// A cancellation while the context is being entered drops `enter`, and there is nothing to leave.
///
/// In a task that took its scope along with [`in_current_scope`](crate::ScopeExt::in_current_scope) a cancellation of
/// that scope drops nothing, as always: the body goes on, and the scope waits for the exit only.
///
/// # Panics
///
/// When `enter`, the body or `exit` does; if the last two do, with what the body said. The exit runs in any case.
///
/// Also when the scope that ended it polled it by reference, as `timeout(time, &mut future)` does, and it is polled
/// again after that: the body is gone.
///
/// # Limitations
///
/// Nothing runs after the process has ended, or when the future was leaked ([`std::mem::forget`]); a scope around that
/// is cancelled then waits for ever, unless it has a [grace](crate::Timeout::grace). When the
/// runtime is shut down, or there is none where the future is dropped and none where it was first polled, the
/// guard is dropped without an exit.
///
/// # Examples
///
/// A lock file that is removed, also when the time is over:
///
/// ```
/// use std::path::PathBuf;
/// use std::time::Duration;
/// use tidegate_timeout::{AsyncContext, Exit, timeout, with};
///
/// struct LockFile(PathBuf);
///
/// impl AsyncContext for LockFile {
///     type Guard = PathBuf;
///     type Error = std::io::Error;
///
///     async fn enter(self) -> std::io::Result<PathBuf> {
///         std::fs::File::create_new(&self.0)?;
///         Ok(self.0)
///     }
///
///     async fn exit(path: PathBuf, _: Exit) -> std::io::Result<()> {
///         std::fs::remove_file(path)
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// # let path = std::env::temp_dir().join(format!("tidegate-with-{}", std::process::id()));
/// let work = with(LockFile(path.clone()), async |path| {
///     assert!(path.exists());
///     std::future::pending::<std::io::Result<()>>().await
/// });
/// assert!(timeout(Duration::from_secs(1), work).await.is_err());
/// assert!(!path.exists());
/// # })
/// ```
pub async fn with<C, T, E>(
    context: C,
    body: impl AsyncFnOnce(&mut C::Guard) -> Result<T, E>,
) -> Result<T, E>
where
    C: AsyncContext,
    E: From<C::Error> + Display + 'static,
{
    with_both(context, body).await.map_err(|error| match error {
        WithError::Enter(error) | WithError::Exit(error) => error.into(),
        WithError::Body(error) => error,
        WithError::Both { body, exit } if holds_many::<E>() => both(body, exit.into()),
        WithError::Both { body, exit } => {
            C::unreported(exit);
            body
        }
    })
}

/// As [`with`](with()), with both errors in their own types.
///
/// # Errors
///
/// When entering, the body or leaving failed, or the last two.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::{AsyncContext, Exit, WithError, with_both};
///
/// struct Session;
///
/// impl AsyncContext for Session {
///     type Guard = ();
///     type Error = u32;
///
///     async fn enter(self) -> Result<(), u32> {
///         Ok(())
///     }
///
///     async fn exit(_: (), why: Exit) -> Result<(), u32> {
///         assert_eq!(why, Exit::Err("no".to_owned()));
///         Err(7)
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let outcome = with_both(Session, async |_| Err::<(), _>("no")).await;
/// assert_eq!(outcome, Err(WithError::Both { body: "no", exit: 7 }));
/// # })
/// ```
pub async fn with_both<C, T, E>(
    context: C,
    body: impl AsyncFnOnce(&mut C::Guard) -> Result<T, E>,
) -> Result<T, WithError<E, C::Error>>
where
    C: AsyncContext,
    E: Display,
{
    let mut bracket = Bracket::new();
    let guard = match bracket.run(async { context.enter().await }).await {
        Ended::Value(Ok(guard)) => guard,
        Ended::Value(Err(error)) => return Err(WithError::Enter(error)),
        Ended::Panicked(panic) => resume_unwind(panic),
        Ended::Cancelled(_) => return bracket.be_dropped().await,
    };
    let mut held = Held::new(Entered::<C> { guard }, &bracket);
    let ended = bracket.run(async { body(&mut held.get().guard).await }).await;
    let left = held.leave(why(&ended)).await;
    match (ended, left) {
        (Ended::Panicked(panic), left) => {
            match left {
                Ok(left) => Entered::<C>::unreported(left),
                Err(another) => discard(another),
            }
            resume_unwind(panic)
        }
        (_, Err(panic)) => resume_unwind(panic),
        (Ended::Cancelled(_), Ok(left)) => {
            Entered::<C>::unreported(left);
            drop(held);
            bracket.be_dropped().await
        }
        (Ended::Value(Ok(value)), Ok(Ok(()))) => Ok(value),
        (Ended::Value(Ok(_)), Ok(Err(exit))) => Err(WithError::Exit(exit)),
        (Ended::Value(Err(body)), Ok(Ok(()))) => Err(WithError::Body(body)),
        (Ended::Value(Err(body)), Ok(Err(exit))) => Err(WithError::Both { body, exit }),
    }
}

/// What the exit is told.
pub(crate) fn why<T, E: Display>(ended: &Ended<Result<T, E>>) -> Exit {
    match ended {
        Ended::Value(Ok(_)) => Exit::Ok,
        Ended::Value(Err(error)) => Exit::Err(error.to_string()),
        Ended::Panicked(panic) => Exit::Panic(message_of(&**panic)),
        Ended::Cancelled(reason) => Exit::Cancelled(reason.clone()),
    }
}

struct Entered<C: AsyncContext> {
    guard: C::Guard,
}

impl<C: AsyncContext> Leave for Entered<C> {
    type Left = Result<(), C::Error>;

    async fn leave(self, why: Exit) -> Self::Left {
        C::exit(self.guard, why).await
    }

    fn unreported(left: Self::Left) {
        if let Err(error) = left {
            C::unreported(error);
        }
    }
}

/// What went wrong in [`with_both`].
///
/// # Examples
///
/// ```
/// use tidegate_timeout::WithError;
///
/// let error = WithError::Both { body: "no such row", exit: "the connection is gone" };
/// assert_eq!(error.to_string(), "no such row; its exit failed: the connection is gone");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithError<E, X> {
    /// The context could not be entered; the body did not run.
    Enter(X),
    /// The body failed.
    Body(E),
    /// The body gave a value, but the context could not be left.
    Exit(X),
    /// Both.
    Both {
        /// What the body said.
        body: E,
        /// What the exit said.
        exit: X,
    },
}

impl<E: Display, X: Display> Display for WithError<E, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enter(error) | Self::Exit(error) => Display::fmt(error, f),
            Self::Body(error) => Display::fmt(error, f),
            Self::Both { body, exit } => write!(f, "{body}; its exit failed: {exit}"),
        }
    }
}

impl<E: Debug + Display, X: Debug + Display> Error for WithError<E, X> {}
