//! Seven numbers by chance, which come out smallest first.
//!
//! `join` returns when each of them is done, not when the queue is empty; the consumer is cancelled then, in the middle
//! of its wait for an eighth.
//!
//! ```text
//! producing …
//! producing …
//! producing …
//! producing …
//! producing …
//! producing …
//! producing …
//! consuming …...
//! consuming …...
//! consuming …...
//! consuming …...
//! consuming …...
//! consuming …...
//! consuming …...
//! 7 of 7 in order, and nothing is left
//! ```

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tidegate::prelude::*;
use tokio::time::sleep;

static NUMBERS: PriorityQueue<u64> = PriorityQueue::unbounded();
static FETCHES: Semaphore = Semaphore::new(3);

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), ErrorGroup> {
    let seen = Arc::new(Lock::new(Vec::new()));
    TaskGroup::scope(async |group: TaskGroup| {
        for number in sample() {
            println!("producing {number}");
            NUMBERS.put(number).await?;
        }
        let consumer = group.spawn(consume(Arc::clone(&seen)));
        NUMBERS.join().await;
        consumer.abort();
        Ok(())
    })
    .await?;

    let seen = seen.lock().await;
    assert!(seen.is_sorted() && NUMBERS.is_empty());
    println!("{} of 7 in order, and nothing is left", seen.len());
    Ok(())
}

async fn consume(seen: Arc<Lock<Vec<u64>>>) -> Result<(), BoxError> {
    loop {
        let number = NUMBERS.take().await?;
        let answer = collect_result(*number).await?;
        println!("consuming {answer}...");
        seen.lock().await.push(answer);
    } // `number` says that it is done when it is dropped.
}

async fn collect_result(number: u64) -> Result<u64, BoxError> {
    let _permit = FETCHES.acquire().await?;
    sleep(Duration::from_millis(10)).await; // A request, for instance.
    Ok(number)
}

/// Seven different numbers below a hundred.
fn sample() -> HashSet<u64> {
    let random = RandomState::new(); // Its keys are random, and so are its hashes.
    let mut sample = HashSet::new();
    for i in 0_u64.. {
        sample.insert(random.hash_one(i) % 100);
        if sample.len() == 7 {
            break;
        }
    }
    sample
}
