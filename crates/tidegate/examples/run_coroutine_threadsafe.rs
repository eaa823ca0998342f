//! A thread without a runtime hands futures to one that runs in another thread, and waits for what comes of them.
//!
//! Its patience may end before the task does; then the task goes on, and can be waited for again or be cancelled.
//!
//! ```text
//! a in
//! Result: a
//! Result: the task has not ended in time
//! a cleans up
//! Result: the task was cancelled: …
//! no thread is left
//! ```

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tidegate::executor::{call_soon_threadsafe, run_coroutine_threadsafe};
use tidegate::prelude::*;
use tokio::runtime::{Builder, Handle};
use tokio::time::sleep;

fn main() -> Result<(), BoxError> {
    let stopped = Arc::new(Event::new());
    let (runtime, its_handle) = mpsc::channel();
    let until = Arc::clone(&stopped);
    let thread = thread::spawn(move || run_until(&until, &runtime));
    let handle = its_handle.recv()?;

    let quick = run_coroutine_threadsafe(a(Duration::from_millis(100)), &handle);
    println!("Result: {}", quick.result_timeout(Duration::from_secs(60))?);

    let slow = run_coroutine_threadsafe(a(Duration::from_secs(3600)), &handle);
    match slow.result_timeout(Duration::from_millis(100)) {
        Ok(result) => println!("Result: {result}"),
        Err(error) => println!("Result: {error}"),
    }
    slow.cancel();
    if let Err(error) = slow.result() {
        println!("Result: {error}");
    }

    // As the task, from this thread.
    let _inside = handle.enter();
    call_soon_threadsafe(move || _ = stopped.set());
    if thread.join().is_ok() {
        println!("no thread is left");
    }
    Ok(())
}

/// What a thread does that runs a runtime.
fn run_until(stopped: &Event, its_handle: &mpsc::Sender<Handle>) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    if its_handle.send(runtime.handle().clone()).is_ok() {
        runtime.block_on(stopped.wait());
    }
}

async fn a(takes: Duration) -> &'static str {
    let cleans_up = CleansUp;
    sleep(takes).await;
    std::mem::forget(cleans_up);
    println!("a in");
    "a"
}

struct CleansUp;

impl Drop for CleansUp {
    fn drop(&mut self) {
        println!("a cleans up");
    }
}
