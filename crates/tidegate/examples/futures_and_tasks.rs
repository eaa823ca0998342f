//! Two functions, of which the first sleeps: twice, and waited for in two ways.
//!
//! `gather` and `wait` run futures together in the task that awaits them. A [`Task`] is a future too, and what it
//! stands for runs by itself; so the two of them are the same type, though what they run is not.
//!
//! ```text
//! 4
//! 2
//! 4
//! 2
//! ```

use std::time::Duration;

use tidegate::prelude::*;
use tokio::time::sleep;

// The clock is paused: when everybody waits, it jumps to whoever is next. Take `start_paused` away to see it wait.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), ErrorGroup> {
    TaskGroup::scope(async |group: TaskGroup| {
        gather(both(&group)).await?;

        let waited = wait(both(&group), Wait::All).await;
        assert!(waited.pending.is_empty());
        Ok(())
    })
    .await
}

fn both(group: &TaskGroup) -> [Task<()>; 2] {
    [group.spawn(func1()), group.spawn(func2())]
}

/// Is started first, and ends last.
async fn func1() -> Result<(), BoxError> {
    sleep(Duration::from_secs(1)).await;
    func(1).await
}

async fn func2() -> Result<(), BoxError> {
    func(2).await
}

async fn func(num: u32) -> Result<(), BoxError> {
    println!("{}", num * 2);
    Ok(())
}
