// How it works
//
// The stack is what a bracket holds, as `with` holds one guard. Its exits run as one future, the latest entry
// first, each in a catch of its own; so the remainder of a stack that is dropped moves as one, in order.
//
// What an exit says keeps its own type until somebody takes it (`Failed`): only then it becomes an `E`, or goes back
// to its context.
//
// A guard that is lent out is in the hands of its `Lent`, and a slot that the two share says where it is. The
// stack that finds it still out leaves a note how to leave the context, and whoever drops the `Lent` does so.

use std::any::{Any, TypeId};
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use tidegate_shim::Mutex;

use crate::adopt::Home;
use crate::bracket::{Bracket, Held, Leave};
use crate::caught::{caught, message_of, quietly};
use crate::context::{AsyncContext, Exit};
use crate::current;
use crate::discard::discard;
use crate::exit_errors::{BoxError, ExitErrors, all, holds_many};
use crate::scope::Ended;
use crate::with::why;

mod entry;
mod lent;

pub use lent::Lent;

use entry::{Deferred, Entered, Entry, Failed, Pushed};
use lent::{Loan, Slot};

/// Runs `body` with a stack of contexts and clean-ups, which are left in reverse order however it ends.
///
/// asyncio's `AsyncExitStack`: for as many contexts as are only known at run time, and for clean-up that is not worth
/// a context. For everything else it is as [`with`](crate::with()).
///
/// Each exit is told how the body ended; those that run after an exit that failed or panicked are told of that
/// instead. None is left out because another one panicked.
///
/// # Errors
///
/// The body's, or that of an exit. If `E` is `Box<dyn Error + Send + Sync>`, `Box<dyn Error>` or `String` it holds
/// them all: one as it is, several as an [`ExitErrors`], or its text. Any other `E` is the body's error or, if
/// that gave a value, the first one of an exit whose type is `E`; what other exits said goes to
/// [`AsyncContext::unreported`]. [`exit_stack_all`] returns them all, whatever their types.
///
/// # Cancel safety
///
/// Weak, as [`with`](crate::with()#cancel-safety): what is on the stack is left in one task, in the same order.
///
/// # Panics
///
/// When the body or an exit does, with what was said first; all exits run before that. Also when the body gave a
/// value, an exit failed, and `E` is no type that can say so, such as `anyhow::Error`; [`exit_stack_all`] does not.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::{AsyncContext, Exit, exit_stack};
///
/// struct Connect(u16);
/// # #[derive(Debug)]
/// struct Connection(u16);
///
/// impl AsyncContext for Connect {
///     type Guard = Connection;
///     type Error = std::io::Error;
///
///     async fn enter(self) -> std::io::Result<Connection> {
///         Ok(Connection(self.0))
///     }
///
///     async fn exit(connection: Connection, _: Exit) -> std::io::Result<()> {
///         println!("{} is closed", connection.0);
///         Ok(())
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = exit_stack(async |stack| {
///     stack.defer(|| async { println!("last of all") });
///     let mut connections = Vec::new();
///     for port in [80, 443] {
///         connections.push(stack.enter_owned(Connect(port)).await?);
///     }
///     Ok::<_, std::io::Error>(connections.iter().map(|connection| connection.0).sum::<u16>())
/// });
/// assert_eq!(sum.await.unwrap(), 523);
/// # })
/// ```
pub async fn exit_stack<T, E>(
    body: impl AsyncFnOnce(&mut ExitStack) -> Result<T, E>,
) -> Result<T, E>
where
    E: Display + 'static,
{
    run(body).await.map_err(|Failures { body, mut exits }| {
        if holds_many::<E>() {
            return all(body, exits.into_iter().map(|failed| failed.into_error()).collect());
        }
        let same = exits.iter().position(|failed| failed.has_type(TypeId::of::<E>()));
        let exit = same.filter(|_| body.is_none()).map(|at| exits.remove(at).into_any());
        let exit = exit.and_then(|error| error.downcast().ok()).map(|error| *error);
        let Some(error) = body.or(exit) else {
            let exits = exits.into_iter().map(|failed| failed.into_error()).collect();
            panic!("an exit failed: {}", ExitErrors::<E> { body: None, exits });
        };
        exits.into_iter().for_each(|failed| failed.unreported());
        error
    })
}

/// As [`exit_stack`], with all the errors there are.
///
/// # Errors
///
/// When the body or an exit failed.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::{ExitErrors, exit_stack_all};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let outcome = exit_stack_all(async |stack| {
///     stack.push(|_| async { Err("the exit failed") });
///     Err::<(), _>("the body failed")
/// });
/// let errors = outcome.await.unwrap_err();
/// assert_eq!(errors.body, Some("the body failed"));
/// assert_eq!(errors.exits[0].to_string(), "the exit failed");
/// # })
/// ```
pub async fn exit_stack_all<T, E>(
    body: impl AsyncFnOnce(&mut ExitStack) -> Result<T, E>,
) -> Result<T, ExitErrors<E>>
where
    E: Display + 'static,
{
    run(body).await.map_err(|Failures { body, exits }| {
        let exits = exits.into_iter().map(|failed| failed.into_error()).collect();
        ExitErrors { body, exits }
    })
}

struct Failures<E> {
    body: Option<E>,
    exits: Vec<Box<dyn Failed>>,
}

async fn run<T, E>(body: impl AsyncFnOnce(&mut ExitStack) -> Result<T, E>) -> Result<T, Failures<E>>
where
    E: Display + 'static,
{
    let mut bracket = Bracket::new();
    let mut held = Held::new(Whole { stack: ExitStack { entries: Vec::new() } }, &bracket);
    let ended = bracket.run(async { body(&mut held.get().stack).await }).await;
    let left = held.leave(why(&ended)).await;
    let Left { failed: exits, panic } = match left {
        Ok(left) => left,
        Err(panic) => Left { failed: Vec::new(), panic: Some(panic) },
    };
    match (ended, panic) {
        (Ended::Panicked(panic), another) => {
            another.into_iter().for_each(discard);
            Whole::unreported(Left { failed: exits, panic: None });
            resume_unwind(panic)
        }
        (_, Some(panic)) => {
            Whole::unreported(Left { failed: exits, panic: None });
            resume_unwind(panic)
        }
        (Ended::Cancelled(_), None) => {
            Whole::unreported(Left { failed: exits, panic: None });
            drop(held);
            bracket.be_dropped().await
        }
        (Ended::Value(Ok(value)), None) if exits.is_empty() => Ok(value),
        (Ended::Value(Ok(_)), None) => Err(Failures { body: None, exits }),
        (Ended::Value(Err(error)), None) => Err(Failures { body: Some(error), exits }),
    }
}

/// What has been entered in an [`exit_stack`], and is left at its end, the latest first.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::exit_stack;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let done = exit_stack(async |stack| {
///     stack.defer(|| async { println!("second") });
///     stack.defer(|| async { println!("first") });
///     Ok::<_, String>(())
/// });
/// assert!(done.await.is_ok());
/// # })
/// ```
pub struct ExitStack {
    entries: Vec<Box<dyn Entry>>,
}

impl ExitStack {
    /// Enters a context, which is left at the end of the stack.
    ///
    /// # Errors
    ///
    /// When it cannot be entered; then it is not left either.
    ///
    /// # Cancel safety
    ///
    /// That of [`AsyncContext::enter`].
    ///
    /// # Examples
    ///
    /// See [`exit_stack`]; several guards at once are to be had from [`enter_owned`](Self::enter_owned).
    pub async fn enter<C>(&mut self, context: C) -> Result<&mut C::Guard, C::Error>
    where
        C: AsyncContext<Error: Into<BoxError>>,
    {
        let guard = context.enter().await?;
        self.entries.push(Box::new(Entered::<C> { guard }));
        let entered = self.entries.last_mut().and_then(|entry| entry.guard());
        Ok(entered.and_then(<dyn Any>::downcast_mut).expect("it was just pushed"))
    }

    /// As [`enter`](Self::enter), with a guard that does not borrow the stack.
    ///
    /// Dropping the guard gives it back to the stack, and does not leave the context. If it outlives the stack, the
    /// context is left when it is dropped, in a task of its own that the nearest scope around waits for.
    ///
    /// # Errors
    ///
    /// As [`enter`](Self::enter).
    ///
    /// # Cancel safety
    ///
    /// That of [`AsyncContext::enter`].
    ///
    /// # Examples
    ///
    /// See [`exit_stack`].
    pub async fn enter_owned<C>(&mut self, context: C) -> Result<Lent<C>, C::Error>
    where
        C: AsyncContext<Error: Into<BoxError>>,
    {
        let guard = context.enter().await?;
        let slot = Arc::new(Mutex::new(Slot::Lent));
        self.entries.push(Box::new(Loan { slot: Arc::clone(&slot) }));
        Ok(Lent { guard: Some(guard), slot, home: Home::of(current::node()) })
    }

    /// Runs a clean-up at the end of the stack, however that comes.
    ///
    /// # Examples
    ///
    /// See [`ExitStack`].
    pub fn defer<F, Fut>(&mut self, clean_up: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.entries.push(Box::new(Deferred { clean_up }));
    }

    /// As [`defer`](Self::defer), for a clean-up that wants to know why, or may fail.
    ///
    /// # Examples
    ///
    /// See [`exit_stack_all`].
    pub fn push<F, Fut, X>(&mut self, exit: F)
    where
        F: FnOnce(Exit) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), X>> + Send + 'static,
        X: Into<BoxError> + Send + 'static,
    {
        self.entries.push(Box::new(Pushed { exit }));
    }
}

impl Drop for ExitStack {
    fn drop(&mut self) {
        // Where no exit can run any more at least the guards go in that order.
        while self.entries.pop().is_some() {}
    }
}

impl fmt::Debug for ExitStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitStack").field("len", &self.entries.len()).finish()
    }
}

