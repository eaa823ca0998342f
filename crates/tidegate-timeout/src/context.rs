use crate::reason::CancelReason;

/// Something that is entered and left, each with `.await` in it: a transaction, a session, a lease.
///
/// asyncio's asynchronous context manager. [`with`](crate::with()) and [`exit_stack`](crate::exit_stack()) enter it,
/// lend its guard to a body and leave it, however the body ends.
///
/// # Examples
///
/// A transaction that is committed if all went well, and rolled back otherwise:
///
/// ```
/// use tidegate_timeout::{AsyncContext, Exit, with};
///
/// struct Begin(Database);
/// struct Transaction(Database);
///
/// impl AsyncContext for Begin {
///     type Guard = Transaction;
///     type Error = DatabaseError;
///
///     async fn enter(self) -> Result<Transaction, DatabaseError> {
///         self.0.run("BEGIN").await?;
///         Ok(Transaction(self.0))
///     }
///
///     async fn exit(transaction: Transaction, why: Exit) -> Result<(), DatabaseError> {
///         let Transaction(database) = transaction;
///         database.run(if why == Exit::Ok { "COMMIT" } else { "ROLLBACK" }).await
///     }
/// }
///
/// async fn transfer(database: Database) -> Result<(), DatabaseError> {
///     with(Begin(database), async |transaction| {
///         transaction.0.run("UPDATE account SET balance = balance - 1 WHERE id = 7").await?;
///         transaction.0.run("UPDATE account SET balance = balance + 1 WHERE id = 8").await
///     })
///     .await
/// }
/// # struct Database;
/// # #[derive(Debug)]
/// # struct DatabaseError;
/// # impl std::fmt::Display for DatabaseError {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("no") }
/// # }
/// # impl Database {
/// #     async fn run(&self, _: &str) -> Result<(), DatabaseError> { Ok(()) }
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(transfer(Database)).unwrap();
/// ```
pub trait AsyncContext: Sized + Send + 'static {
    /// What the body works with while the context is entered.
    type Guard: Send + 'static;

    /// Why it could not be entered or left.
    type Error: Send + 'static;

    /// Enters the context.
    ///
    /// A cancellation that arrives meanwhile drops this future, as any other, at the `.await` where it stands. Then
    /// there is no guard and [`exit`](Self::exit) is not called: what has been begun by then has to be undone by
    /// destructors, or by a [`with`](crate::with()) in here.
    fn enter(self) -> impl Future<Output = Result<Self::Guard, Self::Error>> + Send;

    /// Leaves the context.
    ///
    /// Runs in a [shield](crate::shield()): it has no deadline and sees no cancellation but its own. It is not
    /// called when the guard is leaked, and does not get to its end when the process ends or the runtime is shut
    /// down.
    fn exit(guard: Self::Guard, why: Exit) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Takes the error of an [`exit`](Self::exit) that cannot be returned to anybody.
    ///
    /// So it is after a cancellation, after a panic, when the future was dropped, and when the body failed too
    /// and its error type cannot [hold both](crate::with()#two-errors). The place to log it; unless it is
    /// overridden, the error is dropped.
    fn unreported(error: Self::Error) {
        drop(error);
    }
}

/// How the body of a context ended.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::Exit;
///
/// fn verb(why: &Exit) -> &'static str {
///     match why {
///         Exit::Ok => "COMMIT",
///         _ => "ROLLBACK",
///     }
/// }
/// assert_eq!(verb(&Exit::Dropped), "ROLLBACK");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With a value.
    Ok,
    /// With an error, which says this.
    Err(String),
    /// With a panic, which said this.
    Panic(String),
    /// A scope around it was cancelled.
    Cancelled(CancelReason),
    /// Its future was dropped by something that is not a scope.
    Dropped,
}
