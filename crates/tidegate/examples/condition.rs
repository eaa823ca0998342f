//! Two consumers wait for a resource: first they are told one by one, then both at once.
//!
//! The waits give the lock back and have it again when they return; so a consumer that was told prints before anybody
//! is told anything else.
//!
//! ```text
//! notifying consumer 1
//! c1: Resource is available to consumer
//! notifying consumer 2
//! c2: Resource is available to consumer
//! Making resource available
//! c1: Resource is available to consumer
//! c2: Resource is available to consumer
//! ```

use std::convert::Infallible;
use std::time::Duration;

use tidegate::prelude::*;
use tokio::time::sleep;

static RESOURCE: Lock<()> = Lock::new(());
static AVAILABLE: Condition = Condition::new();

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), ErrorGroup<Infallible>> {
    // The scope ends when its tasks have ended, so there is no producer left to cancel.
    TaskGroup::scope(async |group: TaskGroup<Infallible>| {
        group.spawn(producer());
        consumers(&group);
        Ok(())
    })
    .await?;

    TaskGroup::scope(async |group: TaskGroup<Infallible>| {
        group.spawn(producer2());
        consumers(&group);
        Ok(())
    })
    .await
}

fn consumers(group: &TaskGroup<Infallible>) {
    for (second, name) in (0..).zip(["c1", "c2"]) {
        group.spawn(consumer(name, Duration::from_secs(second)));
    }
}

async fn consumer(name: &str, after: Duration) -> Result<(), Infallible> {
    sleep(after).await;
    let guard = RESOURCE.lock().await;
    let _guard = AVAILABLE.wait(guard).await;
    println!("{name}: Resource is available to consumer");
    Ok(())
}

async fn producer() -> Result<(), Infallible> {
    sleep(Duration::from_secs(2)).await;
    for n in 1..3 {
        let guard = RESOURCE.lock().await;
        println!("notifying consumer {n}");
        AVAILABLE.notify_one();
        drop(guard);
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn producer2() -> Result<(), Infallible> {
    sleep(Duration::from_secs(2)).await;
    let _guard = RESOURCE.lock().await;
    println!("Making resource available");
    AVAILABLE.notify_all();
    Ok(())
}
