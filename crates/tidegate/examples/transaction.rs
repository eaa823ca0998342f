//! A payment happens whole or not at all.
//!
//! A transaction is begun, worked in, and committed; if anything goes wrong in between it is rolled back. All three
//! take time, so a destructor cannot do it. `with` does: it enters a context, runs the body inside, and leaves the
//! context when the body has ended, *however* that was: it hands the reason to `exit` and awaits it, before anybody
//! around hears of the end.
//!
//! The database is SQLite in a file. What became of each payment is read through another connection.
//!
//! ```text
//! Ada has 100, Bob has 0
//!
//! a payment of 30
//!   BEGIN
//!   halfway: Ada has 100, Bob has 30
//!   COMMIT
//! Ada has 70, Bob has 30
//!
//! one of 500, which Ada has not
//!   BEGIN
//!   halfway: Ada has 70, Bob has 530
//!   ROLLBACK: CHECK constraint failed: balance >= 0
//! Ada has 70, Bob has 30
//!
//! one that panics halfway
//!   BEGIN
//!   halfway: Ada has 70, Bob has 40
//!   ROLLBACK: panicked, the printer is on fire
//! Ada has 70, Bob has 30
//!
//! one that takes longer than a second
//!   BEGIN
//!   halfway: Ada has 70, Bob has 40
//!   ROLLBACK: cancelled, the deadline passed
//! Ada has 70, Bob has 30
//!
//! one that Ada takes back
//!   BEGIN
//!   halfway: Ada has 70, Bob has 40
//!   ROLLBACK: cancelled, Ada thought better of it
//! Ada has 70, Bob has 30
//!
//! one that loses a race
//!   BEGIN
//!   halfway: Ada has 70, Bob has 40
//!   ROLLBACK: dropped
//! Ada has 70, Bob has 30
//! ```

use std::future::{pending, ready};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, params};
use tidegate::prelude::*;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

// The clock is paused: while everybody waits for a timer it jumps to it, and while the database works it stands.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let file = std::env::temp_dir().join(format!("tidegate-transaction-{}.db", std::process::id()));
    let bank = Database::open(&file)?;
    bank.run(|bank| {
        bank.execute_batch(
            "CREATE TABLE account (owner TEXT PRIMARY KEY, balance INTEGER CHECK (balance >= 0));
             INSERT INTO account VALUES ('Ada', 100), ('Bob', 0);",
        )
    })
    .await?;
    let auditor = Database::open(&file)?;
    println!("{}", auditor.balances().await?);

    println!("\na payment of 30");
    pay(&bank, 30, ready(())).await?;
    println!("{}", auditor.balances().await?);

    println!("\none of 500, which Ada has not");
    pay(&bank, 500, ready(())).await.expect_err("she has not");
    println!("{}", auditor.balances().await?);

    println!("\none that panics halfway");
    let clumsy = {
        let bank = bank.clone();
        async move { pay(&bank, 10, async { panic!("the printer is on fire") }).await }
    };
    tokio::spawn(clumsy).await.expect_err("it panics");
    println!("{}", auditor.balances().await?);

    println!("\none that takes longer than a second");
    timeout(SECOND, pay(&bank, 10, pending())).await.expect_err("it takes longer");
    println!("{}", auditor.balances().await?);

    println!("\none that Ada takes back");
    let payment = cancel_scope(async |scope| {
        let ada = async {
            sleep(SECOND).await;
            scope.cancel("Ada thought better of it");
        };
        tokio::join!(pay(&bank, 10, pending()), ada)
    });
    payment.await.expect_err("she does");
    println!("{}", auditor.balances().await?);

    // `select!` drops the loser at once and waits for nobody. So the rollback goes on without it, and the scope
    // around waits.
    println!("\none that loses a race");
    let race = cancel_scope(async |_| {
        tokio::select! {
            it = pay(&bank, 10, pending()) => it,
            () = sleep(SECOND) => Ok(()),
        }
    });
    race.await??;
    println!("{}", auditor.balances().await?);

    std::fs::remove_file(file)?;
    Ok(())
}

/// Moves money from Ada to Bob. Halfway, Bob has it and Ada has it still.
async fn pay(
    bank: &Database,
    amount: i64,
    halfway: impl Future<Output = ()>,
) -> Result<(), BoxError> {
    with(Transaction(bank.clone()), async |bank| {
        bank.begin().await?;
        bank.change("Bob", amount).await?;
        println!("  halfway: {}", bank.balances().await?);
        halfway.await;
        bank.change("Ada", -amount).await
    })
    .await
}

/// What is done from BEGIN on until it is left is committed, or else undone.
struct Transaction(Database);

impl AsyncContext for Transaction {
    type Guard = Database;
    type Error = BoxError;

    // Without an await: what is dropped in here is not left either. So BEGIN is the first step of the body, and
    // whoever is dropped while the transaction begins is rolled back as well.
    async fn enter(self) -> Result<Database, BoxError> {
        Ok(self.0)
    }

    async fn exit(bank: Database, why: Exit) -> Result<(), BoxError> {
        let how = match why {
            Exit::Ok => {
                println!("  COMMIT");
                return bank.run(|bank| bank.execute_batch("COMMIT")).await;
            }
            Exit::Err(error) => error,
            Exit::Panic(message) => format!("panicked, {message}"),
            Exit::Cancelled(reason) => format!("cancelled, {reason}"),
            Exit::Dropped => "dropped".to_owned(),
        };
        println!("  ROLLBACK: {how}");
        let undo = |bank: &Connection| match bank.is_autocommit() {
            true => Ok(()), // Nothing has begun.
            false => bank.execute_batch("ROLLBACK"),
        };
        bank.run(undo).await
    }
}

/// A connection and the one thread that works with it: all that makes SQLite's blocking interface async.
#[derive(Clone)]
struct Database {
    connection: Arc<Mutex<Connection>>,
    thread: Arc<ThreadPool>,
}

impl Database {
    fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = Arc::new(Mutex::new(Connection::open(file)?));
        let thread = Arc::new(ThreadPool::builder().name("sqlite").threads(1..=1).build());
        Ok(Self { connection, thread })
    }

    /// Does some work on the thread, after all that was asked for before.
    ///
    /// A scope that is cancelled meanwhile waits for it: no statement goes on behind anybody's back.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BoxError> {
        let connection = Arc::clone(&self.connection);
        let job = move |_: &_| work(&connection.lock().expect("no statement panics"));
        Ok(self.thread.run(job).await??)
    }

    async fn begin(&self) -> Result<(), BoxError> {
        println!("  BEGIN");
        self.run(|bank| bank.execute_batch("BEGIN IMMEDIATE")).await
    }

    async fn change(&self, owner: &'static str, by: i64) -> Result<(), BoxError> {
        const CHANGE: &str = "UPDATE account SET balance = balance + ?2 WHERE owner = ?1";
        self.run(move |bank| bank.execute(CHANGE, params![owner, by])).await?;
        Ok(())
    }

    async fn balances(&self) -> Result<String, BoxError> {
        let lines = self.run(|bank| {
            let mut query = bank.prepare("SELECT owner || ' has ' || balance FROM account")?;
            query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
        });
        Ok(lines.await?.join(", "))
    }
}
