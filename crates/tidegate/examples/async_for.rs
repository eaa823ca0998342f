//! A stream that a loop goes through, and one that is collected.
//!
//! Rust has no generators that wait; a queue does for one: what the producer would `yield`, it puts, and it says when
//! that was all. With room for a single item it runs no further ahead than a generator would.
//!
//! ```text
//! 1
//! 2
//! Result is [2, 4]
//! ```

use std::pin::pin;

use futures_util::{Stream, StreamExt};
use tidegate::prelude::*;
use tidegate::queue::Closed;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Closed<u32>> {
    let queue = Queue::bounded(1);
    let (sent, ()) = tokio::join!(numbers(&queue), async {
        let mut stream = pin!(queue.stream());
        while let Some(v) = stream.next().await {
            println!("{v}");
        }
    });
    sent?;

    let queue = Queue::bounded(1);
    let (sent, result) = tokio::join!(numbers(&queue), doubled(queue.stream()));
    sent?;
    println!("Result is {result:?}");
    Ok(())
}

/// `yield 1`, `yield 2`.
async fn numbers(queue: &Queue<u32>) -> Result<(), Closed<u32>> {
    queue.put(1).await?;
    queue.put(2).await?;
    queue.shutdown(Shutdown::Drain);
    Ok(())
}

async fn doubled(numbers: impl Stream<Item = u32>) -> Vec<u32> {
    numbers.map(|v| v * 2).collect().await
}
