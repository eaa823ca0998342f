//! One task blocks its thread: it is named while it does, and the others show the damage.
//!
//! A ticker wants to run every 10 ms. Another task calls a function that blocks, for 0.3 s at least, on the one thread
//! that there is. (It blocks until the watch has named it, however slow the machine is.)
//!
//! ```text
//! ticker: ticks every 10 ms
//! report: adds up, without an await
//! watch: task `report` (…
//! report: done
//! ticker: waited … ms for 10 ms
//! watch: task `report` (… in all
//! ```

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use tidegate::executor::{Runner, SlowPollWatch};
use tidegate::prelude::*;
use tokio::time::sleep;

const TICK: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let (named, is_named) = channel();
    let (ended, has_ended) = channel();
    let runner = Runner::builder()
        .current_thread()
        .slow_poll(SlowPollWatch::THRESHOLD, move |stall| {
            if stall.name.as_deref() != Some("report") {
                return;
            }
            if stall.over {
                let _ = ended.send(stall.clone());
            } else {
                println!("watch: {stall}");
                let _ = named.send(());
            }
        })
        .build();
    let code = match runner {
        Ok(runner) => runner.run(work(is_named)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    };
    if let Ok(stall) = has_ended.recv() {
        println!("watch: {stall}");
    }
    code
}

async fn work(is_named: Receiver<()>) -> Result<(), ErrorGroup> {
    let (ticking, done) = (Event::new(), Event::new());
    let (ticking, done) = (Arc::new(ticking), Arc::new(done));
    TaskGroup::scope(async |group: TaskGroup| {
        group.task("ticker").spawn(tick(Arc::clone(&ticking), Arc::clone(&done)));
        group.task("report").spawn(async move {
            ticking.wait().await;
            println!("report: adds up, without an await");
            thread::sleep(Duration::from_millis(300));
            is_named.recv()?;
            println!("report: done");
            done.set();
            Ok(())
        });
        Ok(())
    })
    .await
}

/// Ticks until the report is done, and says how long it had to wait for a tick at worst.
async fn tick(ticking: Arc<Event>, done: Arc<Event>) -> Result<(), BoxError> {
    let mut worst = Duration::ZERO;
    while !done.is_set() {
        let begun = Instant::now();
        sleep(TICK).await;
        worst = worst.max(begun.elapsed());
        if ticking.set() {
            println!("ticker: ticks every 10 ms");
        }
    }
    println!("ticker: waited {} ms for 10 ms", worst.as_millis());
    Ok(())
}