/// What the exits of a stack left.
struct Left {
    failed: Vec<Box<dyn Failed>>,
    panic: Option<Box<dyn Any + Send>>,
}

/// The stack as a bracket holds it.
struct Whole {
    stack: ExitStack,
}

impl Leave for Whole {
    type Left = Left;

    async fn leave(mut self, mut why: Exit) -> Left {
        let mut left = Left { failed: Vec::new(), panic: None };
        while let Some(entry) = self.stack.entries.pop() {
            let mut exit = entry.leave(why.clone());
            let ended = caught(exit.as_mut()).await;
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(exit)));
            if let Ok(Err(failed)) = ended {
                left.failed.push(failed);
                if why == Exit::Ok {
                    why = Exit::Err("an exit failed".to_owned());
                }
                quietly(dropped);
            } else if let Err(panic) = ended.and(dropped) {
                if !matches!(why, Exit::Panic(_) | Exit::Dropped) {
                    why = Exit::Panic(message_of(&*panic));
                }
                match left.panic {
                    Some(_) => discard(panic),
                    None => left.panic = Some(panic),
                }
            }
        }
        left
    }

    fn unreported(left: Left) {
        left.failed.into_iter().for_each(|failed| failed.unreported());
        left.panic.into_iter().for_each(discard);
    }
}
