//! Two tasks wait for a lock, which a timer gives back.
//!
//! The guard goes along with the callback: it is the lock, and dropping it gives it back. Nobody can release a lock that
//! they do not have.
//!
//! ```text
//! l1 waiting for the lock
//! l2 waiting for the lock
//! callback releasing lock
//! l1 acquired lock
//! l1 released lock
//! l2 acquired lock
//! l2 released lock
//! ```

use std::time::Duration;

use tidegate::executor::call_later;
use tidegate::prelude::*;

static LOCK: Lock<()> = Lock::new(());

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let guard = LOCK.lock().await;
    call_later(Duration::from_millis(100), move || {
        println!("callback releasing lock");
        drop(guard);
    });
    gather_settled([test("l1"), test("l2")]).await;
}

async fn test(locker: &str) {
    println!("{locker} waiting for the lock");
    {
        let _guard = LOCK.lock().await;
        println!("{locker} acquired lock");
    }
    println!("{locker} released lock");
}
